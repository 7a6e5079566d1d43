"""Which share of the jobs is expected to start where rungs stop some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.domain.jobs import rungs
from core.domain.jobs.results import Result, RungPlace, RungResult
from core.domain.names import RunName
from core.jobs.inputs import JobResult
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import PREVIOUS, RungSettings


def of_jobs(nodes: Sequence[PlannedJob], results: Mapping[str, Result]) -> dict[str, float]:
    """Job → the chance that it starts, each run of a rung as likely as the others; 1 or 0 once it is decided.

    `nodes` are in the graph's order; `results` are those of the rungs that are decided. A rung that is not
    among the nodes stops nothing.
    """
    found: dict[str, float] = {}
    #: Rung → the share of all its runs that go on.
    shares: dict[str, float] = {}
    for node in nodes:
        needed = (found.get(one, 1.0) for one in rungs.work_of(node.id, node.depends_on))
        passed = (_passes(node.name, gate, shares, results) for gate in rungs.gates(node.id, node.depends_on))
        # What a job needs has passed the rungs before that which decides on the job.
        found[node.id] = min([1.0, *needed, *passed])
        if isinstance(node.settings, RungSettings):
            shares[node.id] = _share(node, node.settings, shares)
    return found


def stopping(nodes: Sequence[PlannedJob], results: Mapping[str, Result]) -> frozenset[str]:
    """The ids of the jobs that do not start, if the first of its runs go on from each undecided rung.

    Those that will are not known, but they are as many, and take about as long. `nodes` and `results` are as
    for `of_jobs`.
    """
    presumed = dict(results)
    found: set[str] = set()
    for node in nodes:
        gates = (presumed.get(gate) for gate in rungs.gates(node.id, node.depends_on))
        is_stopped = any(
            isinstance(gate, RungResult) and not rungs.goes_on(node.name, gate) for gate in gates
        )
        if is_stopped or not found.isdisjoint(rungs.work_of(node.id, node.depends_on)):
            found.add(node.id)
        if isinstance(node.settings, RungSettings) and node.id not in presumed:
            presumed[node.id] = _presumed(node, node.settings, presumed)
    return frozenset(found)


def _presumed(node: PlannedJob, settings: RungSettings, results: Mapping[str, Result]) -> RungResult:
    """The result of a rung from which the first of its runs go on."""
    previous = node.inputs.get(PREVIOUS)
    before = results.get(previous.job) if isinstance(previous, JobResult) else None
    taking_part = dict.fromkeys(
        str(run.over_rungs)
        for run in map(RunName.parse, settings.runs)
        if run is not None and (not isinstance(before, RungResult) or rungs.goes_on(str(run), before))
    )
    going_on = math.ceil(len(taking_part) / settings.reduction_factor)
    places = (
        RungPlace(run=name, win_rate=None, promoted=number < going_on)
        for number, name in enumerate(taking_part)
    )
    return RungResult(rung=settings.rung, examples=settings.examples, places=tuple(places))


def _passes(name: str, gate: str, shares: Mapping[str, float], results: Mapping[str, Result]) -> float:
    result = results.get(gate)
    if isinstance(result, RungResult):
        return float(rungs.goes_on(name, result))
    return shares.get(gate, 1.0)


def _share(node: PlannedJob, settings: RungSettings, shares: Mapping[str, float]) -> float:
    """The share of a rung's runs that go on, if no two do equally well."""
    names = {str(run.over_rungs) for run in map(RunName.parse, settings.runs) if run is not None}
    previous = node.inputs.get(PREVIOUS)
    taking_part = len(names) * (shares.get(previous.job, 1.0) if isinstance(previous, JobResult) else 1.0)
    # Products of shares miss whole numbers by a little.
    return math.ceil(round(taking_part, 6) / settings.reduction_factor) / len(names)
