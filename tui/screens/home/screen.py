"""Home: running jobs, cost, ETA, failures with their reasons, and the best models."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Resize
from textual.widgets import DataTable, Static

from tui.components.keyed_table import OPEN
from tui.components.workspace_screen import AFTER_FRAME_S, START_ALL, WorkspaceScreen
from tui.navigation.bindings import verb
from tui.navigation.messages import OpenLog, OpenRuns
from tui.runtime import timers

if TYPE_CHECKING:
    from core.api import Event, Forecast, Job, JobCounts, Machine, Snapshot, Spending, WinRate, Workspace
    from tui.screens.home.panels import HomeData, HomePanels

#: Seconds between measurements of the machine while this screen is open.
_LOOK_S = 2.0
#: Seconds between updates that bring nothing but the progress of running jobs.
_PROGRESS_S = 1.0
#: The number of stages without an estimate that are named.
_NAMED = 2
#: The number of events that are read; home shows what they amount to.
_EVENTS = 80

_HomeState = tuple["Forecast | None", "Spending", "list[Event]", int]


class HomeScreen(WorkspaceScreen):
    """A summary line, then the panels."""

    MODE = "home"
    ABOUT = "Running jobs, cost, ETA, failures with their reasons, and the models with the best win rates."
    CSS_PATH = "home.tcss"
    WRITES = frozenset({"retry"})
    BINDINGS: ClassVar[list[BindingType]] = [
        verb("retry", "retry", id="home.retry", tooltip="Retry the failed job", show=True),
        Binding("S", START_ALL, "Start all", id="home.start_all", tooltip="Start every job"),
        Binding(
            "v",
            "runs",
            "Runs",
            id="home.runs",
            show=False,
            tooltip="Compare all runs in a table, also those of earlier settings",
        ),
        verb("pause", "app.pause", id="home.pause", tooltip="Start no new jobs, or resume", show=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        #: Mounted after the first frame, because they are many widgets and have no data before.
        self._panels: HomePanels | None = None
        self._data: HomeData | None = None
        #: When the last query was answered; until then only the snapshot is shown.
        self._read_at = 0.0
        #: The finished comparisons of the win rates that are shown.
        self._compared: tuple[str, ...] | None = None
        #: The last snapshot that was followed, and when by the monotonic clock.
        self._followed: tuple[Snapshot, float] | None = None
        self._is_due = False
        #: The last snapshot that was drawn, with its counts.
        self._counted: tuple[Snapshot, Mapping[str, JobCounts]] | None = None

    def body(self) -> ComposeResult:
        yield Static(id="answers", markup=False)

    def on_mount(self) -> None:
        self.call_after_refresh(timers.call_after, self, AFTER_FRAME_S, self._add_panels)
        self.set_interval(_LOOK_S, self._look_at_machine)

    def on_resize(self, event: Resize) -> None:
        self._draw()

    def on_screen_resume(self) -> None:
        self._look_at_machine()

    def show(self, snapshot: Snapshot) -> None:
        if self._panels is None:
            return
        moment = time.monotonic()
        if self._followed is not None:
            before, at = self._followed
            if moment - at < _PROGRESS_S and differ_in_progress_alone(before, snapshot):
                if not self._is_due:
                    self._is_due = True
                    timers.call_after(self, _PROGRESS_S, self._show_progress)
                return
        self._followed = snapshot, moment
        if self._read_at == 0.0:
            self._draw()
        self.app.read("overview", partial(_look, self.app.now()), self._receive)
        compared = tuple(job.id for job in snapshot.jobs if job.stage == "compare" and job.state == "done")
        if compared != self._compared:
            # By themselves, because they take longer; longest of all who answers alike, found in all texts.
            if self._data is not None and self._data.rates is None:
                self.app.read("leaders", _rates, self._receive_rates)
            self.app.read("same answers", _all_of_rates, partial(self._receive_all_of_rates, compared))

    def _show_progress(self) -> None:
        self._is_due = False
        if self.app.snapshot is not None:
            self.show(self.app.snapshot)

    @property
    def selected(self) -> Job | None:
        """The job of the item under the cursor."""
        # The rules about jobs are not needed for the first frame; the same below.
        from core.api import find_job

        item = None if self._panels is None else self._panels.item
        return None if item is None else find_job(self.app.snapshot, item.job)

    def unavailable(self, action: str) -> str | None:
        reason = super().unavailable(action)
        if reason is None and action == "retry":
            if self._panels is None or self._panels.item is None:
                return "nothing needs attention"
            from core.api import action_problem

            return "this item has no job" if self.selected is None else action_problem(action, self.selected)
        return reason

    def is_offered(self, action: str) -> bool:
        if action == "select_cursor":
            item = None if self._panels is None else self._panels.item
            return item is not None and any(name == OPEN for name, _ in item.remedy)
        return super().is_offered(action) and (action != "retry" or self.unavailable(action) is None)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        item = None if self._panels is None else self._panels.item
        if item is not None and item.job is not None:
            self.app.post_message(OpenLog(item.job))
        elif item is not None:
            self.app.show_message(item.why)

    def action_retry(self) -> None:
        job = self.selected
        if self.can("retry") and job is not None:
            self.app.act(f"Retry {job.title}", lambda commands: commands.retry(job.id))

    def action_runs(self) -> None:
        self.app.post_message(OpenRuns())

    async def _add_panels(self) -> None:
        from tui.screens.home.panels import HomeData, HomePanels

        panels = HomePanels()
        await self.mount(panels)
        self._panels, self._data = panels, HomeData()
        self._catch_up()
        self._look_at_machine()

    def _look_at_machine(self) -> None:
        if self.is_current and self._panels is not None:
            self.app.read("machine", _machine, self._receive_machine)

    def _receive_machine(self, machine: Machine) -> None:
        if self._data is not None and self._panels is not None and machine != self._data.machine:
            self._data = replace(self._data, machine=machine)
            self._panels.show_machine(self._data)

    def _receive(self, seen: _HomeState) -> None:
        if self._data is None:
            return
        forecast, spending, events, superseded = seen
        self._read_at = self.app.now()
        self._data = replace(
            self._data, forecast=forecast, spending=spending, events=events, superseded=superseded
        )
        self._draw()

    def _receive_rates(self, rates: tuple[WinRate, ...]) -> None:
        if self._data is not None and self._data.rates is None:
            self._data = replace(self._data, rates=rates)
            self._draw()

    def _receive_all_of_rates(self, compared: tuple[str, ...], rates: tuple[WinRate, ...]) -> None:
        if self._data is not None:
            self._data, self._compared = replace(self._data, rates=rates), compared
            self._draw()

    def _draw(self) -> None:
        snapshot = self.app.snapshot
        if snapshot is not None and self._panels is not None and self._data is not None:
            counts = self._counts(snapshot)
            answers = self.query_one("#answers", Static)
            text = self._answers(snapshot, counts, self._data)
            if answers.content != text:
                answers.update(text)
            self._panels.show(snapshot, counts, self._data)

    def _counts(self, snapshot: Snapshot) -> Mapping[str, JobCounts]:
        """The number of jobs in each state by stage, counted once for each snapshot."""
        from core.api import counts_by

        if self._counted is None or self._counted[0] is not snapshot:
            self._counted = snapshot, counts_by(snapshot.jobs, lambda job: job.stage)
        return self._counted[1]

    def _answers(self, snapshot: Snapshot, counts: Mapping[str, JobCounts], data: HomeData) -> Content:
        """Running jobs, ETA and cost in one line."""
        from core.api import JobCounts
        from tui.format import submissions
        from tui.format.jobs import job_counts

        sums = sum(counts.values(), JobCounts())
        glyph, colour = "○", "text-warning"
        if sums.active:
            glyph, colour = "▶", "text-accent"
        elif sums.total and sums.done == sums.total:
            glyph, colour = "✓", "text-success"
        elif sums.failed:
            glyph, colour = "✗", "text-error"
        parts = [
            Content.assemble((f"{glyph} ", f"${colour}"), job_counts.done_of(sums)),
        ]
        if data.forecast is not None and not snapshot.paused:
            parts.append(Content(self._when(data.forecast)))
        parts += [Content.styled(text, f"${shade}") for text, shade in job_counts.others(sums)]
        if data.spending is not None:
            parts.append(Content.styled(submissions.money_briefly(data.spending), "$text-muted"))
        return _flowing(parts, self.size.width - 2)

    def _when(self, forecast: Forecast) -> str:
        from tui.format import values as formats
        from tui.screens.home.stage_graph import eta_in_words

        words = eta_in_words(forecast.seconds, is_lower_bound=forecast.is_lower_bound)
        if forecast.is_lower_bound:
            named = ", ".join(forecast.unmeasured[:_NAMED])
            others = len(forecast.unmeasured) - _NAMED
            return f"{words}: no estimate yet for {named}" + (f" and {others} more" if others > 0 else "")
        ends = formats.local_time(self._read_at + forecast.seconds)
        day = "" if ends[:3] == formats.local_time(self._read_at)[:3] else time.strftime("%a ", ends)
        return f"{words}, {day}{time.strftime('%H:%M', ends)}"


def _flowing(parts: Sequence[Content], width: int) -> Content:
    """The parts in lines of at most `width` cells, none of them divided between two lines."""
    lines = [parts[0]]
    for part in parts[1:]:
        longer = Content.assemble(lines[-1], ("  ·  ", "$text-muted"), part)
        if longer.cell_length <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return Content("\n").join(lines)


def differ_in_progress_alone(before: Snapshot, after: Snapshot) -> bool:
    """Whether two snapshots have the same jobs in the same states, and differ in how far running ones are."""
    if replace(after, version=before.version, jobs=before.jobs) != before:
        return False
    return len(after.jobs) == len(before.jobs) and all(
        new is old or new == old or replace(new, done=old.done, total=old.total, eta_s=old.eta_s) == old
        for old, new in zip(before.jobs, after.jobs, strict=True)
    )


def _look(now: float, workspace: Workspace) -> _HomeState:
    pipeline = workspace.pipeline
    superseded = sum(not job.in_config and job.state == "done" for job in workspace.runs.jobs())
    spending, events = workspace.spending.summary(), pipeline.events(limit=_EVENTS)
    return pipeline.forecast(now), spending, events, superseded


def _rates(workspace: Workspace) -> tuple[WinRate, ...]:
    return workspace.evaluation.rates()


def _all_of_rates(workspace: Workspace) -> tuple[WinRate, ...]:
    return workspace.evaluation.win_rates()


def _machine(workspace: Workspace) -> Machine:
    from core.api import look_at_machine

    return look_at_machine()
