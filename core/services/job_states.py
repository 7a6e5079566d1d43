"""How the jobs stand: those of the configuration, and why one that does not run does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.domain.jobs import Job, JobState
from core.domain.snapshot import SlotUse
from core.jobs.planned_job import PlannedJob


def current(nodes: Sequence[PlannedJob], jobs: dict[str, Job]) -> list[Job]:
    """The configuration's jobs in the graph's order, then what was asked for beside it (judges held against
    people), and what an older one has still under way."""
    shown = [jobs.get(node.id) or _planned(node) for node in nodes]
    planned = {node.id for node in nodes}
    unfinished = ("waiting", "ready", "running")
    return shown + [
        job
        for job in jobs.values()
        if job.id not in planned and (job.state in unfinished or job.stage == "validate")
    ]


def _planned(node: PlannedJob) -> Job:
    return Job(
        id=node.id,
        stage=node.stage,
        name=node.name,
        state="waiting",
        requested=False,
        reason="not asked for yet",
        done=None,
        total=None,
        eta_s=None,
        attempt=0,
        started_at=None,
        finished_at=None,
        error=None,
        slot=node.slot,
        fingerprint=node.fingerprint,
        depends_on=node.depends_on,
        result=None,
        folder=None,
    )


def with_reason(job: Job, jobs: dict[str, Job], paused: bool, slot_views: Sequence[SlotUse]) -> Job:
    """The job with the reason why it waits, if it was asked for and waits."""
    if not job.requested or job.state not in ("waiting", "ready"):
        return job
    if job.state == "ready":
        free = any(slot.name == job.slot and slot.used < slot.total for slot in slot_views)
        reason = "paused" if paused else None if free else f"waits for a free {job.slot} slot"
        return replace(job, reason=reason)
    waits_for = [jobs[i] for i in job.depends_on if i in jobs and jobs[i].state != "done"]
    ended: tuple[JobState, ...] = ("failed", "cancelled")
    blocking = next((other for other in waits_for if other.state in ended), None)
    if blocking is not None:
        return replace(job, reason=f"blocked: {blocking.stage} {blocking.name} {blocking.state}")
    if waits_for:
        return replace(job, reason=f"waits for {waits_for[0].stage} {waits_for[0].name}")
    return job
