"""Votes where they are most informative: which dialogue a voter is shown next, and the weights of votes.

After Zrnic and Candès, "Active statistical inference" (arXiv 2403.03208): dialogues are drawn with
probabilities that grow with the judge's uncertainty, mixed with uniform ones, and weighted by their inverse.
They are drawn one after the other, without replacement, so that a voter may stop at any time; the weights of
such draws are those of Farquhar, Gal and Rainforth, "On statistical bias in active learning: how and when to
fix it" (arXiv 2101.11665), with which the mean is unbiased.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.domain.evaluation.verdicts import Order, Winner
from core.judging.metrics.scores import WORTH

#: The share of uniform drawing in the mixture: no dialogue is less likely than so many times what it would be
#: by uniform drawing, so that weights are bounded by about the inverse.
UNIFORM_SHARE = 0.5


@dataclass(frozen=True)
class Draw:
    """How a dialogue was drawn."""

    probability: float
    """With which it was drawn, above 0 and at most 1."""
    among: int
    """How many dialogues had not been drawn before, itself included."""


def uncertainty(judged: Iterable[Sequence[tuple[Order, Winner, float | None]]]) -> float:
    """How uncertain judges are of one dialogue, from 0 to ½: the standard deviation of a vote that b wins
    with the probability that they give it.

    `judged` has the verdicts of each judge: order, winner, and the probability of b if it is known. A judge's
    probability is the mean over its orders. Where only winners are known, that of an order is their mean with
    ½ as one more: orders that part, ties and invalid verdicts are most uncertain. Judges that part are
    uncertain together. Without any verdict it is ½, the largest.
    """
    found = [_probability(verdicts) for verdicts in judged if verdicts]
    mean = sum(found) / len(found) if found else 0.5
    return math.sqrt(max(0.0, mean * (1 - mean)))


def _probability(verdicts: Sequence[tuple[Order, Winner, float | None]]) -> float:
    by_order: dict[Order, list[float]] = {}
    for order, _, probability in verdicts:
        if probability is not None:
            by_order.setdefault(order, []).append(probability)
    orders = {order for order, _, _ in verdicts}
    if by_order.keys() == orders:
        return sum(sum(own) / len(own) for own in by_order.values()) / len(by_order)
    # One more verdict of ½ for each comparison: a single verdict is no certainty.
    worth = [0.5 if winner == "invalid" else WORTH[winner] for _, winner, _ in verdicts]
    return (sum(worth) + 0.5) / (len(worth) + 1)


def sizes(uncertainties: Mapping[str, float]) -> dict[str, float]:
    """How many times as likely as by uniform drawing each dialogue is drawn first, from its uncertainty."""
    mean = sum(uncertainties.values()) / len(uncertainties) if uncertainties else 0.0
    if not mean:
        return dict.fromkeys(uncertainties, 1.0)
    return {name: UNIFORM_SHARE + (1 - UNIFORM_SHARE) * value / mean for name, value in uncertainties.items()}


def draws(sizes: Mapping[str, float], random: Mapping[str, float]) -> dict[str, Draw]:
    """All dialogues in the order in which they are drawn, each with its draw.

    Each is drawn from the rest with a probability proportional to its size. `random` has independent uniform
    numbers from 0 to 1: the order is that of −log(1 − u) / size (Efraimidis and Spirakis, "Weighted random
    sampling with a reservoir", Information Processing Letters 97, 2006).
    """
    order = sorted(sizes, key=lambda name: -math.log1p(-random[name]) / sizes[name])
    found: dict[str, Draw] = {}
    rest = 0.0
    for among, name in enumerate(reversed(order), start=1):
        rest += sizes[name]
        found[name] = Draw(sizes[name] / rest, among)
    return {name: found[name] for name in order}


def weight(draw: Draw | None, undrawn: int) -> float:
    """What the vote on a dialogue weighs when so many dialogues have not been drawn; 1 if it was drawn
    uniformly, as those without a draw were.

    With M of N dialogues drawn, this one as the m-th with probability q, it is
    1 + (N − M) / (N − m) · (1 / (q · (N − m + 1)) − 1).
    """
    if draw is None or draw.among < 2:
        return 1.0
    rest = min(1.0, undrawn / (draw.among - 1))
    return 1 + rest * (1 / (draw.probability * draw.among) - 1)
