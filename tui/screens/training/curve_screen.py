"""Charts of runs on a screen: which metric, which part of the axis, and the cursor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual.geometry import Size

from tui.components.theme import shade
from tui.components.workspace_screen import WorkspaceScreen
from tui.screens.training.charts import curve_view
from tui.screens.training.charts.chart_area import ChartArea
from tui.screens.training.charts.chart_colours import ChartColours
from tui.screens.training.charts.curve_view import ChartRequest, Drawing, View
from tui.screens.training.charts.run_marks import DrawnRun
from tui.screens.training.runs import run_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.api import Curves, Job


class CurveScreen(WorkspaceScreen):
    """A screen with a `ChartArea`; a subclass says which runs are drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._metric = "loss"
        self._view = View()
        self._is_grid = True
        self._is_full = False
        #: The cursor's position; None follows the last step.
        self._step: int | None = None
        self._drawing: Drawing | None = None
        self._seen = Size(0, 0)

    def drawn_runs(self) -> tuple[DrawnRun, ...]:
        """The runs to draw, the one on top last."""
        raise NotImplementedError

    def selected_job(self) -> Job | None:
        """The run that the cursor moves along."""
        raise NotImplementedError

    def show_cursor(self, x: float | None) -> None:
        """Show the values at x, at the end for None, beside the charts."""
        raise NotImplementedError

    def action_full(self) -> None:
        """Show one chart alone, or all as before."""
        raise NotImplementedError

    @property
    def _charts(self) -> ChartArea:
        return self.query_one(ChartArea)

    @property
    def _reference(self) -> Curves | None:
        """The run that the cursor moves along: the selected one, if it has points."""
        drawing = self._drawing
        if drawing is None or not drawing.curves:
            return None
        job = self.selected_job()
        return (drawing.of(job.id) if job is not None else None) or drawing.curves[-1]

    @property
    def _x(self) -> float | None:
        """The cursor's position on the current axis, None at the end."""
        curves = self._reference
        if self._step is None or curves is None or self._drawing is None:
            return None
        place = curve_view.nearest(curves.steps, self._step)
        return float(curves.positions(self._drawing.request.view.axis)[place])

    def on_chart_area_resized(self, event: ChartArea.Resized) -> None:
        event.stop()
        self.refresh_bindings()
        self._ask()

    def on_chart_area_pointed(self, event: ChartArea.Pointed) -> None:
        event.stop()
        self._metric = event.metric
        self._point_at(event.x)

    def on_chart_area_wheeled(self, event: ChartArea.Wheeled) -> None:
        event.stop()
        self._point_at(event.x)
        self._zoom(0.5 if event.to == "in" else 2.0, event.x)

    def action_metric(self, by: int) -> None:
        names = () if self._drawing is None else self._drawing.names
        if not names:
            self._show_none("these runs have no metrics yet")
            return
        at = names.index(self._metric) if self._metric in names else -by
        self._metric = names[(at + by) % len(names)]
        self._charts.choose(self._metric)
        self._point()
        # In a grid the drawing changes only with the page.
        if not self._asks_grid or all(tile.metric != self._metric for tile in self._tiles):
            self._ask()

    def action_layout(self) -> None:
        if self._is_full:
            self.action_full()
            return
        if self.has_layouts:
            self._is_grid = not self._is_grid
            self._ask()
        else:
            further, whole = self.key_of("training.metric"), self.key_of("training.full")
            self.app.show_message(f"only one chart fits: {further} shows the next, {whole} maximizes it")

    def action_move(self, by: int, parts: int) -> None:
        """Move the cursor by a cell and at least a step, or by one of `parts` parts of the visible range."""
        curves, drawing = self._reference, self._drawing
        if curves is None or drawing is None:
            self._show_none("there are no steps yet")
            return
        axis = drawing.request.view.axis
        positions = curves.positions(axis)
        chart = next((tile.chart for tile in self._tiles if tile.chart is not None), None)
        if chart is None or not (positions == positions).all():
            self.app.show_message("this run has no epochs")
            return
        far = drawing.window.span / (parts or chart.width)
        place = curve_view.moved(positions, self._x, by * far)
        self._step = None if place is None else int(curves.steps[place])
        self._point()

    def action_closer(self, by: float) -> None:
        self._zoom(by, self._x)

    def action_whole(self) -> None:
        self._view = replace(self._view, span=None, right=None)
        self._ask()

    def action_log_scale(self) -> None:
        self._view = replace(self._view, log=not self._view.log)
        self._ask()

    def action_smooth(self, by: int) -> None:
        self._view = self._view.with_next_smoothing(by)
        self._ask()

    def action_axis(self) -> None:
        self._view = self._view.with_next_axis(any("epoch" in one.metrics for one in self._curves))
        self._ask()

    @property
    def has_layouts(self) -> bool:
        """Whether a grid has room, so that Enter may switch between it and one chart."""
        area = self._charts.size
        return curve_view.grid_fits(area.width, area.height)

    @property
    def start_key(self) -> str:
        """The key that starts all jobs, and where it does."""
        return f"{self.app.key_name('pipeline.start_all', 'S')} on the pipeline screen"

    @property
    def _curves(self) -> Sequence[Curves]:
        return () if self._drawing is None else self._drawing.curves

    @property
    def _tiles(self) -> Sequence[curve_view.Tile]:
        return () if self._drawing is None else self._drawing.tiles

    @property
    def _asks_grid(self) -> bool:
        return self._is_grid and not self._is_full and self.has_layouts

    def _ask(self) -> None:
        """Request a drawing of the current view."""
        # A hidden chart keeps its last size.
        runs, area = self.drawn_runs(), self._charts.size or self._seen
        if not runs or not area:
            return
        self._seen = area
        names = ("border", "border-blurred", "text-muted")
        request = ChartRequest(
            runs,
            self._metric,
            self._asks_grid,
            self._view,
            area.width,
            area.height,
            ChartColours(*(shade(self.app, name) for name in names)),
        )
        before = self._drawing
        self.app.read("curves", lambda workspace: curve_view.draw(workspace, request, before), self._receive)

    def _receive(self, drawing: Drawing | None) -> None:
        if drawing is None:
            return
        self._drawing = drawing
        keys = self.key_of("training.metric"), self.key_of("training.axis"), self.start_key
        self._charts.show(drawing, run_text.nothing_drawn(drawing, self._metric, self.selected_job(), *keys))
        self._point()
        if not drawing.is_complete:
            self._ask()

    def _zoom(self, by: float, around: float | None) -> None:
        curves, drawing = self._reference, self._drawing
        if curves is None or drawing is None:
            self._show_none("there are no curves to zoom yet")
            return
        # A few points must stay visible.
        min_span = 4 * drawing.whole.span / len(curves.steps)
        self._view = self._view.zoomed(by, around, drawing.whole, min_span)
        self._ask()

    def _show_none(self, text: str) -> None:
        is_read = self._drawing is not None or not self.drawn_runs()
        self.app.show_lack(text, reading=None if is_read else "curves")

    def _point_at(self, x: float) -> None:
        """Move the cursor to the step nearest to x."""
        curves, drawing = self._reference, self._drawing
        if curves is not None and drawing is not None:
            positions = curves.positions(drawing.request.view.axis)
            self._step = int(curves.steps[curve_view.nearest(positions, x)])
            self._point()

    def _point(self) -> None:
        """Show the cursor and the values there; without a cursor, those at the end."""
        x, drawing, view = self._x, self._drawing, self._view
        if x is None:
            view = replace(view, right=None)
        elif drawing is not None:
            view = view.containing(x, drawing.whole)
        if view != self._view:
            self._view = view
            self._ask()
        self._charts.choose(self._metric)
        self._charts.point(x)
        self.show_cursor(x)
