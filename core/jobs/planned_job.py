"""A job that the configuration asks for, as the planner makes it and the store keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.jobs import Slot, Stage
from core.jobs.inputs import Input
from core.jobs.settings import Settings


@dataclass(frozen=True)
class PlannedJob:
    """All that is known of a job before it runs."""

    id: str
    """The stage and the beginning of the fingerprint."""
    name: str
    """What the job is about; unique among the jobs of its stage that one configuration plans."""
    fingerprint: str
    """SHA-256 of the stage's code version, the settings that decide the work, and all that it reads."""
    slot: Slot
    settings: Settings
    inputs: dict[str, Input]
    """What it reads, by the name that its worker knows it by."""
    depends_on: tuple[str, ...]
    """The ids of the jobs that must be done before."""

    @property
    def stage(self) -> Stage:
        return self.settings.stage
