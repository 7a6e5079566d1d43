"""What a run logs while it trains."""

from __future__ import annotations

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
