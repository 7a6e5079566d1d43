"""Jobs: the units of background work on the pipeline's graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain import results
from core.domain.results import Result

Stage = Literal["generate", "recipe", "sft", "sft-dpo", "respond", "judge", "validate", "compare"]
JobState = Literal["waiting", "ready", "running", "done", "failed", "cancelled"]
Slot = Literal["gpu", "cpu", "api", "batch"]


@dataclass(frozen=True)
class Job:
    """One node of the pipeline's graph. Times are Unix seconds.

    `reason` says why a job that does not run does not: what it waits for, or that nobody asked
    for it (`requested` is False). `error` is the last attempt's, for the user. `folder` is that
    attempt's, relative to the workspace.
    """

    id: str
    stage: Stage
    name: str
    state: JobState
    requested: bool
    reason: str | None
    done: int | None
    total: int | None
    eta_s: float | None
    attempt: int
    started_at: float | None
    finished_at: float | None
    error: str | None
    slot: Slot
    fingerprint: str
    depends_on: tuple[str, ...]
    result: Result | None
    folder: str | None


def result_values(job: Job) -> dict[str, object]:
    """The fields of a job's result by the names that they have in JSON; empty before it is done."""
    return {} if job.result is None else results.values(job.result)
