"""The pipeline's stages as a graph: how far each is, and which one follows from which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.state import LOOKS, NOT_ASKED, StateLook, fraction

if TYPE_CHECKING:
    from core.api import Job, JobState


@dataclass(frozen=True)
class Stage:
    """All jobs of one kind: `done` and so on of those that were asked for, `planned` the others.

    `share` is how far they are together, from 0 to 1, None when none was asked for. `depth` is how many
    stages lie before it on its way from the data, `after` those that it follows from directly.
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
        """The most urgent thing to be said of it, as a job's state is shown."""
        if self.planned == self.jobs:
            return NOT_ASKED
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


def stages(jobs: Iterable[Job]) -> list[Stage]:
    """The stages of these jobs, each after those that it follows from."""
    by_stage: dict[str, list[Job]] = defaultdict(list)
    stage_of: dict[str, str] = {}
    for job in jobs:
        by_stage[job.stage].append(job)
        stage_of[job.id] = job.stage
    after: dict[str, set[str]] = {
        stage: {stage_of[i] for job in found for i in job.depends_on if i in stage_of} - {stage}
        for stage, found in by_stage.items()
    }
    depths: dict[str, int] = {}
    for stage in by_stage:
        _depth(stage, after, depths)
    ordered = sorted(by_stage, key=lambda stage: (depths[stage] > 0, depths[stage]))
    return [_stage(stage, by_stage[stage], depths[stage], after[stage]) for stage in ordered]


def _depth(stage: str, after: dict[str, set[str]], depths: dict[str, int]) -> int:
    if stage not in depths:
        # Until it is known: a stage that follows from itself by way of another ends here.
        depths[stage] = 0
        depths[stage] = max((_depth(other, after, depths) + 1 for other in after[stage]), default=0)
    return depths[stage]


def _stage(name: str, jobs: list[Job], depth: int, after: set[str]) -> Stage:
    asked = [job for job in jobs if job.requested]
    return Stage(
        name=name,
        jobs=len(jobs),
        done=sum(job.state == "done" for job in asked),
        running=sum(job.state == "running" for job in asked),
        failed=sum(job.state == "failed" for job in asked),
        cancelled=sum(job.state == "cancelled" for job in asked),
        planned=len(jobs) - len(asked),
        share=sum(fraction(job) or 0.0 for job in asked) / len(asked) if asked else None,
        depth=depth,
        after=tuple(sorted(after)),
    )
