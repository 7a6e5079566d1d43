"""The pipeline's stages as a graph, with progress and dependencies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.api import job_progress
from tui.format.job_states import (
    LOOKS,
    NOT_STARTED,
    StateLook,
)

if TYPE_CHECKING:
    from core.api import Job, JobState


@dataclass(frozen=True)
class StageSummary:
    """All jobs of one stage: `done` and so on count requested jobs, `planned` the others.

    `share` is their total progress from 0 to 1, None if none was requested. `depth` is the length of the
    longest path from the data, `after` the stages that it depends on directly.
    """

    name: str
    jobs: int
    done: int
    running: int
    failed: int
    cancelled: int
    planned: int
    share: float | None
    depth: int
    after: tuple[str, ...]

    @property
    def look(self) -> StateLook:
        """The look of its most urgent job state."""
        if self.planned == self.jobs:
            return NOT_STARTED
        state: JobState = "waiting"
        if self.running:
            state = "running"
        elif self.failed:
            state = "failed"
        elif self.cancelled:
            state = "cancelled"
        elif self.done == self.jobs - self.planned:
            state = "done"
        return LOOKS[state]


def stages(jobs: Iterable[Job]) -> list[StageSummary]:
    """The stages of these jobs in topological order."""
    by_stage: dict[str, list[Job]] = defaultdict(list)
    stage_of: dict[str, str] = {}
    for job in jobs:
        by_stage[job.stage].append(job)
        stage_of[job.id] = job.stage
    after: dict[str, set[str]] = {
        stage: {stage_of[i] for job in found for i in job.depends_on if i in stage_of} - {stage}
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
    return [_stage(stage, by_stage[stage], depths[stage], after[stage]) for stage in ordered]


def _distance(stage: str, edges: Mapping[str, set[str]], found: dict[str, int]) -> int:
    """The number of stages on the longest path along `edges` from this one."""
    if stage not in found:
        # A preliminary value that ends the recursion in cycles of stages.
        found[stage] = 0
        found[stage] = max((_distance(other, edges, found) + 1 for other in edges[stage]), default=0)
    return found[stage]


def _stage(name: str, jobs: list[Job], depth: int, after: set[str]) -> StageSummary:
    requested = [job for job in jobs if job.requested]
    return StageSummary(
        name=name,
        jobs=len(jobs),
        done=sum(job.state == "done" for job in requested),
        running=sum(job.state == "running" for job in requested),
        failed=sum(job.state == "failed" for job in requested),
        cancelled=sum(job.state == "cancelled" for job in requested),
        planned=len(jobs) - len(requested),
        share=sum(job_progress(job) or 0.0 for job in requested) / len(requested) if requested else None,
        depth=depth,
        after=tuple(sorted(after)),
    )
