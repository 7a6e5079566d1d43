"""What planned jobs amount to: how many of each stage, what is done, how long the others take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from core.domain.jobs.job import Job
from core.domain.names import ComparisonName, RunName
from core.domain.runs import RunEstimate, StageWork
from core.domain.states import Slot, Stage
from core.jobs.planned_job import PlannedJob

#: Jobs that take about as long as each other: their stage, slot, and student or judge.
_Kind = tuple[str, Slot, str]


def of_jobs(
    wanted: Sequence[PlannedJob], jobs: Mapping[str, Job], estimates: Iterable[RunEstimate]
) -> tuple[StageWork, ...]:
    """The work of each stage and slot, in the graph's order; `jobs` are those that were ever requested.

    A run takes what its estimate says, another job the mean of the finished ones of its kind.
    """
    known = {one.job: (one.seconds, one.measured) for one in estimates}
    took = _took(jobs.values())
    groups: dict[tuple[Stage, Slot], list[PlannedJob]] = defaultdict(list)
    for node in wanted:
        groups[node.stage, node.slot].append(node)
    found = []
    for (stage, slot), nodes in groups.items():
        left = [node for node in nodes if node.id not in jobs or jobs[node.id].state != "done"]
        times = [known.get(node.id) or (took.get(_kind(stage, slot, node.name)), True) for node in left]
        seconds = [time for time, _ in times if time is not None]
        found.append(
            StageWork(
                stage=stage,
                slot=slot,
                jobs=len(nodes),
                done=len(nodes) - len(left),
                seconds=sum(seconds) if seconds or not left else None,
                unknown=len(left) - len(seconds),
                measured=all(measured for time, measured in times if time is not None),
            )
        )
    return tuple(found)


def _took(jobs: Iterable[Job]) -> dict[_Kind, float]:
    """Kind of job → mean seconds of the finished ones."""
    found: dict[_Kind, list[float]] = defaultdict(list)
    for job in jobs:
        if job.state == "done" and job.started_at is not None and job.finished_at is not None:
            found[_kind(job.stage, job.slot, job.name)].append(job.finished_at - job.started_at)
    return {kind: fmean(seconds) for kind, seconds in found.items()}


def _kind(stage: Stage, slot: Slot, name: str) -> _Kind:
    if stage == "compare":
        return stage, slot, ComparisonName.parse(name).judge
    run = RunName.parse(name)
    if stage == "respond":
        return stage, slot, name if run is None else run.student
    # Teachers and recipes differ in their number of requests and examples; runs have estimates.
    return stage, slot, ""
