"""What a run logs while it trains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricPoint:
    """The finite metrics of one optimiser step, under TRL's names."""

    step: int
    at: float
    values: dict[str, float]


@dataclass(frozen=True)
class SampleAnswer:
    """What a student in training answered to a test dialogue."""

    step: int
    dialog_id: str
    utterance: str
    text: str
