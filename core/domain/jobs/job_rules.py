"""What may be done with a job, why it waits, and whether work needs a supervisor; each rule is here alone.

A reason is one plain sentence for people; None means that nothing stands in the way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from operator import add
from typing import TYPE_CHECKING, Literal

from core.domain.jobs import rungs
from core.domain.jobs.dependencies import (
    Dependent,
    Link,
    dependents_of,
    dependents_of_each,
    nearest_first,
)
from core.domain.names import is_plain

if TYPE_CHECKING:
    # The app imports these rules before its first screen.
    from core.domain.jobs.job import Job
    from core.domain.jobs.snapshot import SlotUse, Snapshot
    from core.domain.states import JobState, Slot

#: What people do with a run besides looking at it; `restore` an archived one.
RunAction = Literal["archive", "restore", "delete", "tag", "note"]

#: States in which nothing more happens to a job by itself.
ENDED: frozenset[JobState] = frozenset({"done", "failed", "cancelled", "stopped"})
#: States in which a job has ended without a result.
UNSUCCESSFUL: frozenset[JobState] = frozenset({"failed", "cancelled"})
#: States in which a job can be requested once more.
REQUESTABLE: frozenset[JobState] = UNSUCCESSFUL | {"stopped"}
#: How the reason begins why a blocked job does not run.
_BLOCKED = "blocked: "


def start_problem(job: Job) -> str | None:
    """Why the job cannot be started."""
    if job.state == "done":
        return f"{job.title} is done: there is nothing to start"
    if job.requested and job.state not in REQUESTABLE:
        state = "cancelling" if job.cancelling else job.state
        return f"{job.title} is requested already: it is {state}"
    return None


def cancel_problem(name: str, state: JobState) -> str | None:
    """Why a requested job in that state cannot be cancelled."""
    return f"{name} is {state}: there is nothing to cancel" if state in ENDED else None


def retry_problem(name: str, state: JobState | Literal["not started"]) -> str | None:
    """Why a job in that state cannot be tried again."""
    if state in REQUESTABLE:
        return None
    return f"{name} is {state}: only what failed, was cancelled or stopped can be tried again"


def refresh_problem(name: str, state: JobState) -> str | None:
    """Why a job in that state cannot poll what it waits for outside."""
    return None if state == "running" else f"{name} is {state}: only a running job can poll"


def adopt_problem(name: str, state: JobState) -> str | None:
    """Why a job in that state cannot use the answers of another batch."""
    return f"{name} is done and needs no more answers" if state == "done" else None


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
            return f"{job.title} was never started: there is nothing to cancel"
        case "cancel" if job.cancelling:
            return f"{job.title} is cancelling: a stop was requested, and it ends at its next step"
        case "cancel":
            return cancel_problem(job.title, job.state)
        case "retry":
            return retry_problem(job.title, job.state if job.requested else "not started")
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
    if all(job.state in ("done", "stopped") for job in snapshot.jobs):
        return "all jobs are done: there is nothing to start"
    # What rungs have stopped starts only if it is named.
    if all(job.state == "stopped" or start_problem(job) is not None for job in snapshot.jobs):
        return "all jobs are requested already"
    return None


def run_problem(action: RunAction, name: str, *, requested: bool, in_config: bool) -> str | None:
    """Why this cannot be done to the run of that name; `in_config` if config.toml defines it."""
    if not requested:
        return f"{name} was never started: there is nothing to {action}"
    if in_config and action in ("archive", "delete"):
        return f"config.toml defines {name}: only superseded runs are {action}d"
    return None


def tag_problem(tag: str) -> str | None:
    """Why a run cannot have a tag; None if it can."""
    if is_plain(tag):
        return None
    return (
        f"{tag!r} is not a tag: use letters, digits, dots, dashes and underscores, the first a letter or a "
        "digit"
    )


def publish_problem(job: Job) -> str | None:
    """Why the run or recipe of that job cannot be published."""
    if not job.in_config:
        return f"{job.name} is superseded: only runs that config.toml defines are published"
    if job.state != "done":
        return f"{job.title} is not done ({job.state}): there is nothing to publish"
    return None


def log_problem(job: Job | None) -> str | None:
    """Why the job has no log to show; `job` is None where none is selected."""
    if job is None:
        return "no job is selected"
    return f"{job.title} has no log: it has not run yet" if job.attempt == 0 else None


def find_job(snapshot: Snapshot | None, job: str | None) -> Job | None:
    """The job of that id in a snapshot."""
    if snapshot is None or job is None:
        return None
    return next((found for found in snapshot.jobs if found.id == job), None)


def waiting_reason(job: Job, jobs: Mapping[str, Job], paused: bool, slots: Sequence[SlotUse]) -> str | None:
    """Why a requested job that could run does not; None too where it is not known or not requested."""
    if not job.requested:
        return None
    if job.state == "stopped":
        return _why_stopped(job, jobs)
    if job.state == "ready":
        free = any(slot.name == job.slot and slot.used < slot.total for slot in slots)
        reason = "paused" if paused else None if free else f"waits for a free {job.slot} slot"
        if job.preempted is not None:
            return f"preempted: {job.preempted}; {reason or 'it continues'}"
        return reason
    if job.state != "waiting":
        return None
    blocking = _blocking(job, jobs)
    if blocking is not None:
        return f"{_BLOCKED}{blocking.title} {blocking.state}"
    ended = rungs.awaited(job.id, job.depends_on)
    needed = next(
        (
            jobs[i]
            for i in job.depends_on
            if i in jobs and jobs[i].state != "done" and not (i in ended and jobs[i].state in ENDED)
        ),
        None,
    )
    return None if needed is None else f"waits for {needed.title}"


def is_blocked(job: Job) -> bool:
    """Whether the job, with its reason, waits directly or not for one that did not succeed."""
    return job.requested and job.state == "waiting" and (job.reason or "").startswith(_BLOCKED)


def _why_stopped(job: Job, jobs: Mapping[str, Job]) -> str | None:
    """Why a rung has stopped the job, or a job that it needs; None where that is not known."""
    from core.domain.jobs.results import RungResult

    for gate in rungs.gates(job.id, job.depends_on):
        result = jobs[gate].result if gate in jobs else None
        if isinstance(result, RungResult) and not rungs.goes_on(job.name, result):
            return rungs.why_stopped(job.name, result)
    needed = next((jobs[i] for i in job.depends_on if i in jobs and jobs[i].state == "stopped"), None)
    return None if needed is None else f"stopped with {needed.title}"


def _blocking(job: Job, jobs: Mapping[str, Job]) -> Job | None:
    """The nearest job without success for which `job` waits, directly or not."""

    def needs(id: str) -> Sequence[str]:
        needed = jobs.get(id)
        return () if needed is None or needed.state in ENDED else rungs.needed(id, needed.depends_on)

    needed = rungs.needed(job.id, job.depends_on)
    walked = (jobs[id] for id in nearest_first(needed, needs) if id in jobs)
    return next((needed for needed in walked if needed.state in UNSUCCESSFUL), None)


def blocked_jobs(jobs: Collection[Job], unsuccessful: Iterable[str]) -> frozenset[str]:
    """The ids of the requested jobs that wait, directly or not, for one of these, which did not succeed."""
    return dependents_of(_unfinished(jobs), unsuccessful)


def blocked_by_each(jobs: Collection[Job], unsuccessful: Iterable[str]) -> dict[str, frozenset[str]]:
    """Each of these, which did not succeed, with the ids of the requested jobs that wait for it, directly or
    not."""
    return dependents_of_each(_unfinished(jobs), unsuccessful)


def _unfinished(jobs: Iterable[Job]) -> Iterator[Dependent]:
    """The requested jobs that have not ended, each depending on what must be done before it starts."""
    # What is done depends on nothing more: its result is there, whatever became of what it was made from.
    return _needing(job for job in jobs if job.requested and job.state not in ENDED)


def needs_supervisor(snapshot: Snapshot, pending: bool) -> bool:
    """Whether there is work that only a supervisor moves on, and none runs.

    `pending`: an intent waits to be carried out. What is paused, blocked by a failure, or has no slot at
    all waits for a person instead.
    """
    if snapshot.supervisor.running:
        return False
    if snapshot.paused:
        return pending or any(job.state == "running" for job in snapshot.jobs)
    return pending or bool(movable_jobs(snapshot.jobs, open_slots(snapshot)))


def open_slots(snapshot: Snapshot) -> frozenset[Slot]:
    """The kinds of slots of which config.toml has any."""
    return frozenset(slot.name for slot in snapshot.slots if slot.total)


def movable_jobs(jobs: Collection[Job], slots: Collection[Slot]) -> frozenset[str]:
    """The ids of the requested jobs that come to an end without a person, as long as none fails.

    These run, or use one of `slots` and wait, directly or not, only for such jobs. A dependency that `jobs`
    does not contain counts as done.
    """
    unfinished = [job for job in jobs if job.requested and job.state not in ENDED]
    running = frozenset(job.id for job in unfinished if job.state == "running")
    startable = {job.id for job in unfinished if job.id not in running and job.slot in slots}
    stuck = [job.id for job in jobs if job.state != "done" and job.id not in running | startable]
    waiting = [job for job in unfinished if job.id in startable]
    held = dependents_of(_needing(waiting), stuck)
    if any(job.stage == rungs.RUNG for job in waiting):
        held |= _undecided(jobs, waiting, held.union(stuck))
    return running | startable - held


def _undecided(jobs: Collection[Job], waiting: Sequence[Job], stuck: Collection[str]) -> frozenset[str]:
    """The ids of the rungs that wait for comparisons that never end, and of what waits for those."""
    ended = {job.id for job in jobs if job.state in ENDED}
    # What can never be done has ended for a rung.
    ended |= dependents_of(_needing(waiting), (job.id for job in jobs if job.state in UNSUCCESSFUL))
    return dependents_of((job for job in waiting if job.id not in ended), set(stuck) - ended)


def _needing(jobs: Iterable[Job]) -> Iterator[Dependent]:
    """The jobs, each depending on what must be done before it starts."""
    for job in jobs:
        yield Link(job.id, rungs.needed(job.id, job.depends_on)) if job.stage == rungs.RUNG else job


@dataclass(frozen=True)
class JobCounts:
    """How many jobs are in each state. Each job counts once, so the numbers add up to `total`."""

    done: int = 0
    """Requested jobs that are done."""
    running: int = 0
    """Jobs that run."""
    cancelling: int = 0
    """Jobs that still run, and were asked to stop."""
    waiting: int = 0
    """Requested jobs that wait for a slot, or for jobs that can still succeed."""
    blocked: int = 0
    """Requested jobs that wait, directly or not, for one that failed or was cancelled."""
    failed: int = 0
    """Requested jobs that failed."""
    cancelled: int = 0
    """Requested jobs that were cancelled."""
    stopped: int = 0
    """Requested jobs that did not go on after a rung, and those that need them."""
    not_started: int = 0
    """Jobs that nobody requested."""

    @property
    def total(self) -> int:
        """All jobs."""
        return self.requested + self.not_started

    @property
    def requested(self) -> int:
        """All requested jobs."""
        ended = self.done + self.failed + self.cancelled + self.stopped
        return ended + self.active + self.waiting + self.blocked

    @property
    def active(self) -> int:
        """Jobs with a worker: those that run, and those that still stop."""
        return self.running + self.cancelling

    def __add__(self, other: JobCounts) -> JobCounts:
        return JobCounts(*map(add, astuple(self), astuple(other)))


def count_jobs(jobs: Sequence[Job]) -> JobCounts:
    """The number of jobs in each state."""
    return counts_by(jobs, lambda job: "").get("", JobCounts())


def counts_by(jobs: Sequence[Job], group: Callable[[Job], str]) -> dict[str, JobCounts]:
    """The number of jobs in each state by group; a job may wait for one of another group."""
    blocked = blocked_jobs(jobs, (job.id for job in jobs if job.requested and job.state in UNSUCCESSFUL))
    found: dict[str, Counter[str]] = {}
    for job in jobs:
        found.setdefault(group(job), Counter())[_counted_as(job, blocked)] += 1
    return {name: JobCounts(**counts) for name, counts in found.items()}


def _counted_as(job: Job, blocked: Collection[str]) -> str:
    """The field of `JobCounts` that counts this job."""
    if not job.requested:
        return "not_started"
    if job.cancelling:
        return "cancelling"
    if job.state in ("waiting", "ready"):
        return "blocked" if job.id in blocked else "waiting"
    return job.state


def job_progress(job: Job) -> float | None:
    """How far a job is, from 0 to 1, or None when that is not known."""
    if job.state == "done":
        return 1.0
    if job.done is None or not job.total:
        return None
    return min(1.0, job.done / job.total)
