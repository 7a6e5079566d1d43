"""The whole pipeline at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.jobs.engines import EngineUse
from core.domain.jobs.job import Job
from core.domain.states import Slot

if TYPE_CHECKING:
    from core.domain.app_settings import AppSettings


@dataclass(frozen=True)
class DialogueCounts:
    """Numbers of dialogues."""

    total: int
    """All dialogues."""
    train: int
    """Those of the train split."""
    test: int
    """Those of the test split."""


@dataclass(frozen=True)
class SupervisorStatus:
    """Whether a supervisor runs for this workspace."""

    running: bool
    """Whether one holds the workspace's lock."""
    pid: int | None
    """Its process id; None where it is not known, and where none runs."""


@dataclass(frozen=True)
class SlotUse:
    """How many jobs run in one kind of slot."""

    name: Slot
    """The kind of slot."""
    used: int
    """Jobs that run in it now."""
    total: int
    """Jobs that may run in it at the same time."""


@dataclass(frozen=True)
class Snapshot:
    """The whole pipeline at one moment."""

    version: int
    """Differs whenever anything in the store does."""
    workspace: str
    """The workspace's folder."""
    dialogues: DialogueCounts
    """Imported dialogues."""
    supervisor: SupervisorStatus
    """The workspace's supervisor."""
    paused: bool
    """Whether no further job is started."""
    slots: tuple[SlotUse, ...]
    """The use of each kind of slot."""
    jobs: tuple[Job, ...]
    """The configuration's jobs in the graph's order, then requested ones that are not in it."""
    config_error: str | None
    """Why config.toml is invalid; None when it is valid."""
    app: AppSettings | None
    """The app's settings in config.toml, the last valid ones when it is invalid; None if none are known."""
    engines: tuple[EngineUse, ...] = ()
    """The clusters on which jobs ran, as they were last seen."""
    config_version: object = None
    """Differs whenever config.toml does; None if it is missing."""
