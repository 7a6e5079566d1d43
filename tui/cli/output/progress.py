"""Following work to its end without the app: plain lines, and on a terminal live bars below them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn
from rich.text import Text

from core.api import ENDED, UNSUCCESSFUL, Job, Snapshot, Submission, UserError, Workspace, blocked_jobs
from tui.cli.output import printing
from tui.format.text import visible
from tui.format.values import duration, percent, size

_LOOK_S = 0.25
#: Between two lines about one job's progress.
_LINE_S = 10.0
#: Between two lines about a download.
_LINE_BYTES = 1_000_000
#: Supervisors in a row that may end before any job moves on.
_MAX_SUPERVISORS = 10


@dataclass(frozen=True)
class Ending:
    """How the wanted jobs stood when there was nothing left to wait for; why, unless all are done."""

    jobs: tuple[Job, ...]
    problem: str | None

    @property
    def ok(self) -> bool:
        return self.problem is None


def follow(workspace: Workspace, wanted: Sequence[str], done: Sequence[str], console: Console) -> Ending:
    """Draw the progress of these jobs, of which `done` were so before, until nothing more can happen.

    A supervisor that was killed is started again. Raises `UserError` when it does not come up.
    """
    pipeline, commands = workspace.pipeline, workspace.commands
    supervisors, before = 0, None
    with _Drawing(console, done) as drawing:
        while True:
            snapshot = pipeline.snapshot()
            jobs = pipeline.jobs(wanted)
            drawing.show(jobs)
            ending = _ending(snapshot, jobs)
            if ending is not None:
                return ending
            now = [(job.state, job.done, job.attempt) for job in jobs]
            supervisors, before = (supervisors if now == before else 0), now
            if not snapshot.supervisor.running:
                supervisors += 1
                if supervisors > _MAX_SUPERVISORS:
                    raise UserError(
                        f"the supervisor has ended {_MAX_SUPERVISORS} times and nothing moved on; "
                        f"see {workspace.paths.supervisor_log}"
                    )
                commands.ensure_supervisor()
            time.sleep(_LOOK_S)


def submitted(workspace: Workspace, wanted: Sequence[str]) -> list[Submission]:
    """The batches of these jobs at their providers, once nothing but those is left to wait for here.

    Raises `UserError` when jobs failed and nothing else moves.
    """
    pipeline, commands = workspace.pipeline, workspace.commands
    while True:
        snapshot, jobs = pipeline.snapshot(), pipeline.jobs(wanted)
        unfinished = {job.id for job in jobs if job.state not in ENDED}
        sent = [s for s in workspace.spending.submissions() if s.job in unfinished and not s.collected]
        there = [s for s in sent if s.batch is not None]
        at_provider = {s.job for s in there} - {s.job for s in sent if s.batch is None}
        able = [
            job
            for job in jobs
            if job.id in unfinished
            and job.id not in at_provider
            and not unfinished.intersection(job.depends_on)
        ]
        ending = _ending(snapshot, jobs)
        if ending is not None and ending.problem is not None:
            raise UserError(ending.problem)
        if not able:
            return there
        if not snapshot.supervisor.running:
            commands.ensure_supervisor()
        time.sleep(_LOOK_S)


@contextmanager
def downloading() -> Iterator[Callable[[int, int | None], None]]:
    """A function to tell of the bytes so far and in all: it draws them on stderr."""
    console = printing.console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        told = -_LINE_BYTES

        def say(done: int, total: int | None) -> None:
            nonlocal told
            if done - told >= _LINE_BYTES or done == total:
                told = done
                whole = "" if total is None else f" of {size(total)}"
                console.print(f"{size(done)}{whole}")

        yield say
        return
    with Progress(BarColumn(), DownloadColumn(), TransferSpeedColumn(), console=console) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _ending(snapshot: Snapshot, jobs: tuple[Job, ...]) -> Ending | None:
    """The ending once nothing more can happen to `jobs`, which hold all that they depend on."""
    unfinished = [job for job in jobs if job.state not in ENDED]
    unsuccessful = {job.id for job in jobs if job.state in UNSUCCESSFUL}
    if not unfinished and not unsuccessful:
        return Ending(jobs, None)
    blocked = blocked_jobs(jobs, unsuccessful)
    going = [job for job in unfinished if job.id not in blocked]
    if not going:
        return Ending(jobs, _count(jobs, unsuccessful, blocked))
    if any(job.state == "running" for job in going):
        return None
    left = f"{len(going)} of {len(jobs)} jobs are left"
    if snapshot.paused:
        return Ending(jobs, f"paused, {left}: `empathy-tui resume` lets them go on")
    closed = {slot.name for slot in snapshot.slots if slot.total == 0}
    unfinished_ids = {job.id for job in unfinished}
    able = [job for job in going if not unfinished_ids.intersection(job.depends_on)]
    if able and all(job.slot in closed for job in able):
        names = ", ".join(sorted({job.slot for job in able}))
        return Ending(jobs, f"{left}, and config.toml gives them no slot: [slots] {names} = 0")
    return None


def _count(jobs: Sequence[Job], unsuccessful: set[str], blocked: frozenset[str]) -> str:
    failed = sum(job.state == "failed" for job in jobs)
    cancelled = len(unsuccessful) - failed
    parts = [
        f"{number} {word}"
        for number, word in ((failed, "failed"), (cancelled, "cancelled"), (len(blocked), "blocked by those"))
        if number
    ]
    return f"of {len(jobs)} jobs {', '.join(parts)}: `empathy-tui retry JOB` tries one again"


class _Drawing:
    """Prints a line for each change; on a terminal it keeps bars of the running jobs below."""

    def __init__(self, console: Console, done: Sequence[str]) -> None:
        self._console = console
        self._done = set(done)
        self._before: dict[str, Job] | None = None
        self._told: dict[str, tuple[float, int | None]] = {}
        self._tasks: dict[str, TaskID] = {}
        self._bars: Progress | None = None
        if console.is_terminal and not console.is_dumb_terminal:
            self._bars = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[figures]}", markup=False),
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
            # What was done meanwhile is news.
            self._before = {job.id: job for job in jobs if job.id in self._done}
            if self._before:
                self._line(Text(f"{len(self._before)} of {len(jobs)} jobs were done before"))
        for job in jobs:
            self._tell(job, self._before.get(job.id))
            self._before[job.id] = job
            self._draw(job)

    def _tell(self, job: Job, before: Job | None) -> None:
        restarted = before is not None and job.attempt > before.attempt
        if before is not None and before.state == job.state and not restarted:
            if job.state == "running":
                self._tell_progress(job)
            return
        # A job's time counts from its first attempt, with all that lay between.
        after = f" in {printing.took(job)}" if printing.took(job) and job.attempt == 1 else ""
        match job.state:
            case "running":
                again = f" again (attempt {job.attempt})" if job.attempt > 1 else ""
                self._about(job, f"started{again}")
                self._told[job.id] = (time.monotonic(), job.done)
            case "done":
                what = printing.outcome_of(job)
                self._about(job, f"done{after}{': ' + what if what else ''}", "green")
            case "failed":
                self._about(job, f"failed{after}: {job.error} (`empathy-tui logs {job.id}`)", "red")
            case "cancelled":
                self._about(job, "cancelled", "yellow")
            case "ready" if before is not None and before.state == "running":
                self._about(job, "interrupted; it will be started again", "yellow")

    def _tell_progress(self, job: Job) -> None:
        told_at, told = self._told.get(job.id, (0.0, None))
        if self._bars is None and job.done != told and time.monotonic() - told_at >= _LINE_S:
            self._about(job, _figures(job))
            self._told[job.id] = (time.monotonic(), job.done)

    def _draw(self, job: Job) -> None:
        if self._bars is None:
            return
        task = self._tasks.get(job.id)
        if job.state != "running":
            if task is not None:
                self._bars.remove_task(self._tasks.pop(job.id))
            return
        if task is None:
            label = visible(f"{job.stage} {job.name}")
            task = self._tasks[job.id] = self._bars.add_task(label, total=None, figures="")
        self._bars.update(task, completed=job.done or 0, total=job.total, figures=_figures(job))

    def _about(self, job: Job, what: str, style: str = "") -> None:
        line = Text.assemble((visible(f"{job.stage} {job.name}"), "bold"), ": ", (visible(what), style))
        self._line(line)

    def _line(self, line: Text) -> None:
        stamp = time.strftime("%H:%M:%S ")
        self._console.print(Text.assemble((stamp, "dim"), line))


def _figures(job: Job) -> str:
    if job.done is None or not job.total:
        return "under way" if job.done is None else str(job.done)
    left = "" if job.eta_s is None else f", about {duration(job.eta_s)} left"
    return f"{job.done}/{job.total} ({percent(job.done / job.total)}){left}"
