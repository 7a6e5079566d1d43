"""The current state of jobs, with the reason why a job waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.domain.jobs import job_rules
from core.domain.jobs.dependencies import dependencies_of, nearest_first
from core.domain.jobs.job import Job
from core.domain.jobs.snapshot import SlotUse
from core.jobs.planned_job import PlannedJob


class CurrentJobs:
    """The jobs of snapshots. Of each snapshot, only jobs that differ from the one before are made again: the
    others are the same objects."""

    def __init__(self) -> None:
        self._nodes: Sequence[PlannedJob] = ()
        #: The jobs that were planned and never requested, by id.
        self._planned: dict[str, Job] = {}
        #: The requested jobs without and with the reason why they wait, by id.
        self._jobs: dict[str, Job] = {}
        self._with_reason: dict[str, Job] = {}
        #: Job → the jobs that depend on it directly.
        self._dependents: defaultdict[str, list[str]] = defaultdict(list)
        #: The jobs that the configuration has not, each with how it is shown.
        self._removed: dict[str, tuple[Job, Job]] = {}
        self._slots: object = None

    def update(
        self, nodes: Sequence[PlannedJob], jobs: Mapping[str, Job], paused: bool, slots: Sequence[SlotUse]
    ) -> tuple[Job, ...]:
        """The configuration's jobs in the graph's order, then validations of judges, and jobs of an older
        configuration: the unfinished ones, and those without success for which they wait. Each has the
        reason why it waits, if it was requested and waits.

        Args:
            nodes: The configuration's jobs.
            jobs: All requested jobs, by id. One that is unchanged is the same object as the last time.
            paused: Whether no further job is started.
            slots: The use of each kind of slot.
        """
        if nodes is not self._nodes:
            self._nodes = nodes
            self._planned = {node.id: unrequested(node) for node in nodes}
        self._update_reasons(jobs, paused, slots)
        found = self._with_reason
        shown = [found.get(job) or planned for job, planned in self._planned.items()]
        if len(found) > len(self._planned) or not found.keys() <= self._planned.keys():
            shown += self._others(jobs)
        return tuple(shown)

    def _others(self, jobs: Mapping[str, Job]) -> list[Job]:
        """The jobs to show that the configuration has not."""
        others = [job for job in self._with_reason.values() if job.id not in self._planned]
        unfinished = [job.id for job in others if job.state not in job_rules.ENDED]
        needed = dependencies_of(jobs.values(), unfinished) if unfinished else ()
        return [
            job if job.stage == "validate" else self._not_in_config(job)
            for job in others
            if job.stage == "validate"
            or job.state not in job_rules.ENDED
            or (job.state in job_rules.UNSUCCESSFUL and job.id in needed)
        ]

    def _not_in_config(self, job: Job) -> Job:
        """The job as one that the configuration has not; the same object as long as the job is."""
        known = self._removed.get(job.id)
        if known is None or known[0] is not job:
            known = self._removed[job.id] = (job, replace(job, in_config=False))
        return known[1]

    def _update_reasons(self, jobs: Mapping[str, Job], paused: bool, slots: Sequence[SlotUse]) -> None:
        if not self._jobs.keys() <= jobs.keys():
            # Another store.
            self._jobs, self._with_reason, self._dependents = {}, {}, defaultdict(list)
        changed = [job for name, job in jobs.items() if job is not self._jobs.get(name)]
        for job in changed:
            if job.id not in self._jobs:
                for needed in job.depends_on:
                    self._dependents[needed].append(job.id)
        moved = [
            job.id for job in changed if job.id not in self._jobs or self._jobs[job.id].state != job.state
        ]
        # A failure blocks all that depends on it, directly or not.
        waiting = nearest_first(moved, lambda id: self._dependents.get(id, ()))
        concerned = {*(job.id for job in changed), *waiting}
        if self._slots != (paused, tuple(slots)):
            self._slots = (paused, tuple(slots))
            concerned.update(job.id for job in jobs.values() if job.state == "ready")
        self._jobs.update((job.id, job) for job in changed)
        # In the order of request, in which new ones come last.
        new = [job.id for job in changed if job.id not in self._with_reason]
        for name in dict.fromkeys((*new, *concerned)):
            made = with_reason(jobs[name], jobs, paused, slots)
            if made != self._with_reason.get(name):
                self._with_reason[name] = made


def unrequested(node: PlannedJob) -> Job:
    """A planned job that nobody has requested."""
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


def with_reason(job: Job, jobs: Mapping[str, Job], paused: bool, slot_views: Sequence[SlotUse]) -> Job:
    """The job with the reason why it waits, if it was requested and waits."""
    reason = job_rules.waiting_reason(job, jobs, paused, slot_views)
    return job if reason is None else replace(job, reason=reason)
