"""Training: all runs, their curves, and a panel with details."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.events import Key, Resize
from textual.widgets import DataTable, Static

from core.api import RUN_STAGES, RunNotes
from tui.navigation.messages import OpenLog
from tui.screens.training.caption import Caption
from tui.screens.training.charts.chart_area import ChartArea
from tui.screens.training.charts.run_marks import MAX_MARKS, DrawnRun, Marks
from tui.screens.training.curve_screen import CurveScreen
from tui.screens.training.keys import KEYS, ON_CHARTS
from tui.screens.training.runs.run_actions import RunActions
from tui.screens.training.runs.run_data import AllRuns, OtherRuns, all_runs, other_runs
from tui.screens.training.runs.run_list import RunList
from tui.screens.training.runs.run_panel import PANEL_PAGES, PanelPage, RunPanel
from tui.screens.training.runs.run_rows import RunRow, columns, entry
from tui.screens.training.runs.run_table import RunTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from core.api import Job, Snapshot

#: Widths from which the panel stands beside the charts, the list too, and the list has room for long names.
_MEDIUM, _WIDE, _WIDEST = 100, 160, 190


class TrainingScreen(CurveScreen, RunActions):
    """The list of runs, the charts of the marked and the selected ones, and the panel; or a table of runs."""

    MODE = "training"
    ABOUT = (
        "Fine-tuning runs and their live metrics, under TRL's names. The charts show the selected run and "
        "marked runs; numbers and colours in the list match the curves. Runs that other settings superseded "
        "follow, with the settings in which they differ; the table compares all of them."
    )
    CSS_PATH = "training.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(KEYS)

    def __init__(self) -> None:
        super().__init__()
        self._run: str | None = None
        self._losses: dict[str, float] = {}
        self._marks = Marks()
        #: The panel's page; None hides it, "" until the user chose one.
        self._page: PanelPage | Literal[""] | None = ""
        self._jobs: Mapping[str, Job] = {}
        self._others = OtherRuns()
        self._all = AllRuns()
        self._shows_archived = False
        self._is_table = False
        #: Mounted when it is first shown.
        self._table = RunTable(id="table")
        #: The rows of the list as they are shown; None before they first are.
        self._rows: dict[str, RunRow] | None = None
        #: The run to select, once it is in the list.
        self._sought: str | None = None

    def body(self) -> ComposeResult:
        # Before the widgets exist, whose styles would be computed again.
        self._classify()
        yield Static(id="nothing", markup=False)
        with Container(id="body"):
            yield RunList(
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

    def on_run_list_resized(self, message: RunList.Resized) -> None:
        # What came in while the table was in its place is missing.
        message.stop()
        self._changed()

    def show(self, snapshot: Snapshot) -> None:
        self.app.read("superseded runs", partial(other_runs, self._shows_archived), self._receive_others)
        if self._is_table:
            self._read_table()
        current = {job.id: job for job in snapshot.jobs if job.stage in RUN_STAGES and job.in_config}
        runs = current | {job.id: job for job in self._others.jobs if job.id not in current}
        nothing = self.query_one("#nothing", Static)
        nothing.display = not runs
        self.set_has_nothing(not runs)
        self.query_one("#body").display = bool(runs) and not self._is_table
        self._table.display = bool(runs) and self._is_table
        if not runs:
            nothing.update(
                "There are no runs yet. Add students to [students] and recipes to [recipes] in config.toml, "
                f"import data, then {self.start_key} starts all jobs."
            )
            return
        self._marks.keep(runs)
        self._jobs = runs
        self._lay_out()
        self._fill()
        self.app.read(
            "losses of runs", lambda workspace: workspace.training.last_metrics("loss"), self._receive_losses
        )
        self._ask()

    def seek(self, job: str) -> None:
        """Select a run; clears the list's filter if it hides it."""
        if self._is_table:
            self._switch()
        self._list.back()
        self._sought = job
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        self._seek()
        self._list.enter()

    def _seek(self) -> None:
        # Superseded runs are read after the others.
        if self._sought is not None and self._list.select(self._sought):
            self._sought = None

    async def open_table(self) -> None:
        """Show all runs in a table."""
        if not self._is_table:
            await self.action_table()

    @property
    def _list(self) -> RunList:
        return self.query_one(RunList)

    def selected_job(self) -> Job | None:
        return self._jobs.get(self._run or "")

    def chosen_run(self) -> Job | None:
        return self._jobs.get(self._selected or "")

    def notes_of(self, job: str) -> RunNotes:
        return (self._others.notes or {}).get(job, RunNotes())

    @property
    def _selected(self) -> str | None:
        """The run under the cursor of the list or the table.

        The table reports its cursor later than a key that is pressed directly after it.
        """
        return (self._table.listing if self._is_table else self._list).selected_key

    def is_offered(self, action: str) -> bool:
        # A low terminal shows one chart alone.
        has_choice = action != "select_cursor" or self._is_table or self.has_layouts
        return super().is_offered(action) and has_choice

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._is_table and action in ON_CHARTS:
            return False
        return super().check_action(action, parameters)

    def on_key(self, event: Key) -> None:
        """Say of a key for the charts why it does nothing while the table is in their place."""
        bound = self._bindings.key_to_bindings.get(event.key, ())
        on_charts = any(one.action.partition("(")[0] in ON_CHARTS for one in bound)
        if self._is_table and on_charts and event.key not in self.active_bindings:
            event.stop()
            self.app.show_message(f"this key is for the charts: {self.key_of('training.table')} shows them")

    @property
    def _panel_page(self) -> PanelPage | None:
        """The panel's current page: metrics by default if the panel fits."""
        if self._page == "":
            return "metrics" if self.size.width >= _MEDIUM else None
        return self._page

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        if self._is_table and event.data_table is self._table.listing.table:
            self._table.describe()
        if (event.data_table is self._list.table) == self._is_table or event.row_key.value == self._run:
            return
        self._run = event.row_key.value
        self._changed()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if self._is_table:
            self._switch()
        else:
            self.action_layout()

    def action_mark(self) -> None:
        run = self._selected
        if run is None:
            self.app.show_lack("no run is selected")
        elif self._marks.toggle(run):
            self._run = run
            self._changed()
        else:
            key = self.key_of("training.unmark")
            self.app.show_message(f"{MAX_MARKS} runs are marked, the maximum: {key} unmarks all")

    async def action_table(self) -> None:
        """Show all runs in a table, or the charts of the run under the table's cursor."""
        if not self._table.is_attached:
            await self.mount(self._table, after="#body")
        self._switch()

    def _switch(self) -> None:
        chosen, self._is_table = self._selected, not self._is_table
        self.query_one("#body").display = not self._is_table
        self._table.display = self._is_table
        if self._is_table:
            self._is_full = False
            self._show_table()
            self._read_table()
        if chosen is not None:
            self._run = chosen
            if self._is_table:
                self._table.seek(chosen)
            else:
                self._sought = chosen
                self._seek()
        self._lay_out()
        (self._table.listing if self._is_table else self._list).enter()
        self._changed()
        self.refresh_bindings()

    def action_show_archived(self) -> None:
        self._shows_archived = not self._shows_archived
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)
        self.app.show_message(f"archived runs are {'shown' if self._shows_archived else 'hidden'}")

    def action_unmark(self) -> None:
        self._marks.clear()
        self._changed()

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

    def action_log(self) -> None:
        job = self._jobs.get(self._list.selected_key or "")
        if job is None or job.attempt == 0:
            self.app.show_lack("this run has no log yet: it has not started")
        elif not job.in_config:
            # The screen of logs lists those of config.toml's jobs.
            self._page = "log"
            self._lay_out()
        else:
            self.app.post_message(OpenLog(job.id))

    def action_run(self, by: int) -> None:
        """Select another run while the list is hidden."""
        table = self._list.table
        table.move_cursor(row=min(max(0, table.cursor_row + by), table.row_count - 1))

    def step_back(self) -> None:
        if self._is_table:
            self._switch()
        elif self._is_full:
            self.action_full()
        elif self._step is not None:
            self._step = None
            self._point()
        elif self.has_class("narrow") and self._panel_page is not None:
            self._page = None
            self._lay_out()
        else:
            super().step_back()

    def _lay_out(self) -> None:
        """Lay out list, charts and panel for the terminal's size."""
        width, height = self.size
        self._classify()
        self.query_one(RunPanel).show_page(self._panel_page)
        is_wide = width >= _WIDE
        rows = min(len(self._jobs) + 2, max(5, height // 2 if is_wide else height // 4))
        self._list.styles.height = "1fr" if is_wide else rows
        alone = is_wide and self._panel_page is None
        self.query_one("#body").styles.grid_rows = "1fr" if alone else f"{rows} 1fr"

    def _classify(self) -> None:
        """Set the classes by which the style sheet lays out the screen."""
        width = self.size.width
        classes = {
            "narrow": width < _MEDIUM,
            "medium": _MEDIUM <= width < _WIDE and not self._is_full,
            "wide": width >= _WIDE and not self._is_full,
            "widest": width >= _WIDEST and not self._is_full,
            "full": self._is_full,
            "panelled": self._panel_page is not None,
        }
        self.update_classes(classes, animate=False)

    def drawn_runs(self) -> tuple[DrawnRun, ...]:
        """The runs to draw; the selected one is last and so on top."""
        return self._marks.shown(self._run, self.app.current_theme.dark)

    def _changed(self) -> None:
        """Redraw after the set of runs has changed."""
        self._fill()
        self._ask()

    def _fill(self) -> None:
        """Update the list if anything changed, and the panel."""
        shown = {run.job: run for run in self.drawn_runs()}
        width = self._list.size.width
        rows = {
            job.id: RunRow(
                job,
                self._losses.get(job.id),
                shown.get(job.id),
                job.id in self._marks,
                self.notes_of(job.id).archived,
                width,
            )
            for job in self._jobs.values()
        }
        # Without runs the list is not displayed, and has no width.
        if rows != self._rows and (width or not rows):
            self._rows = rows
            self._list.show(columns(width), rows)
            self._seek()
        named = [(run, rows[run.job].job.name) for run in shown.values() if run.job in rows]
        self.query_one(RunPanel).follow(self.selected_job(), named)
        if self._is_table:
            self._show_table()
        self._describe()

    def _receive_others(self, found: OtherRuns) -> None:
        if found != self._others:
            self._others = found
            if self.app.snapshot is not None:
                self.show(self.app.snapshot)

    def _read_table(self) -> None:
        for name, sizes in (("results of runs", False), ("sizes of runs", True)):
            self.app.read(name, partial(all_runs, self._shows_archived, sizes), self._receive_table)

    def _receive_table(self, found: AllRuns) -> None:
        # Without sizes first, which take longer.
        sizes = self._all.sizes if found.sizes is None else found.sizes
        if (found.runs, sizes) != (self._all.runs, self._all.sizes):
            self._all = AllRuns(found.runs, sizes)
            if self._is_table:
                self._show_table()

    def _show_table(self) -> None:
        self._table.show(self._all.runs, self._all.sizes or {}, self.drawn_runs(), self._others.archived)

    def _receive_losses(self, losses: dict[str, float]) -> None:
        if losses != self._losses:
            self._losses = losses
            self._fill()

    def show_cursor(self, x: float | None) -> None:
        self.query_one(RunPanel).point(self._drawing, x, self._metric)
        self._describe()

    def _describe(self) -> None:
        """Update the text below the charts."""
        names = {job.id: job.name for job in self._jobs.values()} if self._is_full else None
        self.query_one(Caption).show(
            self._drawing, self._reference, self._x, self.selected_job(), self.drawn_runs(), names
        )
