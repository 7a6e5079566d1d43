"""The current state of jobs, with the reason why a job waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.domain import job_rules
from core.domain.dependencies import dependencies_of
from core.domain.jobs import Job
from core.domain.snapshot import SlotUse
from core.jobs.planned_job import PlannedJob


def current(nodes: Sequence[PlannedJob], jobs: dict[str, Job]) -> list[Job]:
    """The configuration's jobs in the graph's order, then validations of judges, and jobs of an older
    configuration: the unfinished ones, and those without success for which they wait."""
    shown = [jobs.get(node.id) or _planned(node) for node in nodes]
    planned = {node.id for node in nodes}
    others = [job for job in jobs.values() if job.id not in planned]
    unfinished = [job for job in others if job.state not in job_rules.ENDED]
    needed = dependencies_of(jobs.values(), (job.id for job in unfinished))
    return shown + [
        job if job.stage == "validate" else replace(job, in_config=False)
        for job in others
        if job.state not in job_rules.ENDED
        or job.stage == "validate"
        or (job.state in job_rules.UNSUCCESSFUL and job.id in needed)
    ]


def _planned(node: PlannedJob) -> Job:
    return Job(
        id=node.id,
        stage=node.stage,
        name=node.name,
        state="waiting",
        requested=False,
        reason="not requested yet",
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
    """The job with the reason why it waits, if it was requested and waits."""
    reason = job_rules.waiting_reason(job, jobs, paused, slot_views)
    return job if reason is None else replace(job, reason=reason)
