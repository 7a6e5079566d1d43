"""Progress of jobs and downloads without the app: plain lines, and live bars on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TransferSpeedColumn,
)
from rich.text import Text

from core.api import (
    ENDED,
    Completion,
    Job,
    ReadingPhase,
    Submission,
    UserError,
    Workspace,
    completion_of,
    dependents_of,
    movable_jobs,
    open_slots,
)
from tui.cli.output.pipeline.jobs import time_taken
from tui.cli.output.tables import make_console
from tui.format.data import imports
from tui.format.jobs import outcomes, results, waits
from tui.format.text import visible
from tui.format.values import duration, percent, size

#: Seconds between two polls.
_POLL_S = 0.25
#: Seconds between two lines about one job's progress.
_LINE_S = 10.0
#: Seconds without a line about a file that is read where stderr is no terminal.
_QUIET_S = 2.0
#: Bytes between two lines about a file.
_LINE_BYTES = 10_000_000


def follow(workspace: Workspace, wanted: Sequence[str], done: Sequence[str], console: Console) -> Completion:
    """Show the progress of the jobs `wanted` until they end or cannot continue; `done` were done before."""
    with _Display(console, done) as display:
        return workspace.commands.wait_for_jobs(wanted, display.show)


def submitted(workspace: Workspace, wanted: Sequence[str]) -> list[Submission]:
    """Wait until the jobs wait for nothing but batches at their providers; those batches.

    Raises `UserError` when jobs failed and the others cannot continue.
    """
    pipeline, commands = workspace.pipeline, workspace.commands
    while True:
        snapshot, jobs = pipeline.snapshot(), pipeline.jobs(wanted)
        unfinished = {job.id for job in jobs if job.state not in ENDED}
        open_ = [s for s in workspace.spending.submissions() if s.job in unfinished and not s.collected]
        there = [s for s in open_ if s.batch is not None]
        at_provider = {s.job for s in there} - {s.job for s in open_ if s.batch is None}
        waiting = at_provider | dependents_of(jobs, at_provider)
        able = movable_jobs(jobs, open_slots(snapshot)) - waiting
        ending = completion_of(snapshot, jobs)
        if ending is not None and ending.problem is not None:
            raise UserError(ending.problem)
        if not able:
            return there
        if not snapshot.supervisor.running:
            commands.ensure_supervisor()
        time.sleep(_POLL_S)


@contextmanager
def transferring(quiet_s: float = 0.0) -> Iterator[Callable[[int, int | None], None]]:
    """A function that shows on stderr how much of a file is there; it takes the bytes so far and in all.

    Args:
        quiet_s: Seconds without a line where stderr is no terminal.
    """
    console = make_console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        shown, started = -_LINE_BYTES, time.monotonic()

        def show(done: int, total: int | None) -> None:
            nonlocal shown
            if time.monotonic() - started < quiet_s:
                return
            if done - shown >= _LINE_BYTES or done == total != shown:
                shown = done
                whole = "" if total is None else f" of {size(total)}"
                console.print(f"{size(done)}{whole}")

        yield show
        return
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def reading() -> Iterator[Callable[[ReadingPhase, int, int], None]]:
    """A function that shows an import's progress on stderr; it takes the phase, what is done and all of it.

    Where stderr is no terminal, an import of some seconds has no line.
    """
    with ExitStack() as stack:
        bytes_read = stack.enter_context(transferring(_QUIET_S))
        compared: Callable[[int, int], None] | None = None

        def show(phase: ReadingPhase, done: int, total: int) -> None:
            nonlocal compared
            if phase == "read":
                bytes_read(done, total)
                return
            if compared is None:
                # One after the other: two live bars cannot be drawn at a time.
                stack.close()
                compared = stack.enter_context(_comparing())
            compared(done, total)

        yield show


@contextmanager
def _comparing() -> Iterator[Callable[[int, int], None]]:
    console = make_console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        printed = time.monotonic()

        def show(done: int, total: int) -> None:
            nonlocal printed
            if time.monotonic() - printed >= _LINE_S:
                printed = time.monotonic()
                console.print(f"{imports.PHASES['compare']}: {percent(done / total)}")

        yield show
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        task = bars.add_task(imports.PHASES["compare"], total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


class _Display:
    """Prints a line for each change; on a terminal it keeps progress bars of the running jobs below."""

    def __init__(self, console: Console, done: Sequence[str]) -> None:
        self._console = console
        self._done = set(done)
        self._before: dict[str, Job] | None = None
        self._printed: dict[str, tuple[float, int | None]] = {}
        self._tasks: dict[str, TaskID] = {}
        self._bars: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[counts]}", markup=False),
                console=console,
                transient=True,
                refresh_per_second=4,
            )

    def __enter__(self) -> Self:
        if self._bars is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def show(self, jobs: tuple[Job, ...]) -> None:
        if self._before is None:
            # Jobs that became done since the request are news.
            self._before = {job.id: job for job in jobs if job.id in self._done}
            if self._before:
                self._print_line(Text(f"{len(self._before)} of {len(jobs)} jobs were done before"))
        for job in jobs:
            self._print_warnings(job, self._before.get(job.id))
            self._print_change(job, self._before.get(job.id))
            self._before[job.id] = job
            self._update_bar(job)

    def _print_warnings(self, job: Job, before: Job | None) -> None:
        for warning in job.warnings[0 if before is None else len(before.warnings) :]:
            self._print_about(job, f"warning: {warning}", "yellow")

    def _print_change(self, job: Job, before: Job | None) -> None:
        restarted = before is not None and job.attempt > before.attempt
        if before is not None and before.state == job.state and not restarted:
            if job.state == "running":
                self._print_wait(job, before)
                self._print_progress(job)
            return
        after = f" in {time_taken(job)}" if time_taken(job) else ""
        match job.state:
            case "running":
                again = f" again (attempt {job.attempt})" if job.attempt > 1 else ""
                self._print_about(job, f"started{again}")
                self._printed[job.id] = (time.monotonic(), job.done)
            case "done":
                result = results.brief(job.result)
                self._print_about(job, f"done{after}{': ' + result if result else ''}", "green")
                for line in outcomes.lines(job.result):
                    self._print_about(job, line, "yellow")
            case "failed":
                self._print_about(job, f"failed{after}: {job.error} (`empathy-tui logs {job.id}`)", "red")
            case "cancelled":
                self._print_about(job, "cancelled", "yellow")
            case "stopped":
                self._print_about(job, job.reason or "stopped", "dim")
            case "ready" if job.preempted is not None:
                self._print_about(job, f"preempted: {job.preempted}; it will continue", "yellow")
            case "ready" if before is not None and before.state == "running":
                self._print_about(job, "interrupted; it will start again", "yellow")

    def _print_wait(self, job: Job, before: Job) -> None:
        """A line when a job begins to wait for something outside, or continues."""
        if job.wait is not None and (before.wait is None or before.wait.reason != job.wait.reason):
            self._print_about(job, waits.words(job.wait, time.time()), "yellow")
        elif job.wait is None and before.wait is not None:
            self._print_about(job, "continues")

    def _print_progress(self, job: Job) -> None:
        printed_at, printed = self._printed.get(job.id, (0.0, None))
        if self._bars is None and job.done != printed and time.monotonic() - printed_at >= _LINE_S:
            self._print_about(job, _counts(job))
            self._printed[job.id] = (time.monotonic(), job.done)

    def _update_bar(self, job: Job) -> None:
        if self._bars is None:
            return
        task = self._tasks.get(job.id)
        if job.state != "running":
            if task is not None:
                self._bars.remove_task(self._tasks.pop(job.id))
            return
        if task is None:
            label = visible(job.title)
            task = self._tasks[job.id] = self._bars.add_task(label, total=None, counts="")
        self._bars.update(task, completed=job.done or 0, total=job.total, counts=_counts(job))

    def _print_about(self, job: Job, what: str, style: str = "") -> None:
        line = Text.assemble((visible(job.title), "bold"), ": ", (visible(what), style))
        self._print_line(line)

    def _print_line(self, line: Text) -> None:
        stamp = time.strftime("%H:%M:%S ")
        self._console.print(Text.assemble((stamp, "dim"), line))


def _counts(job: Job) -> str:
    if job.done is None or not job.total:
        return "running" if job.done is None else str(job.done)
    eta = "" if job.eta_s is None else f", ETA {duration(job.eta_s)}"
    eta = eta if job.wait is None else f", {waits.brief(job.wait, time.time())}"
    return f"{job.done}/{job.total} ({percent(job.done / job.total)}){eta}"
