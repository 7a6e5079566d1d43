"""How right and how sharp votes drawn by the judge's uncertainty are: part of
`python -m benchmarks.statistics`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.statistics.judge_statistics import Coverage, coverage
from core.domain.evaluation.verdicts import Order, Winner
from core.judging import active_voting
from core.judging.metrics import scores
from core.judging.metrics.prediction_powered import Predicted, prediction_powered

Floats = NDArray[np.float64]

_DIALOGUES = 250


@dataclass(frozen=True)
class UncertainJudge:
    """A judge that is certain of the share `easy` of the dialogues.

    On them it is wrong with the probability `errors`; of the others it knows nothing. People prefer b with
    the probability `rate` on easy dialogues, and `hard_rate` on the others; they are undecided on the share
    `ties`. With `has_probabilities` its verdicts have probabilities; without, its orders disagree on
    dialogues that are hard more often. `knows` is whether it is uncertain of the hard ones: otherwise its
    certainty says nothing.
    """

    name: str
    errors: float = 0.05
    easy: float = 0.6
    rate: float = 0.65
    hard_rate: float = 0.5
    ties: float = 0.1
    has_probabilities: bool = True
    knows: bool = True
    voted: int = 60

    @property
    def true(self) -> float:
        """The win rate by people."""
        mean = self.easy * self.rate + (1 - self.easy) * self.hard_rate
        return self.ties / 2 + (1 - self.ties) * mean

    def draw(self, random: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """The votes, the judge's scores, and its uncertainty, of the dialogues of a comparison."""
        n = _DIALOGUES
        easy = random.random(n) < self.easy
        wins = random.random(n) < np.where(easy, self.rate, self.hard_rate)
        votes = np.where(random.random(n) < self.ties, 0.5, wins)
        certain = easy if self.knows else random.random(n) < self.easy
        right = random.random((2, n)) < np.where(easy, 1 - self.errors, 0.5)
        named = np.where(right, wins, ~wins)
        # On easy dialogues both orders err together.
        named[1] = np.where(certain & (random.random(n) < 0.9), named[0], named[1])
        sure = np.where(certain, random.uniform(0.9, 0.999, n), random.uniform(0.5, 0.7, n))
        orders: tuple[Order, ...] = ("ab", "ba")
        judged: list[list[tuple[Order, Winner, float | None]]] = [
            [
                (
                    order,
                    "b" if won else "a",
                    float(chance if won else 1 - chance) if self.has_probabilities else None,
                )
                for order, won in zip(orders, pair, strict=True)
            ]
            for pair, chance in zip(named.T, sure, strict=True)
        ]
        made = [scores.score((order, winner) for order, winner, _ in own) for own in judged]
        uncertain = [active_voting.uncertainty([own]) for own in judged]
        return votes.astype(np.float64), np.array(made, dtype=np.float64), np.array(uncertain)


JUDGES = (
    UncertainJudge("probabilities, errs on 5 %"),
    UncertainJudge("probabilities, errs on 20 %", errors=0.2),
    UncertainJudge("probabilities that say nothing", knows=False),
    UncertainJudge("wrong where it is certain", errors=0.7),
    UncertainJudge("certain of 80 %, errs on 2 %", errors=0.02, easy=0.8, ties=0.0),
    UncertainJudge("orders disagree, errs on 5 %", has_probabilities=False),
    UncertainJudge("b wins 90 % of the easy ones", rate=0.9),
    UncertainJudge("probabilities, errs on 5 %", voted=25),
    UncertainJudge("probabilities, errs on 5 %", voted=150),
)


def drawn(
    votes: Floats, scores: Floats, sizes: Mapping[str, float], voted: int, random: np.random.Generator
) -> list[Predicted]:
    """The dialogues of a comparison with votes on the first so many that are drawn."""
    numbers = dict(zip(sizes, random.random(len(sizes)).tolist(), strict=True))
    found = active_voting.draws(sizes, numbers)
    chosen = dict(list(found.items())[:voted])
    return [
        Predicted(
            float(score),
            float(vote) if name in chosen else None,
            weight=active_voting.weight(chosen.get(name), len(sizes) - voted),
        )
        for name, vote, score in zip(sizes, votes, scores, strict=True)
    ]


def active_coverage(judge: UncertainJudge, runs: int, seed: int = 9) -> tuple[Coverage, Coverage, Coverage]:
    """The coverage of the prediction-powered win rate with votes by uncertainty and with uniform ones, and of
    the weighted votes by uncertainty alone."""
    random = np.random.default_rng(seed)
    active, uniform, alone = [], [], []
    for _ in range(runs):
        votes, scores, uncertain = judge.draw(random)
        names = [f"d{i}" for i in range(len(votes))]
        sizes = active_voting.sizes(dict(zip(names, uncertain.tolist(), strict=True)))
        found = prediction_powered(drawn(votes, scores, sizes, judge.voted, random))
        other = prediction_powered(drawn(votes, scores, dict.fromkeys(names, 1.0), judge.voted, random))
        assert found is not None
        assert other is not None
        active.append((found.rate.low, found.rate.high))
        uniform.append((other.rate.low, other.rate.high))
        alone.append((found.votes_alone.low, found.votes_alone.high))
    return coverage(active, judge.true), coverage(uniform, judge.true), coverage(alone, judge.true)


def print_active_votes(runs: int) -> float:
    """Print coverage and width with votes drawn by uncertainty and uniformly; the smallest coverage."""
    print("the same number of votes, drawn by the judge's uncertainty or uniformly, 250 dialogues: coverage")
    print("in % (mean width in points) of 95 % intervals of the win rate by people\n")
    print("judge                          voted   by uncertainty        uniform   by uncertainty, votes only")
    smallest = 1.0
    for judge in JUDGES:
        found = active_coverage(judge, runs)
        smallest = min(smallest, found[0].covered, found[2].covered)
        cells = [f"{one.covered * 100:.1f} ({one.width * 100:.1f})" for one in found]
        print(f"{judge.name:<30} {judge.voted:>5} {cells[0]:>16} {cells[1]:>14} {cells[2]:>29}")
    print(f"smallest by uncertainty: {smallest:.1%}\n")
    return smallest
