"""When the requested work will be done, estimated from how long such work took so far."""

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
    at_least: bool
    """Whether it will take longer: the duration of some job is unknown and counted as 0."""


def forecast(jobs: Sequence[Job], slots: Mapping[Slot, int], now: float) -> Forecast | None:
    """What is left of the requested jobs, run as the supervisor would, `slots` at a time.

    A running job takes the seconds that it tells; others what those of their stage took on average. Jobs
    that cannot start before a person acts (one that they need failed, a kind has no slot) are left out.
    `now` in Unix seconds. None when nothing is left.
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
    at_least = any(known is None for known in seconds.values())
    return Forecast(max(ended.values()), dict(stages), at_least)


def _took(jobs: Sequence[Job]) -> dict[str, float]:
    """The seconds that a stage's finished jobs took, on average."""
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
    # Jobs of an older config.toml are not among `jobs`, so nothing waits for them here.
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
    """When each job ends, if each starts as soon as what it needs has ended and a slot is free."""
    ids = {job.id for job in left}
    needs = {job.id: {i for i in job.depends_on if i in ids} for job in left}
    free = dict(slots)
    under_way: list[tuple[float, int]] = []
    waiting: list[int] = []
    ended: dict[str, float] = {}

    def begin(place: int, at: float) -> None:
        job = left[place]
        free[job.slot] = free.get(job.slot, 0) - 1
        heapq.heappush(under_way, (at + seconds[job.id], place))

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
        # All that end at one moment make room together.
        now = under_way[0][0]
        while under_way and under_way[0][0] <= now:
            _, place = heapq.heappop(under_way)
            ended[left[place].id] = now
            free[left[place].slot] += 1
    return ended
