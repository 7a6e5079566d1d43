"""What happened, and what became of what was requested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Event:
    """Something that happened to a job or to the workspace."""

    id: int
    at: float
    job: str | None
    attempt: int | None
    text: str


@dataclass(frozen=True)
class IntentResult:
    """What became of an intent: `state` is pending, done or failed."""

    id: int
    state: Literal["pending", "done", "failed"]
    result: dict[str, Any] | None
    error: str | None
