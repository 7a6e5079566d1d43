"""Draws curves as lines of braille characters; thins points but keeps every extreme.

All functions are thread-safe; their results can be shown as they are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from tsdownsample import MinMaxDownsampler

from tui.screens.training.charts import ticks
from tui.screens.training.charts.ticks import Tick
from tui.screens.training.charts.traces import Axes, ClippedTrace, FloatArray, IndexArray, Trace, clip

if TYPE_CHECKING:
    from tui.screens.training.charts.chart_colours import ChartColours

#: Dots of a braille cell, and the bit that each sets in its character.
_ACROSS, _DOWN = 2, 4
_BITS = np.array([[1, 8], [2, 16], [4, 32], [64, 128]])
_BRAILLE = 0x2800
_SPACE, _GRID, _POINT, _BROKEN = ord(" "), ord("┈"), ord("○"), ord("✗")
#: From this height on the x axis has a line above its labels.
_TALL = 10
#: The min average distance of labels: rows on the y axis, cells on the x axis.
_Y_APART, _X_APART = 2.5, 8


#: The largest and the smallest power of ten that can be labelled.
_POWER = 300


@dataclass(frozen=True)
class Chart:
    """A finished chart: its lines, and the mapping between cells and x.

    The plot has `width` x `rows` cells, to the right of `left` cells. `bottom` and `top` are on the scale of
    the y axis: logarithms if it is logarithmic. `left_out` counts points in range that cannot be drawn.
    """

    strips: tuple[Strip, ...]
    left: int
    width: int
    rows: int
    low: float
    high: float
    bottom: float
    top: float
    log: bool
    left_out: int = 0

    def column(self, x: float) -> int | None:
        """The cell of x in its lines, None if x is out of range."""
        if not self.low <= x <= self.high:
            return None
        return self.left + int(columns(np.array([x]), self.low, self.high, self.width)[0])

    def row(self, y: float) -> int | None:
        """The row of y in its lines, None if y cannot be drawn."""
        if not math.isfinite(y) or (self.log and y <= 0):
            return None
        return int(_rows(np.array([math.log10(y) if self.log else y]), self.bottom, self.top, self.rows)[0])

    def x(self, column: int) -> float:
        """The x in the middle of a cell of its lines, clipped to the range."""
        share = (column - self.left + 0.5) / max(1, self.width)
        return self.low + min(1.0, max(0.0, share)) * (self.high - self.low)


def columns(x: FloatArray, low: float, high: float, count: int) -> IndexArray:
    """The index of each x among `count` columns of [low, high]; every x must be in range."""
    return np.minimum((x - low) / (high - low) * count, count - 1).astype(np.int64)


def _down(y: FloatArray, bottom: float, top: float, count: int) -> IndexArray:
    """The distance of each y from the top, in `count` lines of dots."""
    dots = np.rint((top - y) / (top - bottom) * (count - 1))
    return np.clip(dots, 0, count - 1).astype(np.int64)


def _rows(y: FloatArray, bottom: float, top: float, count: int) -> IndexArray:
    """The same in rows of cells."""
    return _down(y, bottom, top, count * _DOWN) // _DOWN


def thinned(x: FloatArray, y: FloatArray, low: float, high: float, count: int) -> IndexArray:
    """The indices of points that suffice to draw the same picture in `count` >= 2 columns of [low, high].

    In each column these are the min and the max of y, and overall the first and the last point. `x` is
    ascending and in range, `y` is finite.
    """
    if len(x) <= 2 * count:
        return np.arange(len(x))
    # Bins of whole numbers have edges at halves, so rounding does not affect them.
    place = columns(x, low, high, count).astype(np.float64)
    found = MinMaxDownsampler().downsample(
        np.concatenate(([-0.5], place, [count - 0.5])),
        np.concatenate(([np.nan], y, [np.nan])),
        n_out=2 * count,
    )
    inner = found.astype(np.int64) - 1
    inner = inner[(inner >= 0) & (inner < len(x))]
    return np.unique(np.concatenate(([0], inner, [len(x) - 1])))


def draw(traces: Sequence[Trace], axes: Axes, width: int, height: int, colours: ChartColours) -> Chart:
    """Draw the traces, later ones on top, in `width` x `height` cells including axes and labels."""
    below = 2 if height >= _TALL else 1
    rows = max(1, height - below)
    labelled = sum(bool(trace.label) for trace in traces) > 1
    clipped = [clip(trace, axes) for trace in traces]
    bottom, top = _range([shape.y for shape in clipped])
    y_ticks = _y_ticks(bottom, top, max(2, int(rows / _Y_APART)), axes.log)
    left = max((len(tick.label) for tick in y_ticks), default=1) + 2
    cells = max(1, width - left - (2 if labelled else 0))
    canvas = _Canvas(cells, rows, bottom, top, colours)
    canvas.lay_grid([tick.at for tick in y_ticks])
    for trace, shape in zip(traces, clipped, strict=True):
        canvas.put(trace, shape, axes)
    ends = _ends(traces, clipped, canvas) if labelled else {}
    at_row = {canvas.row(tick.at): tick.label for tick in y_ticks}
    axis, text = Style(color=colours.axis), Style(color=colours.text)
    strips = []
    for row, line in enumerate(canvas.lines()):
        label = at_row.get(row)
        gutter = [Segment(f"{label or '':>{left - 2}} ", text), Segment("│" if label is None else "┤", axis)]
        end = ends.get(row, ("  ", colours.text))
        right = [Segment(f"{end[0]:>2}", Style(color=end[1], bold=True))] if labelled else []
        strips.append(Strip([*gutter, *line, *right], width))
    strips += _x_axis(axes, left, cells, width, below, axis, text)
    left_out = sum(
        shape.left_out for trace, shape in zip(traces, clipped, strict=True) if trace.kind != "faint"
    )
    return Chart(
        tuple(strips[:height]), left, cells, rows, axes.low, axes.high, bottom, top, axes.log, left_out
    )


def _range(values: Sequence[FloatArray]) -> tuple[float, float]:
    """The min and the max of all values, never equal."""
    found = np.concatenate([np.empty(0), *values])
    if not len(found):
        return 0.0, 1.0
    low, high = float(found.min()), float(found.max())
    if high - low > 1e-12 * max(abs(low), abs(high)):
        return low, high
    pad = abs(low) * 0.05 or 0.5
    return low - pad, high + pad


def _y_ticks(bottom: float, top: float, limit: int, log: bool) -> list[Tick]:
    """Ticks on the scale of the y axis."""
    if not log:
        found = ticks.linear(bottom, top, limit)
        # A single label does not show the scale.
        return found if len(found) > 1 else ticks.linear(bottom, top, limit + 2)
    found = ticks.logarithmic(10.0 ** max(bottom, -_POWER), 10.0 ** min(top, _POWER), limit)
    return [Tick(math.log10(tick.at), tick.label) for tick in found if tick.at > 0]


class _Canvas:
    """The plot area: a character and a colour per cell."""

    def __init__(self, width: int, height: int, bottom: float, top: float, colours: ChartColours) -> None:
        self.width, self.height = width, height
        self._bottom, self._top = bottom, top
        self._characters = np.full((height, width), _SPACE, np.uint32)
        self._painted = np.zeros((height, width), np.int64)
        self._palette = [Style(color=colours.grid)]

    def row(self, y: float) -> int:
        """The row of cells of y."""
        return int(_rows(np.array([y]), self._bottom, self._top, self.height)[0])

    def lay_grid(self, values: Sequence[float]) -> None:
        for value in values:
            self._characters[self.row(value)] = _GRID

    def put(self, trace: Trace, shape: ClippedTrace, axes: Axes) -> None:
        self._palette.append(Style(color=trace.colour, dim=trace.kind == "faint" or None))
        count = self.width * _ACROSS
        if len(shape.x):
            kept = thinned(shape.x, shape.y, axes.low, axes.high, count)
            across = columns(shape.x[kept], axes.low, axes.high, count)
            down = self._dots_down(shape.y[kept])
            if trace.kind == "points" or len(shape.x) == 1:
                self._mark(down // _DOWN, across // _ACROSS, _POINT)
            else:
                # A line connects to a kept point if it connects all thinned points before it.
                breaks = np.cumsum(~shape.joined)
                self._draw(across, down, np.diff(breaks[kept]) == 0)
        if trace.kind != "faint" and len(shape.broken[0]):
            across = columns(shape.broken[0], axes.low, axes.high, self.width)
            value = np.clip(shape.broken[1], self._bottom, self._top)
            self._mark(self._dots_down(value) // _DOWN, across, _BROKEN)

    def lines(self) -> list[list[Segment]]:
        """Its rows as segments, one per stretch of cells of the same colour."""
        lines = []
        for characters, painted in zip(self._characters, self._painted, strict=True):
            text = characters.astype("<u4").tobytes().decode("utf-32-le")
            cuts = [0, *(np.flatnonzero(np.diff(painted)) + 1).tolist(), self.width]
            lines.append(
                [
                    Segment(text[start:end], self._palette[painted[start]])
                    for start, end in itertools.pairwise(cuts)
                ]
            )
        return lines

    def _dots_down(self, y: FloatArray) -> IndexArray:
        return _down(y, self._bottom, self._top, self.height * _DOWN)

    def _mark(self, rows: IndexArray, cells: IndexArray, character: int) -> None:
        self._characters[rows, cells] = character
        self._painted[rows, cells] = len(self._palette) - 1

    def _draw(self, across: IndexArray, down: IndexArray, joined: NDArray[np.bool_]) -> None:
        """Draw lines between joined dots over the existing content."""
        dots = np.zeros((self.height * _DOWN, self.width * _ACROSS), np.int64)
        dots[down, across] = 1
        from_x, from_y = across[:-1][joined], down[:-1][joined]
        by_x, by_y = np.diff(across)[joined], np.diff(down)[joined]
        length = np.maximum(np.abs(by_x), np.abs(by_y))
        line = np.repeat(np.arange(len(length)), length)
        share = (np.arange(len(line)) - np.repeat(np.cumsum(length) - length, length)) / length[line]
        x = np.rint(from_x[line] + share * by_x[line]).astype(np.int64)
        y = np.rint(from_y[line] + share * by_y[line]).astype(np.int64)
        dots[y, x] = 1
        cells = dots.reshape(self.height, _DOWN, self.width, _ACROSS).transpose(0, 2, 1, 3)
        codes = (cells * _BITS).sum((2, 3))
        inked = codes > 0
        self._characters[inked] = codes[inked] + _BRAILLE
        self._painted[inked] = len(self._palette) - 1


def _ends(
    traces: Sequence[Trace], clipped: Sequence[ClippedTrace], canvas: _Canvas
) -> dict[int, tuple[str, str]]:
    """Row → the labels of the traces that end there, with their colours, side by side."""
    taken: dict[int, tuple[str, str]] = {}
    # Later traces are on top, so their labels are placed first.
    for trace, shape in reversed(list(zip(traces, clipped, strict=True))):
        if not trace.label or not len(shape.y):
            continue
        wanted = canvas.row(float(shape.y[-1]))
        free = (row for row in range(canvas.height) if row not in taken)
        row = min(free, key=lambda row: (abs(row - wanted), row), default=None)
        if row is not None:
            taken[row] = (trace.label, trace.colour)
    return taken


def _x_axis(
    axes: Axes, left: int, cells: int, width: int, below: int, axis: Style, text: Style
) -> list[Strip]:
    """The x axis with its labels: below the line, or in it if the chart is low."""
    line, labels = ["─"] * cells, [" "] * width
    free = 0
    limit = max(2, cells // _X_APART)
    found = axes.ticks(axes.low, axes.high, limit)
    for tick in found if len(found) > 1 else axes.ticks(axes.low, axes.high, limit + 2):
        at = int(columns(np.array([tick.at]), axes.low, axes.high, cells)[0])
        start = left + at - len(tick.label) // 2
        start = max(0, min(start, width - len(tick.label)))
        if start < free:
            continue
        free = start + len(tick.label) + 2
        labels[start : start + len(tick.label)] = tick.label
        line[at] = "┬"
    corner = Segment(" " * (left - 1), text)
    if below == 2:
        rest = " " * (width - left - cells)
        return [
            Strip([corner, Segment("└" + "".join(line) + rest, axis)], width),
            Strip([Segment("".join(labels), text)], width),
        ]
    drawn = list(" " * (left - 1) + "└" + "─" * cells + " " * (width - left - cells))
    return [Strip(_inlaid(drawn, labels, axis, text), width)]


def _inlaid(drawn: list[str], labels: list[str], axis: Style, text: Style) -> list[Segment]:
    """The labels within a line, with a blank on each side."""
    segments: list[Segment] = []
    wanted = [label != " " for label in labels]
    near = [
        not here and (wanted[max(0, at - 1)] or wanted[min(len(wanted) - 1, at + 1)])
        for at, here in enumerate(wanted)
    ]
    for at, line in enumerate(drawn):
        if wanted[at]:
            segments.append(Segment(labels[at], text))
        else:
            segments.append(Segment(" " if near[at] else line, axis))
    return list(Segment.simplify(segments))
