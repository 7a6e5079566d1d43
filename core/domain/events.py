"""What happened, and what became of what was requested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from core.domain.jobs import JobState
from core.domain.snapshot import DialogueCounts


@dataclass(frozen=True)
class Event:
    """Something that happened to a job or to the workspace."""

    id: int
    at: float
    job: str | None
    attempt: int | None
    text: str


class ImportOutcome(msgspec.Struct, frozen=True, tag="import"):
    """Data was imported."""

    dialogues: DialogueCounts
    """What the store holds now."""


class StartOutcome(msgspec.Struct, frozen=True, tag="start"):
    """Jobs were requested."""

    jobs: tuple[str, ...]
    """The ids of all requested jobs."""
    new: int
    """How many of them had never been requested before."""
    done: tuple[str, ...]
    """The ids of those that were done already."""


class CancelOutcome(msgspec.Struct, frozen=True, tag="cancel"):
    """A job was cancelled, or its worker asked to stop."""

    state: JobState
    """The job's state before."""


class RetryOutcome(msgspec.Struct, frozen=True, tag="retry"):
    """Failed and cancelled jobs were requested again."""

    jobs: tuple[str, ...]
    """Their ids, the job that was named first."""


class AdoptOutcome(msgspec.Struct, frozen=True, tag="adopt"):
    """A batch was named for a job."""

    state: JobState
    """The job's state before."""


IntentOutcome = ImportOutcome | StartOutcome | CancelOutcome | RetryOutcome | AdoptOutcome


@dataclass(frozen=True)
class IntentResult:
    """What became of an intent: `state` is pending, done or failed.

    `outcome` is None before the end, and for kinds of which there is nothing to report.
    """

    id: int
    state: Literal["pending", "done", "failed"]
    outcome: IntentOutcome | None
    error: str | None
