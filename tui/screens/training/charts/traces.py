"""The curves of a chart as numbers: traces, axes, and the part of a trace that is in range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tui.screens.training.charts import ticks
from tui.screens.training.charts.ticks import Tick

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.int64]
TraceKind = Literal["line", "faint", "points"]


@dataclass(frozen=True)
class Trace:
    """Points to draw in one colour, by ascending `x`; `y` may contain NaN and infinity.

    `kind` is a line, a faint line behind the others, or points. `label` is one character at the line's end.
    """

    x: FloatArray
    y: FloatArray
    colour: str
    label: str = ""
    kind: TraceKind = "line"


@dataclass(frozen=True)
class Axes:
    """The visible range of x, its tick function, and whether y is logarithmic."""

    low: float
    high: float
    ticks: Callable[[float, float, int], list[Tick]] = ticks.counts
    log: bool = False


@dataclass(frozen=True)
class ClippedTrace:
    """The part of a trace that is in range, with y on the scale of the axis.

    `joined` is whether a line connects each point to the previous one. `broken` has the x and y of values
    that are not finite: y is that of the last finite value before it, or infinite.
    """

    x: FloatArray
    y: FloatArray
    joined: NDArray[np.bool_]
    broken: tuple[FloatArray, FloatArray]
    left_out: int


def clip(trace: Trace, axes: Axes) -> ClippedTrace:
    x, y = trace.x, trace.y
    # Includes a neighbour on each side, so that lines are drawn up to the edges of the range.
    first = max(0, int(np.searchsorted(x, axes.low)) - 1)
    last = int(np.searchsorted(x, axes.high, side="right")) + 1
    x, y = x[first:last], y[first:last]
    finite = np.isfinite(y)
    usable = finite & (y > 0) if axes.log else finite
    broken, left_out = (np.empty(0), np.empty(0)), 0
    if usable.all():
        px, py, joined = x, y, np.ones(len(x), np.bool_)
    else:
        inside = (x >= axes.low) & (x <= axes.high)
        left_out = int(np.count_nonzero(inside & finite & ~usable))
        px, py = x[usable], y[usable]
        # The number of skipped points before each point: the line breaks where it changes.
        joined = np.concatenate(([True], np.diff(np.cumsum(~usable)[usable]) == 0))[: len(px)]
        broken = _broken(x, y, ~finite & inside, px, py)
    if axes.log:
        py, broken = np.log10(py), (broken[0], _logarithms(broken[1]))
    return _cut(px, py, joined, broken, left_out, axes)


def _logarithms(values: FloatArray) -> FloatArray:
    known = np.isfinite(values) & (values > 0)
    found = values.copy()
    found[known] = np.log10(values[known])
    return found


def _cut(
    x: FloatArray,
    y: FloatArray,
    joined: NDArray[np.bool_],
    broken: tuple[FloatArray, FloatArray],
    left_out: int,
    axes: Axes,
) -> ClippedTrace:
    """The points in range; a neighbour out of range is moved to where its line crosses the edge."""
    x, y, joined = x.copy(), y.copy(), joined.copy()
    keep = slice(0, len(x))
    if len(x) and x[0] < axes.low:
        if len(x) > 1 and joined[1]:
            y[0] += (y[1] - y[0]) * (axes.low - x[0]) / (x[1] - x[0])
            x[0] = axes.low
        else:
            keep = slice(1, len(x))
    if len(x) and x[-1] > axes.high:
        if len(x) > 1 and joined[-1] and x[-2] < axes.high:
            y[-1] = y[-2] + (y[-1] - y[-2]) * (axes.high - x[-2]) / (x[-1] - x[-2])
            x[-1] = axes.high
        else:
            keep = slice(keep.start, len(x) - 1)
    return ClippedTrace(x[keep], y[keep], joined[keep], broken, left_out)


def _broken(
    x: FloatArray, y: FloatArray, broken: NDArray[np.bool_], px: FloatArray, py: FloatArray
) -> tuple[FloatArray, FloatArray]:
    at, values = x[broken], y[broken].copy()
    nan = np.isnan(values)
    if nan.any():
        place = np.searchsorted(px, at[nan], side="right") - 1
        values[nan] = py[np.maximum(place, 0)] if len(py) else 0.0
    return at, values
