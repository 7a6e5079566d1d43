"""The pipeline's stages as a graph, with progress and dependencies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import gates, job_progress
from tui.format.jobs.job_states import CANCELLING, LOOKS, NOT_STARTED, StateLook

if TYPE_CHECKING:
    from core.api import Job, JobCounts


@dataclass(frozen=True)
class StageSummary:
    """All jobs of one stage.

    `share` is their total progress from 0 to 1, None if none was requested. `depth` is the length of the
    longest path from the data, `after` the stages that it depends on directly.
    """

    name: str
    counts: JobCounts
    share: float | None
    depth: int
    after: tuple[str, ...]

    @property
    def look(self) -> StateLook:
        """The look of its most urgent job state; it is done only if all its jobs are, or were stopped."""
        counts = self.counts
        if counts.running:
            return LOOKS["running"]
        if counts.cancelling:
            return CANCELLING
        if counts.failed:
            return LOOKS["failed"]
        if counts.cancelled:
            return LOOKS["cancelled"]
        if counts.waiting or counts.blocked:
            return LOOKS["waiting"]
        if counts.not_started:
            return NOT_STARTED
        return LOOKS["done"] if counts.done or not counts.stopped else LOOKS["stopped"]


def stages(jobs: Sequence[Job], counts: Mapping[str, JobCounts]) -> list[StageSummary]:
    """The stages of these jobs in topological order; `counts` are those of the jobs by stage."""
    by_stage: dict[str, list[Job]] = defaultdict(list)
    stage_of: dict[str, str] = {}
    for job in jobs:
        by_stage[job.stage].append(job)
        stage_of[job.id] = job.stage
    # Rungs decide on jobs of the stages that they come after.
    after: dict[str, set[str]] = {
        stage: {
            stage_of[i]
            for job in found
            for i in {*job.depends_on}.difference(gates(job.id, job.depends_on))
            if i in stage_of
        }
        - {stage}
        for stage, found in by_stage.items()
    }
    before = {stage: {other for other in after if stage in after[other]} for stage in after}
    depths: dict[str, int] = {}
    heights: dict[str, int] = {}
    for stage in by_stage:
        _distance(stage, after, depths)
        _distance(stage, before, heights)
    # Among roots, the one with the longest path comes last, so that its path continues below it.
    ordered = sorted(by_stage, key=lambda stage: (depths[stage], heights[stage]))
    return [
        StageSummary(
            stage, counts[stage], _share(by_stage[stage]), depths[stage], tuple(sorted(after[stage]))
        )
        for stage in ordered
    ]


def _distance(stage: str, edges: Mapping[str, set[str]], found: dict[str, int]) -> int:
    """The number of stages on the longest path along `edges` from this one."""
    if stage not in found:
        # A preliminary value that ends the recursion in cycles of stages.
        found[stage] = 0
        found[stage] = max((_distance(other, edges, found) + 1 for other in edges[stage]), default=0)
    return found[stage]


def _share(jobs: Sequence[Job]) -> float | None:
    if not any(job.requested for job in jobs):
        return None
    # Nothing is left to do of what was stopped.
    found = (1.0 if job.state == "stopped" else job_progress(job) or 0.0 for job in jobs if job.requested)
    return sum(found) / len(jobs)
