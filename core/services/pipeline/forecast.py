"""When the work that was asked for will have ended, from what such work has taken so far."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from core.domain.job_rules import ENDED
from core.domain.jobs import Job, Slot


@dataclass(frozen=True)
class Forecast:
    """Seconds from now until all work has ended, and each stage's, of those that have any left.

    `is_lower_bound` when there is a job of which nothing tells how long it takes: it counts as nothing.
    """

    seconds: float
    stages: Mapping[str, float]
    is_lower_bound: bool


def forecast(jobs: Sequence[Job], slots: Mapping[Slot, int], now: float) -> Forecast | None:
    """What is left of the jobs that were asked for, run as the supervisor would, `slots` at a time.

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
    is_lower_bound = any(known is None for known in seconds.values())
    return Forecast(max(ended.values()), dict(stages), is_lower_bound)


def _took(jobs: Sequence[Job]) -> dict[str, float]:
    """The seconds that a stage's finished jobs took, on average."""
    found: dict[str, list[float]] = defaultdict(list)
    for job in jobs:
        if job.state == "done" and job.started_at is not None and job.finished_at is not None:
            found[job.stage].append(job.finished_at - job.started_at)
    return {stage: fmean(seconds) for stage, seconds in found.items()}


def _left(jobs: Sequence[Job], slots: Mapping[Slot, int]) -> list[Job]:
    """The jobs that will run by themselves, each after those that it needs."""
    states = {job.id: job.state for job in jobs}
    able: dict[str, Job] = {
        job.id: job
        for job in jobs
        if job.requested and job.state not in ENDED and (job.state == "running" or slots.get(job.slot, 0))
    }
    ordered: list[Job] = []
    settled = {name for name, state in states.items() if state == "done"}
    while True:
        # What another config.toml made, and is not told of here, cannot be waited for.
        found = [
            job
            for job in able.values()
            if job.state == "running" or settled.issuperset(i for i in job.depends_on if i in states)
        ]
        if not found:
            return ordered
        ordered += found
        for job in found:
            del able[job.id]
            settled.add(job.id)


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
        # All that end at one moment make room together.
        now = running[0][0]
        while running and running[0][0] <= now:
            _, place = heapq.heappop(running)
            ended[left[place].id] = now
            free[left[place].slot] += 1
    return ended
