"""What planned jobs amount to: how many of each stage, what is done, how long the others take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from core.domain.jobs.job import Job
from core.domain.names import ComparisonName, is_of_rung, student_of
from core.domain.runs import RunEstimate, StageWork
from core.domain.states import Slot, Stage
from core.jobs.planned_job import PlannedJob
from core.services.pipeline import rung_chances

#: Jobs that take about as long as each other: their stage, slot, student or judge, and whether they are about
#: the dialogues on which rungs are decided.
_Kind = tuple[str, Slot, str, bool]


def of_jobs(
    wanted: Sequence[PlannedJob], jobs: Mapping[str, Job], estimates: Iterable[RunEstimate]
) -> tuple[StageWork, ...]:
    """The work of each stage and slot, in the graph's order; `jobs` are those that were ever requested.

    A run takes what its estimate says, another job the mean of the finished ones of its kind. Jobs on which a
    rung decides count in full, and in `expected` by their chance.
    """
    results = {job.id: job.result for job in jobs.values() if job.result is not None}
    chances = rung_chances.of_jobs(wanted, results)
    known = {one.job: (one.seconds, one.measured) for one in estimates}
    took = _took(jobs.values())
    groups: dict[tuple[Stage, Slot], list[PlannedJob]] = defaultdict(list)
    for node in wanted:
        groups[node.stage, node.slot].append(node)
    found = []
    for (stage, slot), nodes in groups.items():
        undone = [node for node in nodes if node.id not in jobs or jobs[node.id].state != "done"]
        left = [node for node in undone if chances[node.id]]
        times = [known.get(node.id) or (took.get(_kind(stage, slot, node.name)), True) for node in left]
        seconds = [time for time, _ in times if time is not None]
        found.append(
            StageWork(
                stage=stage,
                slot=slot,
                jobs=len(nodes),
                done=len(nodes) - len(undone),
                seconds=sum(seconds) if seconds or not left else None,
                unknown=len(left) - len(seconds),
                measured=all(measured for time, measured in times if time is not None),
                stopped=len(undone) - len(left),
                **_expected([chances[node.id] for node in left], [time for time, _ in times]),
            )
        )
    return tuple(found)


def _expected(chances: Sequence[float], times: Sequence[float | None]) -> dict[str, float]:
    """What is expected of jobs that start with these chances; empty where all of them do."""
    if all(chance == 1 for chance in chances):
        return {}
    found = {"expected": sum(chances)}
    known = [chance * time for chance, time in zip(chances, times, strict=True) if time is not None]
    return found | ({"expected_seconds": sum(known)} if known else {})


def _took(jobs: Iterable[Job]) -> dict[_Kind, float]:
    """Kind of job → mean seconds of the finished ones."""
    found: dict[_Kind, list[float]] = defaultdict(list)
    for job in jobs:
        if job.state == "done" and job.took_s is not None:
            found[_kind(job.stage, job.slot, job.name)].append(job.took_s)
    return {kind: fmean(seconds) for kind, seconds in found.items()}


def _kind(stage: Stage, slot: Slot, name: str) -> _Kind:
    if stage == "compare":
        comparison = ComparisonName.parse(name)
        return stage, slot, comparison.judge, is_of_rung(comparison.b)
    if stage == "respond":
        return stage, slot, student_of(name), is_of_rung(name)
    # Teachers and recipes differ in their number of requests and examples; runs have estimates.
    return stage, slot, "", False
