"""What may be done with a job, why it waits, and whether work needs a supervisor; each rule is here alone.

A reason is one plain sentence for people; None means that nothing stands in the way.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from core.domain.dependencies import dependents_of

if TYPE_CHECKING:
    # The app imports these rules before its first screen.
    from core.domain.jobs import Job, JobState, Slot
    from core.domain.snapshot import SlotUse, Snapshot

#: States in which nothing more happens to a job by itself.
ENDED: frozenset[JobState] = frozenset({"done", "failed", "cancelled"})
#: States in which a job has ended without a result.
UNSUCCESSFUL: frozenset[JobState] = frozenset({"failed", "cancelled"})


def start_problem(job: Job) -> str | None:
    """Why the job cannot be started."""
    if job.state == "done":
        return f"{_named(job)} is done: there is nothing to start"
    if job.requested and job.state not in UNSUCCESSFUL:
        return f"{_named(job)} is requested already: it is {job.state}"
    return None


def cancel_problem(name: str, state: JobState) -> str | None:
    """Why a requested job in that state cannot be cancelled."""
    return f"{name} is {state}: there is nothing to cancel" if state in ENDED else None


def retry_problem(name: str, state: JobState | Literal["not started"]) -> str | None:
    """Why a job in that state cannot be tried again."""
    if state in UNSUCCESSFUL:
        return None
    return f"{name} is {state}: only what failed or was cancelled can be tried again"


def refresh_problem(name: str, state: JobState) -> str | None:
    """Why a job in that state cannot look again at what it waits for outside."""
    return None if state == "running" else f"{name} is {state}: only a running job can look again"


def action_problem(action: str, job: Job | None) -> str | None:
    """Why `start`, `cancel` or `retry` cannot be done to `job` now; `job` is None where none is selected.

    Raises `ValueError` for another action.
    """
    if job is None:
        return "no job is selected"
    match action:
        case "start":
            return start_problem(job)
        case "cancel" if not job.requested:
            return f"{_named(job)} was never started: there is nothing to cancel"
        case "cancel":
            return cancel_problem(_named(job), job.state)
        case "retry":
            return retry_problem(_named(job), job.state if job.requested else "not started")
        case _:
            raise ValueError(f"no rule for {action!r}")


def start_all_problem(snapshot: Snapshot | None) -> str | None:
    """Why starting all jobs would start none; `snapshot` is None as long as the workspace is being read."""
    if snapshot is None:
        return "the workspace is being read"
    if snapshot.config_error is not None:
        return f"config.toml is invalid: {snapshot.config_error}"
    if not snapshot.jobs:
        return "there is nothing to start: import data, and name students, recipes and judges in config.toml"
    if all(start_problem(job) is not None for job in snapshot.jobs):
        return "all jobs are requested already"
    return None


def log_problem(job: Job | None) -> str | None:
    """Why the job has no log to show; `job` is None where none is selected."""
    if job is None:
        return "no job is selected"
    return f"{_named(job)} has no log: it has not run yet" if job.attempt == 0 else None


def find_job(snapshot: Snapshot | None, job: str | None) -> Job | None:
    """The job of that id in a snapshot."""
    if snapshot is None or job is None:
        return None
    return next((found for found in snapshot.jobs if found.id == job), None)


def waiting_reason(job: Job, jobs: Mapping[str, Job], paused: bool, slots: Sequence[SlotUse]) -> str | None:
    """Why a requested job that could run does not; None too where it is not known or not requested."""
    if not job.requested:
        return None
    if job.state == "ready":
        free = any(slot.name == job.slot and slot.used < slot.total for slot in slots)
        return "paused" if paused else None if free else f"waits for a free {job.slot} slot"
    if job.state != "waiting":
        return None
    unfinished = [jobs[i] for i in job.depends_on if i in jobs and jobs[i].state != "done"]
    blocking = next((other for other in unfinished if other.state in UNSUCCESSFUL), None)
    if blocking is not None:
        return f"blocked: {_named(blocking)} {blocking.state}"
    return f"waits for {_named(unfinished[0])}" if unfinished else None


def blocked_jobs(jobs: Collection[Job], unsuccessful: Iterable[str]) -> frozenset[str]:
    """The ids of the requested jobs that wait, directly or not, for one of these, which did not succeed."""
    # Not by way of what is done: its result is there, whatever became of what it was made from.
    return dependents_of((job for job in jobs if job.requested and job.state not in ENDED), unsuccessful)


def needs_supervisor(snapshot: Snapshot, pending: bool) -> bool:
    """Whether there is work that only a supervisor moves on, and none runs.

    `pending`: an intent waits to be carried out. What is paused, blocked by a failure, or has no slot at
    all waits for a person instead.
    """
    if snapshot.supervisor.running:
        return False
    done = {job.id for job in snapshot.jobs if job.state == "done"}
    slots = {slot.name for slot in snapshot.slots if slot.total}
    return pending or any(_can_move(job, snapshot.paused, done, slots) for job in snapshot.jobs)


def _can_move(job: Job, paused: bool, done: set[str], slots: Collection[Slot]) -> bool:
    if not job.requested:
        return False
    if job.state == "running":
        return True
    able = job.state == "ready" or (job.state == "waiting" and done.issuperset(job.depends_on))
    return able and not paused and job.slot in slots


@dataclass(frozen=True)
class JobCounts:
    """How far the requested work is, in jobs."""

    done: int
    """Requested jobs that are done."""
    requested: int
    """All requested jobs."""
    running: int
    """Requested jobs that run now."""
    failed: int
    """Requested jobs that failed or were cancelled."""
    planned: int
    """All jobs of the configuration, requested or not."""


def count_jobs(jobs: Sequence[Job]) -> JobCounts:
    """The sums over all jobs of a snapshot."""
    requested = [job for job in jobs if job.requested]
    return JobCounts(
        done=sum(job.state == "done" for job in requested),
        requested=len(requested),
        running=sum(job.state == "running" for job in requested),
        failed=sum(job.state in UNSUCCESSFUL for job in requested),
        planned=len(jobs),
    )


def job_progress(job: Job) -> float | None:
    """How far a job is, from 0 to 1, or None when that is not known."""
    if job.state == "done":
        return 1.0
    if job.done is None or not job.total:
        return None
    return min(1.0, job.done / job.total)


def _named(job: Job) -> str:
    return f"{job.stage} {job.name}"
