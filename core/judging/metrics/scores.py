"""The score of a dialogue: the one place where it is made from the verdicts on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from core.domain.evaluation.verdicts import Order, Winner

#: Dialogue → its score; None for an invalid dialogue.
Scores = Mapping[str, float | None]

#: What a verdict or a vote is worth to b.
WORTH: dict[Winner, float] = {"a": 0.0, "tie": 0.5, "b": 1.0}
#: The same as whole numbers of halves: thirds and fifths then add up exactly.
_HALVES = {"a": 0, "tie": 1, "b": 2}

_Key = TypeVar("_Key")


def score(verdicts: Iterable[tuple[Order, Winner]]) -> float | None:
    """The score of b on one dialogue: the mean over the valid repeats in each order, then over the orders.

    None if the dialogue is invalid: if an order has no valid verdict. The verdicts of the other order alone
    could reflect position bias.
    """
    halves: dict[Order, int] = {}
    counts: dict[Order, int] = {}
    for order, winner in verdicts:
        halves.setdefault(order, 0)
        counts.setdefault(order, 0)
        if winner != "invalid":
            halves[order] += _HALVES[winner]
            counts[order] += 1
    if not counts or not all(counts.values()):
        return None
    numerator, denominator = 0, 1
    for order, count in counts.items():
        numerator = numerator * count + halves[order] * denominator
        denominator *= count
    return numerator / (2 * len(counts) * denominator)


def winner(score: float | None) -> Winner:
    """Whom a score favours: b above ½, a below it, nobody at ½; `invalid` for None."""
    if score is None:
        return "invalid"
    return "b" if score > 0.5 else "a" if score < 0.5 else "tie"


def outcome(verdicts: Iterable[tuple[Order, Winner]]) -> Winner:
    """Whom the verdicts on one dialogue favour."""
    return winner(score(verdicts))


def by_dialogue(verdicts: Mapping[_Key, Iterable[tuple[Order, Winner]]]) -> dict[_Key, float | None]:
    """The score of each dialogue."""
    return {dialogue: score(found) for dialogue, found in verdicts.items()}


def mirrored(score: float | None) -> float | None:
    """The score of a."""
    return None if score is None else 1 - score


def mean_over(found: Sequence[Scores]) -> Scores:
    """The mean score of each dialogue over the comparisons in which it is valid; None where it is in none."""
    means: dict[str, float | None] = {}
    for dialogue in dict.fromkeys(name for made in found for name in made):
        valid = [score for made in found if (score := made.get(dialogue)) is not None]
        means[dialogue] = sum(valid) / len(valid) if valid else None
    return means


def mean_over_orders(values: Sequence[tuple[Order, float]]) -> float:
    """The mean in each order, then over the orders, of values that are known for every order."""
    found: dict[Order, list[float]] = {}
    for order, value in values:
        found.setdefault(order, []).append(value)
    return sum(sum(own) / len(own) for own in found.values()) / len(found)
