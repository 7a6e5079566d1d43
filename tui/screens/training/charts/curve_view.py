"""The view of runs' curves and its drawing: metrics, axis, range, tiles."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

from tui.format import values as formats
from tui.screens.training.charts import ticks
from tui.screens.training.charts.chart_colours import ChartColours
from tui.screens.training.charts.run_marks import DrawnRun

if TYPE_CHECKING:
    from core.api import Axis, Curves, Workspace
    from tui.screens.training.charts.plotting import Chart
    from tui.screens.training.charts.traces import FloatArray, IndexArray

AXES: tuple[Axis, ...] = ("step", "time", "epoch")
#: Weights of the moving average, the common choices in TensorBoard and W&B.
SMOOTHINGS = (0.0, 0.6, 0.9, 0.97, 0.99)
#: The metrics that come first, under TRL's names, before the others.
_FIRST = (
    "loss",
    "learning_rate",
    "grad_norm",
    "rewards/margins",
    "rewards/accuracies",
    "rewards/chosen",
    "rewards/rejected",
    "mean_token_accuracy",
    "entropy",
    "tokens_per_second",
)
#: Metrics that only increase with the steps.
COUNTERS = ("epoch", "num_tokens")
#: The prefix of metrics from evaluation.
EVAL = "eval_"
#: A metric that DPO alone has.
_DPO = "rewards/margins"
#: The min height of a chart below another one.
_LOWEST = 6
#: The min width and height of a tile, and the min number of tiles in a grid.
_TILE = (34, 8)
_GRID = 4


#: x, y, width and height within the area.
Area = tuple[int, int, int, int]


class Window(NamedTuple):
    """A range on the x axis."""

    low: float
    high: float

    @property
    def span(self) -> float:
        return self.high - self.low


@dataclass(frozen=True)
class View:
    """The x axis of the curves, the smoothing, and the zoom.

    `span` is the visible length of the axis, None for all; `right` is its end, None for the end of the
    curves, also while they grow.
    """

    axis: Axis = "step"
    log: bool = False
    smoothing: float = 0.0
    span: float | None = None
    right: float | None = None

    def window(self, whole: Window) -> Window:
        """The visible part of the range of all curves."""
        if self.span is None:
            return whole
        high = whole.high if self.right is None else min(self.right, whole.high)
        low = max(whole.low, high - self.span)
        return Window(low, min(whole.high, low + self.span))

    def zoomed(self, by: float, around: float | None, whole: Window, min_span: float) -> View:
        """The view with `by` times as much of the axis, zoomed around a fixed x, or the end for None.

        The span is never below `min_span`.
        """
        now = self.window(whole)
        span = max(min_span, now.span * by)
        if span >= whole.span:
            return replace(self, span=None, right=None)
        if around is None:
            return replace(self, span=span)
        right = around + (now.high - around) * span / now.span
        return replace(self, span=span, right=None if right >= whole.high else max(right, whole.low + span))

    def containing(self, x: float, whole: Window) -> View:
        """The view, moved in steps of half its width until `x` is visible."""
        now = self.window(whole)
        if self.span is None or now.low <= x <= now.high:
            return self
        right = min(whole.high, max(whole.low + self.span, x + self.span / 2))
        return replace(self, right=None if right >= whole.high else right)

    def with_next_axis(self, has_epochs: bool) -> View:
        """The view on the next axis, unzoomed; epochs are left out where none were logged."""
        axes = [axis for axis in AXES if has_epochs or axis != "epoch" or axis == self.axis]
        axis = axes[(axes.index(self.axis) + 1) % len(axes)]
        return replace(self, axis=axis, span=None, right=None)

    def with_next_smoothing(self, by: int) -> View:
        """The view with a smoothing that is `by` places further."""
        return replace(self, smoothing=SMOOTHINGS[(SMOOTHINGS.index(self.smoothing) + by) % len(SMOOTHINGS)])


@dataclass(frozen=True)
class ChartRequest:
    """A request for a drawing of this size: the runs, the last on top, and one metric or a grid of all."""

    runs: tuple[DrawnRun, ...]
    metric: str
    is_grid: bool
    view: View
    width: int
    height: int
    colours: ChartColours


@dataclass(frozen=True, eq=False)
class CurveValues:
    """A run's metric that can be read at any x: the x of its values, and the values as logged."""

    run: DrawnRun
    x: FloatArray
    values: FloatArray
    smooth: FloatArray

    def at(self, x: float | None) -> tuple[float, float] | None:
        """The logged and the smoothed value at x, the last for None; None if there are none."""
        place = standing(self.x, x)
        return None if place is None else (float(self.values[place]), float(self.smooth[place]))


