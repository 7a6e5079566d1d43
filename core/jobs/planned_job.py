"""A job that follows from the configuration, as the planner makes it and the store keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.states import Slot, Stage
from core.jobs.inputs import Input
from core.jobs.settings import DpoSettings, Settings, SftSettings


@dataclass(frozen=True)
class PlannedJob:
    """A job before it runs."""

    id: str
    """The stage and the first characters of the fingerprint."""
    name: str
    """Unique among the jobs of its stage in one configuration."""
    fingerprint: str
    """SHA-256 of the stage's code version, the settings that change the results, and all inputs."""
    slot: Slot
    """The resource that it uses."""
    settings: Settings
    """The settings of its stage."""
    inputs: dict[str, Input]
    """Name of the input in the worker → what it reads."""
    depends_on: tuple[str, ...]
    """The ids of the jobs that must be done before it starts. A rung among them decides whether it does, and
    is no part of its fingerprint."""

    @property
    def stage(self) -> Stage:
        return self.settings.stage

    @property
    def places(self) -> int:
        """How many places of its slot it takes."""
        return places(self.settings)


def places(settings: Settings) -> int:
    """How many places of its slot a job with these settings takes: one, or one for each GPU of its run."""
    if isinstance(settings, SftSettings | DpoSettings) and settings.ranks is not None:
        return settings.ranks.count
    return 1


def nodes(settings: Settings) -> int:
    """How many nodes of a cluster a job with these settings takes."""
    if isinstance(settings, SftSettings | DpoSettings) and settings.ranks is not None:
        return settings.ranks.nodes
    return 1
