"""What people say of two texts.

Apart from the other records of comparisons, because intents carry votes, and what leads to the first screen
reads intents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from core.domain.evaluation.verdicts import Order

#: What a voter says of two texts.
Choice = Literal["a", "b", "tie", "skip"]


@dataclass(frozen=True)
class Vote:
    """One voter's choice between two texts that answer a dialogue."""

    voter: str
    """The voter's name."""
    dialog_id: str
    """The dialogue."""
    digest_a: str
    """SHA-256 of one text, the smaller one of the two digests."""
    digest_b: str
    """SHA-256 of the other text."""
    a: str
    """The responder that wrote the text of `digest_a`."""
    b: str
    """The responder that wrote the other text."""
    ordering: Order
    """`ab` when a's text was on the left."""
    choice: Choice
    """The better text by the voter."""
    at: float
    """Unix seconds."""
    probability: Annotated[float, Meta(gt=0, le=1)] | None = None
    """With which the dialogue was drawn from those that nobody had been shown before; None if uniformly."""
    among: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    """How many those were; None with it."""

    def __post_init__(self) -> None:
        if self.digest_a >= self.digest_b:
            raise ValueError("digest_a is not the smaller one of two digests")
