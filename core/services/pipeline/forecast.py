"""Forecast of when the requested jobs end, from the durations of finished jobs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import movable_jobs
from core.domain.states import Slot


@dataclass(frozen=True)
class Forecast:
    """How long the requested work will still take."""

    seconds: float
    """Seconds from now until all of it is done."""
    stages: Mapping[str, float]
    """The same of each stage that has work left."""
    unmeasured: tuple[str, ...] = ()
    """Stages that have a job of unknown duration, which is counted as 0, in the order of the jobs."""
    lower_bounds: frozenset[str] = frozenset()
    """Stages that will take longer, because such jobs are theirs or come before them."""

    @property
    def is_lower_bound(self) -> bool:
        """Whether all of it will take longer."""
        return bool(self.unmeasured)


def forecast(
    jobs: Sequence[Job],
    slots: Mapping[Slot, int],
    now: float,
    estimates: Mapping[str, float] | None = None,
) -> Forecast | None:
    """Simulate the remaining requested jobs as the supervisor would run them, in `slots`.

    The duration of a running job is its own estimate, that of others what `estimates` has by job, else the
    average of their stage. Jobs that
    need an action of the user before they can start (a dependency failed, there is no slot of their kind) are
    ignored. `now` in Unix seconds. None if no job remains.
    """
    took = _took(jobs)
    movable = movable_jobs(jobs, {name for name, total in slots.items() if total})
    left = [job for job in jobs if job.id in movable]
    if not left:
        return None
    known_before = estimates or {}
    seconds = {job.id: known_before.get(job.id, _seconds(job, took, now)) for job in left}
    ended, uncertain = _run(left, seconds, slots)
    stages: dict[str, float] = defaultdict(float)
    for job in left:
        stages[job.stage] = max(stages[job.stage], ended[job.id])
    return Forecast(
        max(ended.values()),
        dict(stages),
        tuple(dict.fromkeys(job.stage for job in left if seconds[job.id] is None)),
        frozenset(job.stage for job in left if job.id in uncertain),
    )


def _took(jobs: Sequence[Job]) -> dict[str, float]:
    """Stage → average seconds of its finished jobs."""
    found: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        if job.state == "done" and job.took_s is not None:
            found[job.stage].append(job.took_s)
    return {stage: fmean(seconds) for stage, seconds in found.items()}


def _seconds(job: Job, took: Mapping[str, float], now: float) -> float | None:
    usual = took.get(job.stage)
    if job.state != "running":
        return usual
    if job.eta_s is not None:
        return max(0.0, job.eta_s)
    return None if usual is None or job.started_at is None else max(0.0, usual - (now - job.started_at))


def _run(
    left: Sequence[Job], seconds: Mapping[str, float | None], slots: Mapping[Slot, int]
) -> tuple[dict[str, float], set[str]]:
    """Job → its end, if each job starts when its dependencies have ended and a slot is free; and the jobs
    that end later than that, because their own duration is unknown, or that of one before them."""
    ids = {job.id for job in left}
    needs = {job.id: len(ids.intersection(job.depends_on)) for job in left}
    dependents: defaultdict[str, list[int]] = defaultdict(list)
    for place, job in enumerate(left):
        for needed in ids.intersection(job.depends_on):
            dependents[needed].append(place)
    free = defaultdict(int, slots)
    running: list[tuple[float, int]] = []
    #: Slot → the places of the jobs that could start in it, the first one first.
    ready: defaultdict[Slot, list[int]] = defaultdict(list)
    ended: dict[str, float] = {}
    uncertain = {job.id for job in left if seconds[job.id] is None}
    #: Slots that a job holds whose end is uncertain.
    held = {job.slot for job in left if job.state == "running" and job.id in uncertain}
    for place, job in enumerate(left):
        if job.state == "running":
            free[job.slot] -= 1
            heapq.heappush(running, (seconds[job.id] or 0.0, place))
        elif not needs[job.id]:
            heapq.heappush(ready[job.slot], place)
    now = 0.0
    while len(ended) < len(left):
        for slot, places in ready.items():
            while places and free[slot] > 0:
                free[slot] -= 1
                place = heapq.heappop(places)
                job = left[place]
                if job.id in uncertain or slot in held or not uncertain.isdisjoint(job.depends_on):
                    uncertain.add(job.id)
                    held.add(slot)
                heapq.heappush(running, (now + (seconds[job.id] or 0.0), place))
        # Jobs that end at the same time free their slots together.
        now = running[0][0]
        while running and running[0][0] <= now:
            job = left[heapq.heappop(running)[1]]
            ended[job.id] = now
            free[job.slot] += 1
            for place in dependents[job.id]:
                other = left[place]
                needs[other.id] -= 1
                if not needs[other.id] and other.state != "running":
                    heapq.heappush(ready[other.slot], place)
    return ended, uncertain
