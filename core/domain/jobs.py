"""Jobs: the units of background work on the pipeline's graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

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
    stage: str
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
    result: dict[str, Any] | None
    folder: str | None
