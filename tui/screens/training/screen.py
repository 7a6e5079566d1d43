"""Training: all runs, their curves, and a panel with details."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.widgets import DataTable, Static

from core.api import find_job
from tui.components.listing import Listing
from tui.components.theme import shade
from tui.components.workspace_screen import WorkspaceScreen
from tui.navigation.messages import OpenLog
from tui.screens.training import curve_view, run_text
from tui.screens.training.caption import Caption
from tui.screens.training.chart_area import ChartArea
from tui.screens.training.chart_colours import ChartColours
from tui.screens.training.curve_view import ChartRequest, Drawing, View
from tui.screens.training.keys import KEYS
from tui.screens.training.run_marks import MOST, DrawnRun, Marks
from tui.screens.training.run_panel import PANEL_PAGES, PanelPage, RunPanel
from tui.screens.training.run_rows import RunRow, columns, entry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.api import Curves, Job, Snapshot

STAGES = ("sft", "sft-dpo")
#: Widths from which the panel stands beside the charts, and the list too.
_MEDIUM, _WIDE = 100, 160


class TrainingScreen(WorkspaceScreen):
    """The list of runs, the charts of the marked and the selected ones, and the panel."""

    MODE = "training"
    ABOUT = (
        "Fine-tuning runs and their live metrics, under TRL's names. The charts show the selected run and "
        "marked runs; numbers and colours in the list match the curves."
    )
    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(KEYS)

    def __init__(self) -> None:
        super().__init__()
        self._run: str | None = None
        self._losses: dict[str, float] = {}
        self._marks = Marks()
        self._metric = "loss"
        self._view = View()
        self._is_grid = True
        self._is_full = False
        #: The panel's page; None hides it, "" until the user chose one.
        self._page: PanelPage | Literal[""] | None = ""
        #: The cursor's position; None follows the last step.
        self._step: int | None = None
        self._drawing: Drawing | None = None
        self._jobs: Sequence[Job] = ()
        self._rows: dict[str, RunRow] = {}
        self._seen = Size(0, 0)

    def body(self) -> ComposeResult:
        yield Static(id="nothing", markup=False)
        with Container(id="body"):
            yield Listing(
                id="runs",
                words="words in a run's name or state",
                opens="Grid",
                draw=lambda row: entry(self.app, row),
            )
            with Vertical(id="drawn"):
                yield ChartArea(id="charts")
                yield Caption(id="caption")
            yield RunPanel(id="panel")

    def on_mount(self) -> None:
        self.query_one("#nothing").display = False
        self._lay_out()
        self.app.theme_changed_signal.subscribe(self, lambda theme: self._changed())
        self._list.enter()

    def on_resize(self, event: Resize) -> None:
        self._lay_out()
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        runs = [job for job in snapshot.jobs if job.stage in STAGES]
        nothing = self.query_one("#nothing", Static)
        nothing.display = not runs
        self.query_one("#body").display = bool(runs)
        if not runs:
            nothing.update(
                "There are no runs yet. Add students to [students] and recipes to [recipes] in "
                "config.toml, import data, then `S` on the pipeline screen starts all jobs."
            )
            return
        self._marks.keep({job.id for job in runs})
        self._jobs = runs
        self._lay_out()
        self._fill()
        self.app.read(
            "training-losses", lambda workspace: workspace.training.last_metrics("loss"), self._receive_losses
        )
        self._ask()

    def seek(self, job: str) -> None:
        """Select a run; clears the list's filter if it hides it."""
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        self._list.back()
        self._list.select(job)
        self._list.enter()

    @property
    def _list(self) -> Listing[RunRow]:
        return self.query_one("#runs", Listing)

    @property
    def _charts(self) -> ChartArea:
        return self.query_one(ChartArea)

    @property
    def _job(self) -> Job | None:
        return find_job(self.app.snapshot, self._run)

    @property
    def _panel_page(self) -> PanelPage | None:
        """The panel's current page: metrics by default if the panel fits."""
        if self._page == "":
            return "metrics" if self.size.width >= _MEDIUM else None
        return self._page

    @property
    def _reference(self) -> Curves | None:
        """The run that the cursor moves along: the selected one, if it has points."""
        drawing = self._drawing
        if drawing is None or not drawing.curves:
            return None
        return drawing.of(self._run or "") or drawing.curves[-1]

    @property
    def _x(self) -> float | None:
        """The cursor's position on the current axis, None at the end."""
        curves = self._reference
        if self._step is None or curves is None or self._drawing is None:
            return None
        place = curve_view.nearest(curves.steps, self._step)
        return float(curves.positions(self._drawing.request.view.axis)[place])

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if event.row_key.value != self._run:
            self._run = event.row_key.value
            self._changed()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        self.action_layout()

    def on_chart_area_resized(self, event: ChartArea.Resized) -> None:
        event.stop()
        self._ask()

    def on_chart_area_pointed(self, event: ChartArea.Pointed) -> None:
        event.stop()
        self._metric = event.metric
        self._point_at(event.x)

    def on_chart_area_wheeled(self, event: ChartArea.Wheeled) -> None:
        event.stop()
        self._point_at(event.x)
        self._zoom(0.5 if event.to == "in" else 2.0, event.x)

    def action_mark(self) -> None:
        # The table reports its cursor later than a key that is pressed directly after it.
        run = self._list.selected_key
        if run is None:
            self.app.show_message("no run is selected")
        elif self._marks.toggle(run):
            self._run = run
            self._changed()
        else:
            key = self.key_of("training.unmark")
            self.app.show_message(f"{MOST} runs are marked, the maximum: {key} unmarks all")

    def action_unmark(self) -> None:
        self._marks.clear()
        self._changed()

    def action_metric(self, by: int) -> None:
        names = () if self._drawing is None else self._drawing.names
        if not names:
            self.app.show_message("these runs have no metrics yet")
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
        area = self._charts.size
        if not self._is_grid or curve_view.grid_fits(area.width, area.height):
            self._is_grid = not self._is_grid
            self._ask()
        else:
            further, whole = self.key_of("training.metric"), self.key_of("training.full")
            self.app.show_message(f"only one chart fits: {further} shows the next, {whole} maximizes it")

    def action_full(self) -> None:
        self._is_full = not self._is_full
        self._lay_out()
        if self._is_full:
            self.set_focus(None)
        else:
            self._list.enter()
        self._describe()
        self._ask()

    def action_panel(self, by: int) -> None:
        choices: tuple[PanelPage | None, ...] = (*PANEL_PAGES, None)
        self._page = choices[(choices.index(self._panel_page) + by) % len(choices)]
        self._lay_out()

    def action_move(self, by: int, parts: int) -> None:
        """Move the cursor by a cell and at least a step, or by one of `parts` parts of the visible range."""
        curves, drawing = self._reference, self._drawing
        if curves is None or drawing is None:
            self.app.show_message("there are no steps yet")
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

    def action_log(self) -> None:
        job = find_job(self.app.snapshot, self._list.selected_key)
        if job is None or job.attempt == 0:
            self.app.show_message("this run has no log yet: it has not started")
        else:
            self.app.post_message(OpenLog(job.id))

    def action_run(self, by: int) -> None:
        """Select another run while the list is hidden."""
        table = self._list.table
        table.move_cursor(row=min(max(0, table.cursor_row + by), table.row_count - 1))

    def step_back(self) -> None:
        if self._is_full:
            self.action_full()
        elif self._step is not None:
            self._step = None
            self._point()
        elif self.has_class("narrow") and self._panel_page is not None:
            self._page = None
            self._lay_out()
        else:
            super().step_back()

    @property
    def _curves(self) -> Sequence[Curves]:
        return () if self._drawing is None else self._drawing.curves

    @property
    def _tiles(self) -> Sequence[curve_view.Tile]:
        return () if self._drawing is None else self._drawing.tiles

    @property
    def _asks_grid(self) -> bool:
        area = self._charts.size
        return self._is_grid and not self._is_full and curve_view.grid_fits(area.width, area.height)

    def _lay_out(self) -> None:
        """Lay out list, charts and panel for the terminal's size."""
        width, height = self.size
        self.set_class(width < _MEDIUM, "narrow")
        self.set_class(_MEDIUM <= width < _WIDE and not self._is_full, "medium")
        self.set_class(width >= _WIDE and not self._is_full, "wide")
        self.set_class(self._is_full, "full")
        self.set_class(self._panel_page is not None, "panelled")
        self.query_one(RunPanel).show_page(self._panel_page)
        is_wide = width >= _WIDE
        rows = min(len(self._jobs) + 2, max(5, height // 2 if is_wide else height // 4))
        self._list.styles.height = "1fr" if is_wide else rows
        alone = is_wide and self._panel_page is None
        self.query_one("#body").styles.grid_rows = "1fr" if alone else f"{rows} 1fr"

    def _shown(self) -> tuple[DrawnRun, ...]:
        """The runs to draw; the selected one is last and so on top."""
        return self._marks.shown(self._run, self.app.current_theme.dark)

    def _changed(self) -> None:
        """Redraw after the set of runs has changed."""
        self._fill()
        self._ask()

    def _fill(self) -> None:
        """Update the list if anything changed, and the panel."""
        shown = {run.job: run for run in self._shown()}
        width = self._list.size.width
        rows = {
            job.id: RunRow(job, self._losses.get(job.id), shown.get(job.id), job.id in self._marks, width)
            for job in self._jobs
        }
        if rows != self._rows and width:
            self._rows = rows
            self._list.show(columns(width), rows)
        named = [(run, rows[run.job].job.name) for run in shown.values() if run.job in rows]
        self.query_one(RunPanel).follow(self._job, named)
        self._describe()

    def _receive_losses(self, losses: dict[str, float]) -> None:
        if losses != self._losses:
            self._losses = losses
            self._fill()

    def _ask(self) -> None:
        """Request a drawing of the current view."""
        # A hidden chart keeps its last size.
        runs, area = self._shown(), self._charts.size or self._seen
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
        self.app.read(
            "training", lambda workspace: curve_view.draw(workspace, request, before), self._receive
        )

    def _receive(self, drawing: Drawing | None) -> None:
        if drawing is None:
            return
        self._drawing = drawing
        keys = self.key_of("training.metric"), self.key_of("training.axis")
        self._charts.show(drawing, run_text.nothing_drawn(drawing, self._metric, self._job, *keys))
        self._point()
        if not drawing.is_complete:
            self._ask()

    def _zoom(self, by: float, around: float | None) -> None:
        curves, drawing = self._reference, self._drawing
        if curves is None or drawing is None:
            self.app.show_message("there are no curves to zoom yet")
            return
        # A few points must stay visible.
        min_span = 4 * drawing.whole.span / len(curves.steps)
        self._view = self._view.zoomed(by, around, drawing.whole, min_span)
        self._ask()

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
        self.query_one(RunPanel).point(drawing, x, self._metric)
        self._describe()

    def _describe(self) -> None:
        """Update the text below the charts."""
        names = {job.id: job.name for job in self._jobs} if self._is_full else None
        self.query_one(Caption).show(self._drawing, self._reference, self._x, self._job, self._shown(), names)
