"""What happened, and what became of what was requested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from core.domain.jobs.snapshot import DialogueCounts
from core.domain.states import JobState


@dataclass(frozen=True)
class Event:
    """Something that happened to a job or to the workspace."""

    id: int
    """Increases with every event."""
    at: float
    """Unix seconds."""
    job: str | None
    """The job's id; None for the workspace."""
    attempt: int | None
    """The job's attempt; None where it concerns none."""
    text: str
    """What happened, in words."""
    about: str | None = None
    """The job's stage and name, such as `sft smollm2/direct/chatgpt/sft`; None for the workspace."""


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
    again: tuple[str, ...] = ()
    """The ids of those that had ended, and are done again from the start."""


class CancelOutcome(msgspec.Struct, frozen=True, tag="cancel"):
    """A job was cancelled, or its worker asked to stop."""

    state: JobState
    """The job's state before."""


class RetryOutcome(msgspec.Struct, frozen=True, tag="retry"):
    """Failed and cancelled jobs were requested again."""

    jobs: tuple[str, ...]
    """Their ids, the job that was named first."""


class ReparseOutcome(msgspec.Struct, frozen=True, tag="reparse"):
    """Jobs read their judges' answers again."""

    jobs: tuple[str, ...]
    """Their ids."""


class AdoptOutcome(msgspec.Struct, frozen=True, tag="adopt"):
    """A batch was named for a job."""

    state: JobState
    """The job's state before."""


class DeleteOutcome(msgspec.Struct, frozen=True, tag="delete runs"):
    """Runs were deleted."""

    runs: tuple[str, ...]
    """The ids of their jobs."""
    jobs: tuple[str, ...]
    """The ids of all deleted jobs."""
    kept: tuple[str, ...]
    """The ids of jobs that stay, because their answers were paid for."""
    bytes: int
    """The disk space that was freed."""


IntentOutcome = (
    ImportOutcome
    | StartOutcome
    | CancelOutcome
    | RetryOutcome
    | ReparseOutcome
    | AdoptOutcome
    | DeleteOutcome
)


@dataclass(frozen=True)
class IntentResult:
    """The result of an intent."""

    id: int
    """The intent's id."""
    state: Literal["pending", "done", "failed"]
    """Whether a supervisor has carried it out."""
    outcome: IntentOutcome | None
    """None before it is done, and for kinds that report nothing."""
    error: str | None
    """Why it failed, for people; None unless it did."""