@dataclass(frozen=True, eq=False)
class Tile:
    """One metric's chart within the area, below its title; None if nothing was logged."""

    metric: str
    stage: str
    """Whose chart it is, where the values of different stages are not comparable; empty for all."""
    x: int
    y: int
    width: int
    height: int
    chart: Chart | None
    readings: tuple[CurveValues, ...]
    #: Notes on values that cannot be drawn.
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Drawing:
    """The result of a request: the runs that have points, all their metrics, and the tiles."""

    request: ChartRequest
    curves: tuple[Curves, ...]
    names: tuple[str, ...]
    tiles: tuple[Tile, ...]
    window: Window
    whole: Window
    #: The page that is drawn, and the number of pages.
    page: tuple[int, int]

    @property
    def is_complete(self) -> bool:
        """Whether all points of the runs are read."""
        return all(curves.whole for curves in self.curves)

    def of(self, job: str) -> Curves | None:
        """The curves of one run."""
        return next((curves for curves in self.curves if curves.job == job), None)


def draw(workspace: Workspace, request: ChartRequest, before: Drawing | None) -> Drawing | None:
    """Read new points and draw; None if nothing differs from `before`. Runs on the poller's thread."""
    curves = tuple(
        one for one in workspace.training.curves([run.job for run in request.runs]) if len(one.steps)
    )
    if (
        before is not None
        and before.request == request
        and len(before.curves) == len(curves)
        and all(one is other for one, other in zip(before.curves, curves, strict=True))
    ):
        return None
    names = ordered(name for one in curves for name in one.metrics)
    whole = _whole(curves, request.view.axis)
    window = request.view.window(whole)
    if request.is_grid and names:
        charts = [chart for name in names for chart in _by_stage(name, curves)]
        places = grid(request.width, request.height, len(charts))
        at = next((at for at, chart in enumerate(charts) if chart[0] == request.metric), 0)
        page, pages = at // len(places), -(-len(charts) // len(places))
        wanted = charts[page * len(places) : (page + 1) * len(places)]
    else:
        wanted = _by_stage(request.metric, curves)
        if request.height < _LOWEST * len(wanted):
            # No room for both: that of the selected run, which is the last one.
            selected = [chart for chart in wanted if any(one is curves[-1] for one in chart[2])]
            wanted = selected or wanted[-1:]
        places, page, pages = _stacked(request.width, request.height, len(wanted)), 0, 1
    tiles = tuple(
        _tile(request, own, name, stage, place, window)
        for (name, stage, own), place in zip(wanted, places, strict=False)
    )
    return Drawing(request, curves, names, tiles, window, whole, (page, pages))


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """The metrics that have a chart of their own, the most important first.

    Metrics of evaluation are drawn in the chart of the training metric.
    """
    found = [name for name in dict.fromkeys(names) if name not in COUNTERS]
    own = [name for name in found if not (name.startswith(EVAL) and name.removeprefix(EVAL) in found)]
    return (*(name for name in _FIRST if name in own), *(name for name in own if name not in _FIRST))


