"""Whether requested jobs are finished, and why they can't go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import ENDED, UNSUCCESSFUL, blocked_jobs, movable_jobs, open_slots
from core.domain.jobs.snapshot import Snapshot


@dataclass(frozen=True)
class Completion:
    """The requested jobs once waiting is over."""

    jobs: tuple[Job, ...]
    """The jobs in their last states."""
    problem: str | None
    """Why not all of them are done; None when they are."""

    @property
    def ok(self) -> bool:
        return self.problem is None


def completion_of(snapshot: Snapshot, jobs: tuple[Job, ...]) -> Completion | None:
    """The completion once `jobs`, with all that they depend on, are done or cannot go on; else None."""
    unfinished = [job for job in jobs if job.state not in ENDED]
    unsuccessful = {job.id for job in jobs if job.state in UNSUCCESSFUL}
    if not unfinished and not unsuccessful:
        return Completion(jobs, None)
    blocked = blocked_jobs(jobs, unsuccessful)
    going = [job for job in unfinished if job.id not in blocked]
    if not going:
        return Completion(jobs, _count(jobs, unsuccessful, blocked))
    if any(job.state == "running" for job in going):
        return None
    unfinished_jobs = f"{len(going)} of {len(jobs)} jobs are not finished"
    if snapshot.paused:
        return Completion(jobs, f"paused, {unfinished_jobs}: `empathy-tui resume` lets them start")
    slots = open_slots(snapshot)
    if not movable_jobs(jobs, slots):
        names = ", ".join(sorted({job.slot for job in going} - slots))
        return Completion(
            jobs, f"{unfinished_jobs}, and config.toml has no slot for them: [slots] {names} = 0"
        )
    return None


def _count(jobs: Sequence[Job], unsuccessful: set[str], blocked: frozenset[str]) -> str:
    failed = sum(job.state == "failed" for job in jobs)
    cancelled = len(unsuccessful) - failed
    parts = [
        f"{number} {word}"
        for number, word in ((failed, "failed"), (cancelled, "cancelled"), (len(blocked), "blocked by them"))
        if number
    ]
    return f"of {len(jobs)} jobs {', '.join(parts)}: retry one with `empathy-tui retry JOB`"
