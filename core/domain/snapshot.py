"""The whole pipeline at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.domain.jobs import Job, Slot

if TYPE_CHECKING:
    from core.domain.app_settings import AppSettings


@dataclass(frozen=True)
class DialogueCounts:
    """How many dialogues there are, in all and per split."""

    total: int
    train: int
    test: int


@dataclass(frozen=True)
class SupervisorStatus:
    """Whether a supervisor holds this workspace's lock, and its process id."""

    running: bool
    pid: int | None


@dataclass(frozen=True)
class SlotUse:
    """How many jobs of one kind run now, and how many may."""

    name: Slot
    used: int
    total: int


@dataclass(frozen=True)
class Snapshot:
    """The whole pipeline at one moment; `version` moves whenever anything in the store does.

    `app` are config.toml's settings of the app, None where the file does not hold.
    """

    version: int
    workspace: str
    dialogues: DialogueCounts
    supervisor: SupervisorStatus
    paused: bool
    slots: tuple[SlotUse, ...]
    jobs: tuple[Job, ...]
    config_error: str | None
    app: AppSettings | None
