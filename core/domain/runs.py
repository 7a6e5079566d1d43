"""What a run logs while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class SampleAnswer:
    """A response of a student in training to a test dialogue."""

    step: int
    """Optimiser step at which it was generated."""
    dialog_id: str
    """The dialogue."""
    utterance: str
    """The utterance that it answers."""
    text: str
    """The response."""


@dataclass(frozen=True)
class RunEstimate:
    """What a run will need, estimated before it starts. Memory is in bytes."""

    job: str
    """Its id."""
    name: str
    """Student, recipe and stage."""
    device: str
    """Where it will run, for people."""
    device_bytes: int | None
    """The device's memory; None where that is not known."""
    memory_bytes: int | None
    """The memory that it needs at most; None where that is not known."""
    memory_parts: Mapping[str, int]
    """The same by what it is for; empty where that is not known."""
    examples: int | None
    """Examples or pairs to train on; None before they are known."""
    steps: int | None
    """Optimizer steps; None before the examples are known."""
    seconds: float | None
    """How long it takes; None where that is not known."""
    measured: bool
    """Whether `seconds` follows from a finished run of the same kind; otherwise it is rough: from the number
    of operations, and the speed of the device."""
    problem: str | None
    """Why something is not known; None if everything is."""

    @property
    def fits(self) -> bool | None:
        """Whether its device has that much memory; None where that is not known."""
        if self.memory_bytes is None or self.device_bytes is None:
            return None
        return self.memory_bytes <= self.device_bytes
