"""How many dialogues, orders and repeats show a difference, from the verdicts seen so far.

The variance of a dialogue's score, in a design with o orders and r repeats in each, is D + O / o + W / (o r):
of the dialogues, of the orders within them, and of repeats of the same question. A win rate p of one verdict
without ties has the variance p (1 − p); all variances are fractions of that, so that they hold for other win
rates than those seen.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.domain.evaluation.verdicts import Order, Winner
from core.judging.metrics import scores
from core.judging.metrics.study_design.power import MIN_FRACTION

#: A dialogue's verdicts, by dialogue.
Verdicts = Mapping[str, Sequence[tuple[Order, Winner]]]

#: Dialogues from which on rates are taken from what was seen.
_MIN_SEEN = 20


@dataclass(frozen=True)
class JudgeVariances:
    """What verdicts have shown of a judge; a fraction of p (1 − p) each, None if it was not seen.

    `one` and `both` are the variances of a dialogue's score in one order and in both, with `repeats` verdicts
    in each; `noise` is that of repeats; `shared` the covariance of the scores of two responders over the same
    baseline. `dialogues` is the number of valid dialogues over all comparisons.
    """

    dialogues: int
    repeats: float
    one: float | None
    both: float | None
    noise: float | None
    shared: float | None
    tie_rate: float | None
    flip_rate: float | None
    repeat_rate: float | None


class _Pooled:
    """A variance over several comparisons, each around its own mean, as a fraction of p (1 − p)."""

    def __init__(self) -> None:
        self.squares = self.chance = 0.0

    def add(self, found: Sequence[float], others: Sequence[float] | None = None) -> None:
        """Add scores of one comparison; with `others`, the covariance with scores on the same dialogues."""
        if len(found) < 2:
            return
        one = np.asarray(found, dtype=np.float64)
        other = one if others is None else np.asarray(others, dtype=np.float64)
        self.squares += float(((one - one.mean()) * (other - other.mean())).sum())
        means = one.mean() * (1 - one.mean()), other.mean() * (1 - other.mean())
        self.chance += (len(one) - 1) * math.sqrt(means[0] * means[1])

    @property
    def fraction(self) -> float | None:
        return self.squares / self.chance if self.chance > 1e-9 else None


def seen(comparisons: Mapping[tuple[str, str], Verdicts]) -> JudgeVariances:
    """What the verdicts of a judge's comparisons, by the names of (a, b), have shown."""
    one, both, noise, shared = _Pooled(), _Pooled(), _Pooled(), _Pooled()
    made = {sides: _valid(scores.by_dialogue(found)) for sides, found in comparisons.items()}
    cells: list[list[float]] = []
    flips: list[float] = []
    for sides, found in comparisons.items():
        by_order: dict[Order, list[float]] = defaultdict(list)
        paired = []
        for name, verdicts in found.items():
            if name not in made[sides]:
                continue
            own = _cells(verdicts)
            cells += own.values()
            for order, worth in own.items():
                by_order[order].append(sum(worth) / len(worth))
            if len(own) == 2:
                paired.append(made[sides][name])
                # Identical texts are ties without a verdict, and cannot flip.
                if any(winner != "tie" for _, winner in verdicts):
                    flips.append(_disagree(*own.values()))
        for means in by_order.values():
            one.add(means)
        both.add(paired)
    for (a, b), (other_a, other_b) in combinations(made, 2):
        if a == other_a:
            first, second = made[a, b], made[other_a, other_b]
            common = [name for name in first if name in second]
            shared.add([first[name] for name in common], [second[name] for name in common])
    valid = [score for own in made.values() for score in own.values()]
    repeated = [worth for worth in cells if len(worth) > 1]
    for worth in repeated:
        noise.squares += float(np.var(worth, ddof=1))
    # Repeats vary around the same dialogue; what they are a fraction of is that of all dialogues.
    noise.chance = one.chance / max(1, len(cells)) * len(repeated)
    is_enough = len(valid) >= _MIN_SEEN
    return JudgeVariances(
        dialogues=len(valid),
        repeats=sum(map(len, cells)) / len(cells) if cells else 1.0,
        one=one.fraction if is_enough else None,
        both=both.fraction if is_enough and len(flips) >= _MIN_SEEN else None,
        noise=noise.fraction if is_enough and len(repeated) >= _MIN_SEEN else None,
        shared=shared.fraction if is_enough else None,
        tie_rate=sum(score == 0.5 for score in valid) / len(valid) if is_enough else None,
        flip_rate=sum(flips) / len(flips) if is_enough and flips else None,
        repeat_rate=_mean(_disagree_within(worth) for worth in repeated) if is_enough else None,
    )


def fraction(known: JudgeVariances, orders: int, repeats: int) -> tuple[float, bool]:
    """The variance of a dialogue's score in a design as a fraction of p (1 − p), and whether it may be less.

    What was not seen gains nothing: both orders are as one, more repeats as those that were seen.
    """
    found = known.both if orders == 2 else known.one
    is_bound = found is None
    found = (1.0 if known.one is None else known.one) if found is None else found
    if known.noise is not None:
        found += known.noise / orders * (1 / repeats - 1 / known.repeats)
    elif repeats > known.repeats + 0.5:
        is_bound = True
    return max(MIN_FRACTION, found), is_bound


def _cells(verdicts: Iterable[tuple[Order, Winner]]) -> dict[Order, list[float]]:
    """What the valid verdicts in each order are worth to b."""
    found: dict[Order, list[float]] = defaultdict(list)
    for order, winner in verdicts:
        if winner != "invalid":
            found[order].append(scores.WORTH[winner])
    return found


def _valid(made: Mapping[str, float | None]) -> dict[str, float]:
    return {name: score for name, score in made.items() if score is not None}


def _disagree(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(x != y for x in one for y in other) / (len(one) * len(other))


def _disagree_within(worth: Sequence[float]) -> float:
    found = [x != y for x, y in combinations(worth, 2)]
    return sum(found) / len(found)


def _mean(found: Iterable[float]) -> float | None:
    values = list(found)
    return sum(values) / len(values) if values else None
