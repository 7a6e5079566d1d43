"""How many dialogues, orders and repeats show a difference, from the verdicts seen so far.

The variance of a dialogue's score, in a design with o orders and r repeats in each, is D + O / o + W / (o r):
of the dialogues, of the orders within them, and of repeats of the same question. A win rate p of one verdict
without ties has the variance p (1 − p); all variances are fractions of that, so that they hold for other win
rates than those seen.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from core.domain.evaluation.verdicts import Order, Winner
from core.judging.metrics import scores
from core.judging.metrics.judge_quality.judge_bias import disagreement
from core.judging.metrics.study_design.power import MIN_FRACTION

#: A dialogue's verdicts, by dialogue.
Verdicts = Mapping[str, Sequence[tuple[Order, Winner]]]

#: Dialogues from which on rates are taken from what was seen.
_MIN_SEEN = 20


@dataclass(frozen=True)
class JudgeVariances:
    """What verdicts have shown of a judge. Variances are fractions of p (1 − p); what was not seen is
    None."""

    dialogues: int
    """Valid dialogues over all comparisons."""
    repeats: float
    """Verdicts on a dialogue in one order; a mean over dialogues."""
    one: float | None
    """The variance of a dialogue's score in one order."""
    both: float | None
    """The variance of a dialogue's score in both orders."""
    noise: float | None
    """The variance of repeats."""
    shared: float | None
    """The covariance of the scores of two responders over the same baseline."""
    tie_rate: float | None
    """The share of ties, from 0 to 1."""
    flip_rate: float | None
    """How often the two orders disagree, from 0 to 1."""
    repeat_rate: float | None
    """How often two repeats disagree, from 0 to 1."""


class _Pooled:
    """A variance over several comparisons, each around its own mean, as a fraction of p (1 − p)."""

    def __init__(self) -> None:
        self.squares = self.chance = 0.0

    def add(self, found: Sequence[float]) -> None:
        """Add scores of one comparison."""
        if len(found) < 2:
            return
        own = np.asarray(found, dtype=np.float64)
        mean = own.mean()
        self.squares += float(((own - mean) ** 2).sum())
        self.chance += (len(own) - 1) * float(mean * (1 - mean))

    def add_shared(self, made: Sequence[Mapping[str, float]]) -> None:
        """Add the covariances of the scores of any two comparisons, on the dialogues that both have."""
        dialogues = {name: place for place, name in enumerate(dict.fromkeys(n for own in made for n in own))}
        scored, has_score = np.zeros((2, len(made), len(dialogues)))
        for row, own in enumerate(made):
            places = [dialogues[name] for name in own]
            scored[row, places], has_score[row, places] = list(own.values()), 1.0
        upper = np.triu_indices(len(made), 1)
        n = (has_score @ has_score.T)[upper]
        # Sums over the dialogues in common: of the first one's scores, and of the second one's.
        sums = scored @ has_score.T
        first, second = sums[upper], sums.T[upper]
        products = (scored @ scored.T)[upper]
        used = n > 1
        n, first, second, products = n[used], first[used], second[used], products[used]
        self.squares += float((products - first * second / n).sum())
        means = first / n * (1 - first / n), second / n * (1 - second / n)
        self.chance += float(((n - 1) * np.sqrt(np.maximum(0.0, means[0] * means[1]))).sum())

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
                    flips.append(disagreement(*own.values()))
        for means in by_order.values():
            one.add(means)
        both.add(paired)
    by_baseline: dict[str, list[Mapping[str, float]]] = defaultdict(list)
    for (a, _), own_scores in made.items():
        by_baseline[a].append(own_scores)
    for over_same in by_baseline.values():
        shared.add_shared(over_same)
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


def _disagree_within(worth: Sequence[float]) -> float:
    found = [x != y for x, y in combinations(worth, 2)]
    return sum(found) / len(found)


def _mean(found: Iterable[float]) -> float | None:
    values = list(found)
    return sum(values) / len(values) if values else None
