"""How many verdicts a comparison needs, before they are paid for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PlannedDesign:
    """What a design needs to detect a difference: so many orders, and repeats in each."""

    orders: int
    """1, the baseline first, or 2."""
    repeats: int
    """Verdicts on each pair in each order."""
    dialogues: int
    """Dialogues that show that a win rate differs from 50 %."""
    dialogues_paired: int | None
    """Dialogues that show that two responders' win rates over the same baseline differ; None where no judged
    responders share a baseline."""
    at_most: bool
    """Whether fewer dialogues may do, because what this design gains was not seen yet."""
    detectable: float | None
    """The smallest difference from 50 % that all test dialogues show, from 0 to 0.5; None if none does."""
    requests: int
    """Requests for one comparison of that many dialogues."""
    usd: float | None
    """Estimated cost of these requests in US dollars; None where a price is not known."""
    fits: bool
    """Whether the test split has that many dialogues."""
    is_configured: bool
    """Whether config.toml has this design for the judge."""


@dataclass(frozen=True)
class JudgePlan:
    """What a judge's comparisons need to show a difference of `detect`."""

    judge: str
    """The judge."""
    detect: float
    """The difference to be shown, from 0 to 0.5: of a win rate from ½, or of two win rates."""
    power: float
    """The probability of p < `alpha` if there is that difference."""
    alpha: float
    """The threshold of the two-sided p-value of one test."""
    test_dialogues: int
    """Dialogues of the test split."""
    seen: int
    """Dialogues with verdicts of this judge from which the rates below come, over all its comparisons."""
    tie_rate: float | None
    """Share of them with a score of ½; None if there are too few."""
    flip_rate: float | None
    """How often the orders disagreed; None where no pair was judged in both orders."""
    repeat_rate: float | None
    """How often two repeats in the same order disagreed; None where no pair was judged more than once."""
    designs: tuple[PlannedDesign, ...]
    """By orders, then repeats."""
    missing: tuple[str, ...]
    """What is not known, and what would show it, in sentences."""
