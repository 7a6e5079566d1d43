"""Pipeline: all jobs in topological order, with progress and actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from core.api import action_problem, config_place, find_job
from tui.components.listing import ListEntry, Listing
from tui.components.table_cells import Column
from tui.components.text_pane import TextPane
from tui.components.workspace_screen import START_ALL, WorkspaceScreen
from tui.navigation.bindings import verb
from tui.navigation.messages import OpenLog
from tui.screens.pipeline import job_details, job_rows

if TYPE_CHECKING:
    from core.api import Job, Snapshot
    from tui.navigation.host import ConfigPlace

#: A job, and the current time if its row depends on it.
_ShownJob = tuple["Job", "float | None"]

#: Seconds between updates of elapsed times.
_TICK_S = 1.0


class PipelineScreen(WorkspaceScreen):
    """Jobs as rows, with details of the selected one below."""

    MODE = "pipeline"
    ABOUT = "Every job of config.toml, in the order of their dependencies."
    CSS_PATH = "pipeline.tcss"
    WRITES = frozenset({"start", "cancel", "retry"})
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "start", "Start", id="pipeline.start", tooltip="Start the job and its dependencies"),
        Binding("S", START_ALL, "Start all", id="pipeline.start_all", tooltip="Start every job"),
        verb("cancel", "cancel", id="pipeline.cancel", tooltip="Cancel the job", show=True),
        verb("retry", "retry", id="pipeline.retry", tooltip="Retry a failed or cancelled job", show=True),
        Binding("v", "raw", "Values", id="pipeline.raw", show=False, tooltip="Raw values of the result"),
        verb("pause", "app.pause", id="pipeline.pause", tooltip="Start no new jobs, or resume"),
    ]

    def __init__(self) -> None:
        super().__init__()
        #: Whether the detail shows raw values.
        self._is_raw = False
        self._columns: tuple[Column, ...] = ()

    def body(self) -> ComposeResult:
        yield Static(id="summary", markup=False)
        yield Listing(id="jobs", words="a part of a state, a stage or a name", draw=self._entry, opens="Log")
        yield Static(id="nothing", markup=False)
        yield TextPane(id="detail", can_focus=False, hang=job_details.LABEL)

    def on_mount(self) -> None:
        self.query_one("#nothing").display = False
        self.set_interval(_TICK_S, self._tick)
        self._jobs.enter()

    def seek(self, job: str) -> None:
        """Show a job, without the filter that would hide it."""
        self._jobs.back()
        if self.app.snapshot is not None:
            self._fill(self.app.snapshot)
        self._jobs.select(job)
        self._jobs.enter()

    def seek_stage(self, stage: str) -> None:
        """Put the cursor on the first job of a stage that has not ended, or else on its first one."""
        self._jobs.back()
        snapshot = self.app.snapshot
        if snapshot is None:
            return
        self._fill(snapshot)
        jobs = [job for job in snapshot.jobs if job.stage == stage]
        if jobs:
            self._jobs.select(next((job for job in jobs if job.state != "done"), jobs[0]).id)
        self._jobs.enter()

    def on_resize(self, event: Resize) -> None:
        if self.app.snapshot is not None:
            self._fill(self.app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        summary = job_rows.summary(snapshot, self.size.width - 2)
        self.query_one("#summary", Static).update(summary, layout=False)
        nothing = self.query_one("#nothing", Static)
        nothing.display = not snapshot.jobs
        self.set_has_nothing(not snapshot.jobs)
        self._jobs.display = bool(snapshot.jobs)
        if not snapshot.jobs:
            nothing.update(job_details.no_jobs(snapshot))
        self._fill(snapshot)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._show_detail()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        if event.row_key.value is not None:
            self.app.post_message(OpenLog(event.row_key.value))

    def unavailable(self, action: str) -> str | None:
        reason = super().unavailable(action)
        if reason is None and action in ("start", "cancel", "retry"):
            return action_problem(action, self.selected)
        return reason

    def config_place(self) -> ConfigPlace | None:
        return None if self.selected is None else config_place(self.selected)

    @property
    def _jobs(self) -> Listing[_ShownJob]:
        return self.query_one("#jobs", Listing)

    @property
    def selected(self) -> Job | None:
        """The job under the cursor."""
        return find_job(self.app.snapshot, self._jobs.selected_key)

    def action_raw(self) -> None:
        job = self.selected
        if job is None:
            self.app.show_lack("no job is selected")
            return
        self._is_raw = not self._is_raw
        self._show_detail()
        if self._is_raw and job.result is None:
            key = self.key_of("pipeline.raw")
            self.app.show_message(f"the job has no result yet: {key} adds its fingerprint alone")

    def action_start(self) -> None:
        job = self.selected
        if self.can("start") and job is not None:
            self.app.start(f"Start {job.title}", [job.id])

    def action_cancel(self) -> None:
        job = self.selected
        if not self.can("cancel") or job is None:
            return
        if job.state != "running":
            self._cancel(job)
            return
        from tui.dialogs.confirm import ConfirmScreen

        self.app.push_screen(
            ConfirmScreen(
                f"Cancel {job.title}?",
                Content(
                    "It is running. Its work since the last checkpoint is lost; "
                    f"everything before is kept, and {self.app.key_name('pipeline.retry', 'r')} resumes "
                    "from there."
                ),
                "Cancel the job",
                "Keep it running",
            ),
            lambda yes: self._cancel(job) if yes else None,
        )

    def action_retry(self) -> None:
        job = self.selected
        if self.can("retry") and job is not None:
            self.app.act(f"Retry {job.title}", lambda commands: commands.retry(job.id))

    def _cancel(self, job: Job) -> None:
        self.app.act(f"Cancel {job.title}", lambda commands: commands.cancel(job.id))

    def _fill(self, snapshot: Snapshot) -> None:
        self._columns = job_rows.columns(self.size.width, has_engines=job_rows.has_engines(snapshot.jobs))
        now = self.app.now()
        # Only the rows of running jobs depend on the time.
        shown = {job.id: (job, now if job.state == "running" else None) for job in snapshot.jobs}
        self._jobs.show(self._columns, shown)
        self._show_detail()

    def _entry(self, shown: _ShownJob) -> ListEntry:
        job, now = shown
        return job_rows.entry(self.app, job, self._columns, now or 0.0)

    def _tick(self) -> None:
        snapshot = self.app.snapshot
        if not self.is_current or snapshot is None:
            return
        now = self.app.now()
        running = {job.id: (job, now) for job in snapshot.jobs if job.state == "running"}
        if running:
            self._jobs.show_some(running)
            self._show_detail()

    def _show_detail(self) -> None:
        job, snapshot = self.selected, self.app.snapshot
        detail = self.query_one("#detail", TextPane)
        if job is None or snapshot is None:
            detail.update(Content(""))
        else:
            detail.update(job_details.describe(job, snapshot, self.app.now(), is_raw=self._is_raw))
