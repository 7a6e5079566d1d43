"""Pairs of responses and the verdicts of judges on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Which of the two responses the judge was shown first.
Order = Literal["ab", "ba"]
Winner = Literal["a", "b", "tie", "invalid"]


@dataclass(frozen=True)
class Verdict:
    """A judge's answer on one pair in one order: winner is `a`, `b`, `tie` or `invalid`.

    `number` counts the times that it was asked the same; `probability_b` is how likely it found b to be
    the better one, None where it was not asked for that.
    """

    judge: str
    order: Order
    winner: Winner
    raw: str
    number: int = 1
    probability_b: float | None = None


@dataclass(frozen=True)
class Pair:
    """Two responders' responses to one test dialogue, and every verdict on them."""

    dialog_id: str
    emotion: str
    situation: str
    utterance: str
    response_a: str | None
    response_b: str | None
    verdicts: tuple[Verdict, ...]
    sentiment: str = ""
