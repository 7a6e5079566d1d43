"""Forecast of when the requested jobs end, from the durations of finished jobs."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.domain.dependencies import dependents_of
from core.domain.job_rules import ENDED
from core.domain.jobs import Job, Slot


@dataclass(frozen=True)
class Forecast:
    """How long the requested work will still take."""

    seconds: float
    """Seconds from now until all of it is done."""
    stages: Mapping[str, float]
    """The same of each stage that has work left."""
    is_lower_bound: bool
    """Whether it will take longer: the duration of some job is unknown and counted as 0."""


def forecast(jobs: Sequence[Job], slots: Mapping[Slot, int], now: float) -> Forecast | None:
    """Simulate the remaining requested jobs as the supervisor would run them, in `slots`.

    The duration of a running job is its own estimate, that of others the average of their stage. Jobs that
    need an action of the user before they can start (a dependency failed, there is no slot of their kind) are
    ignored. `now` in Unix seconds. None if no job remains.
    """
    took = _took(jobs)
    left = _left(jobs, slots)
    if not left:
        return None
    seconds = {job.id: _seconds(job, took, now) for job in left}
    ended = _run(left, {name: known or 0.0 for name, known in seconds.items()}, slots)
    stages: dict[str, float] = defaultdict(float)
    for job in left:
        stages[job.stage] = max(stages[job.stage], ended[job.id])
    is_lower_bound = any(known is None for known in seconds.values())
    return Forecast(max(ended.values()), dict(stages), is_lower_bound)


def _took(jobs: Sequence[Job]) -> dict[str, float]:
    """Stage → average seconds of its finished jobs."""
    found: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        if job.state == "done" and job.started_at is not None and job.finished_at is not None:
            found[job.stage].append(job.finished_at - job.started_at)
    return {stage: fmean(seconds) for stage, seconds in found.items()}


def _left(jobs: Sequence[Job], slots: Mapping[Slot, int]) -> list[Job]:
    """The jobs that will run without a person's help, in the given order."""
    unfinished = [job for job in jobs if job.requested and job.state not in ENDED]
    running = {job.id for job in unfinished if job.state == "running"}
    startable = {job.id for job in unfinished if job.id not in running and slots.get(job.slot, 0)}
    stuck = [job.id for job in jobs if job.state != "done" and job.id not in running | startable]
    blocked = dependents_of((job for job in unfinished if job.id in startable), stuck)
    return [job for job in unfinished if job.id in running or job.id in startable - blocked]


def _seconds(job: Job, took: Mapping[str, float], now: float) -> float | None:
    usual = took.get(job.stage)
    if job.state != "running":
        return usual
    if job.eta_s is not None:
        return max(0.0, job.eta_s)
    return None if usual is None or job.started_at is None else max(0.0, usual - (now - job.started_at))


def _run(left: Sequence[Job], seconds: Mapping[str, float], slots: Mapping[Slot, int]) -> dict[str, float]:
    """Job → its end, if each job starts when its dependencies have ended and a slot is free."""
    ids = {job.id for job in left}
    needs = {job.id: {i for i in job.depends_on if i in ids} for job in left}
    free = dict(slots)
    running: list[tuple[float, int]] = []
    waiting: list[int] = []
    ended: dict[str, float] = {}

    def begin(place: int, at: float) -> None:
        job = left[place]
        free[job.slot] = free.get(job.slot, 0) - 1
        heapq.heappush(running, (at + seconds[job.id], place))

    for place, job in enumerate(left):
        if job.state == "running":
            begin(place, 0.0)
        else:
            waiting.append(place)
    now = 0.0
    while len(ended) < len(left):
        still = []
        for place in waiting:
            able = not needs[left[place].id].difference(ended) and free.get(left[place].slot, 0) > 0
            if able:
                begin(place, now)
            else:
                still.append(place)
        waiting = still
        # Jobs that end at the same time free their slots together.
        now = running[0][0]
        while running and running[0][0] <= now:
            _, place = heapq.heappop(running)
            ended[left[place].id] = now
            free[left[place].slot] += 1
    return ended
