"""Which share of the jobs is expected to start where rungs stop some."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from core.domain.jobs import rungs
from core.domain.jobs.results import Result, RungResult
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