def grid_fits(width: int, height: int) -> bool:
    """Whether several charts fit into this size."""
    return (width // _TILE[0]) * (height // _TILE[1]) >= _GRID


def grid(width: int, height: int, count: int) -> list[Area]:
    """The layout of tiles in this size: (x, y, width, height) of each, at most `count`."""
    across = max(1, min(width // _TILE[0], count))
    down = max(1, min(height // _TILE[1], -(-count // across)))
    # Use fewer columns if the number of rows stays the same, because wide charts show more.
    while across > 1 and -(-count // (across - 1)) <= down:
        across -= 1
    columns = [(width * at // across, width * (at + 1) // across) for at in range(across)]
    rows = [(height * at // down, height * (at + 1) // down) for at in range(down)]
    places = [
        # A blank column between two tiles.
        (left, top, right - left - (right < width), bottom - top)
        for top, bottom in rows
        for left, right in columns
    ]
    return places[:count]


def nearest(values: FloatArray | IndexArray, wanted: float) -> int:
    """The index of the value nearest to `wanted`, in ascending values."""
    place = int(values.searchsorted(wanted))
    if place == len(values):
        return place - 1
    return place - 1 if place and wanted - values[place - 1] < values[place] - wanted else place


def standing(values: FloatArray, wanted: float | None) -> int | None:
    """The index of the value at `wanted`, in ascending values; the last for None.

    None if `wanted` is farther from every value than the values are apart.
    """
    last = len(values) - 1
    if last < 0 or wanted is None:
        return last if last >= 0 else None
    apart = (values[-1] - values[0]) / last if last else 1.0
    if not values[0] - apart <= wanted <= values[-1] + apart:
        return None
    return nearest(values, wanted)


def moved(positions: FloatArray, x: float | None, far: float) -> int | None:
    """The index that is `far` from x, the last for None, at least one further; None beyond the last."""
    last = len(positions) - 1
    place = last if x is None else nearest(positions, x)
    if far > 0 and place == last:
        return None
    there = nearest(positions, positions[place] + far)
    return min(last, max(place + 1, there)) if far > 0 else max(0, min(place - 1, there))


def span(axis: Axis, window: Window) -> str:
    """A range of the x axis in words."""
    if axis == "step":
        return f"steps {window.low:,.0f} to {window.high:,.0f}"
    if axis == "time":
        return f"{formats.duration(window.low)} to {formats.duration(window.high)}"
    return f"epochs {window.low:.3g} to {window.high:.3g}"


def _axis_ticks(axis: Axis) -> Callable[[float, float, int], list[ticks.Tick]]:
    return {"step": ticks.counts, "time": ticks.times, "epoch": ticks.linear}[axis]


def _whole(curves: Sequence[Curves], axis: Axis) -> Window:
    """From the first to the last x of all curves, never empty."""
    import numpy as np

    found = (one.positions(axis) for one in curves)
    ends = [float(end) for positions in found for end in positions[[0, -1]] if np.isfinite(end)]
    if not ends:
        return Window(0.0, 1.0)
    low, high = min(ends), max(ends)
    return Window(low, high) if high > low else Window(low - 0.5, high + 0.5)


def _by_stage(name: str, curves: Sequence[Curves]) -> list[tuple[str, str, Sequence[Curves]]]:
    """The charts of a metric: its name, the stage, and the curves. SFT and DPO have different losses."""
    found: dict[str, list[Curves]] = {}
    for one in curves:
        if name in one.metrics:
            found.setdefault("sft-dpo" if _DPO in one.metrics else "sft", []).append(one)
    if name != "loss" or len(found) < 2:
        return [(name, "", curves)]
    return [(name, stage, own) for stage, own in sorted(found.items())]


def _stacked(width: int, height: int, count: int) -> list[Area]:
    """Places one below the other."""
    ends = [height * number // max(1, count) for number in range(count + 1)]
    return [(0, top, width, bottom - top) for top, bottom in itertools.pairwise(ends)]


def _tile(
    request: ChartRequest,
    curves: Sequence[Curves],
    name: str,
    stage: str,
    place: Area,
    window: Window,
) -> Tile:
    import numpy as np

    from tui.screens.training.charts import plotting
    from tui.screens.training.charts.traces import Axes, Trace

    x, y, width, height = place
    view, runs = request.view, {run.job: run for run in request.runs}
    # Epochs may be unknown.
    curves = [one for one in curves if np.isfinite(one.positions(view.axis)).all()]
    shown = [one for one in curves if name in one.metrics]
    readings = tuple(
        CurveValues(
            runs[one.job],
            one.x(name, view.axis),
            one.metrics[name].values,
            one.metrics[name].smoothed(view.smoothing),
        )
        for one in shown
    )
    traces = []
    if view.smoothing and len(readings) == 1:
        traces += [Trace(one.x, one.values, one.run.colour, kind="faint") for one in readings]
    traces += [
        Trace(one.x, one.smooth, one.run.colour, one.run.number if len(request.runs) > 1 else "")
        for one in readings
    ]
    evaluated = EVAL + name
    traces += [
        Trace(one.x(evaluated, view.axis), one.metrics[evaluated].values, runs[one.job].colour, kind="points")
        for one in curves
        if evaluated in one.metrics
    ]
    if not any(len(trace.x) for trace in traces):
        return Tile(name, stage, x, y, width, height, None, (), ())
    axes = Axes(window.low, window.high, _axis_ticks(view.axis), view.log)
    chart = plotting.draw(traces, axes, width, height - 1, request.colours)
    notes = [note for one in shown for note in _not_finite(one, name, runs[one.job], alone=len(shown) == 1)]
    if chart.left_out:
        notes.append(f"{chart.left_out:,} values ≤ 0 not shown")
    return Tile(name, stage, x, y, width, height, chart, readings, tuple(notes))


def _not_finite(curves: Curves, name: str, run: DrawnRun, *, alone: bool) -> list[str]:
    """Notes on NaN and infinite values of a metric, with their first step."""
    import numpy as np

    curve, notes = curves.metrics[name], []
    whose = "" if alone else f"{run.number}: "
    for wrong, word in ((np.isnan(curve.values), "NaN"), (np.isinf(curve.values), "infinite")):
        count = int(np.count_nonzero(wrong))
        if count:
            first = int(curves.steps[curve.places[np.argmax(wrong)]])
            times = "" if count == 1 else f", {count:,} times"
            notes.append(f"{whose}{word} at step {first:,}{times}")
    return notes
