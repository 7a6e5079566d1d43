"""How right the statistics of people, judges and plans are: part of `python -m benchmarks.statistics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.judging.prediction_powered import Predicted, PredictionPowered, prediction_powered

Floats = NDArray[np.float64]

#: Dialogues of a comparison.
_DIALOGUES = 250


@dataclass(frozen=True)
class VotedJudge:
    """A judge that agrees with people on the share `copies` of the dialogues, and else prefers b with the
    probability `prefers_b`.

    People prefer b with the probability `rate`, and are undecided on the share `ties`. With several
    `emotions` that probability differs between them, by 40 points from the first to the last.
    """

    name: str
    copies: float
    prefers_b: float
    rate: float = 0.6
    ties: float = 0.3
    emotions: int = 1
    voted: int = 60

    @property
    def true(self) -> float:
        """The win rate by people."""
        return self.ties / 2 + (1 - self.ties) * self.rate

    def draw(self, random: np.random.Generator) -> list[Predicted]:
        """The dialogues of a comparison, those with votes first."""
        n = _DIALOGUES
        emotion = random.integers(0, self.emotions, n)
        rate = self.rate + 0.4 * (emotion - (self.emotions - 1) / 2) / max(1, self.emotions - 1)
        votes = np.where(random.random(n) < self.ties, 0.5, random.random(n) < rate)
        own = np.where(random.random(n) < 0.3, 0.5, random.random(n) < self.prefers_b)
        scores = np.where(random.random(n) < self.copies, votes, own)
        return [
            Predicted(
                float(scores[i]),
                float(votes[i]) if i < self.voted else None,
                f"emotion {emotion[i]}" if self.emotions > 1 else "",
            )
            for i in range(n)
        ]


VOTED_JUDGES = (
    VotedJudge("agrees on 60 %", 0.6, 0.95),
    VotedJudge("agrees on 80 %", 0.8, 0.95),
    VotedJudge("agrees on 90 %", 0.9, 0.95),
    VotedJudge("knows nothing", 0.0, 0.95),
    VotedJudge("agrees on 80 %, b wins 90 %", 0.8, 0.5, rate=0.9, ties=0.0),
    VotedJudge("agrees on 70 %, 3 emotions", 0.7, 0.95, emotions=3),
    VotedJudge("knows nothing, 3 emotions", 0.0, 0.95, emotions=3),
    VotedJudge("agrees on 80 %", 0.8, 0.95, voted=20),
    VotedJudge("agrees on 80 %", 0.8, 0.95, voted=120),
)


@dataclass(frozen=True)
class Coverage:
    """How often intervals cover the truth, and their mean width."""

    covered: float
    width: float


def coverage(found: Sequence[tuple[float, float]], true: float) -> Coverage:
    low, high = np.array(found).T
    return Coverage(float(np.mean((low <= true) & (true <= high))), float(np.mean(high - low)))


def prediction_powered_coverage(
    judge: VotedJudge, runs: int, seed: int = 5
) -> tuple[Coverage, Coverage, Coverage]:
    """The coverage of the prediction-powered win rate, of the votes alone, and of the judge alone."""
    random = np.random.default_rng(seed)
    powered, votes, verdicts = [], [], []
    for _ in range(runs):
        drawn = judge.draw(random)
        found = _known(prediction_powered(drawn))
        powered.append((found.rate.low, found.rate.high))
        votes.append((found.votes_alone.low, found.votes_alone.high))
        scores = np.array([one.score for one in drawn], dtype=np.float64)
        reach = 1.97 * scores.std(ddof=1) / len(scores) ** 0.5
        verdicts.append((scores.mean() - reach, scores.mean() + reach))
    true = judge.true
    return coverage(powered, true), coverage(votes, true), coverage(verdicts, true)


def print_prediction_powered(runs: int) -> float:
    """Print coverage and width of prediction-powered intervals; the smallest coverage."""
    print("win rate by people, 250 dialogues: coverage in % (mean width in points) of 95 % intervals\n")
    print("judge                          voted   votes and verdicts   votes alone   verdicts alone")
    smallest = 1.0
    for judge in VOTED_JUDGES:
        found = prediction_powered_coverage(judge, runs)
        smallest = min(smallest, found[0].covered)
        cells = [f"{one.covered * 100:.1f} ({one.width * 100:.1f})" for one in found]
        print(f"{judge.name:<30} {judge.voted:>5} {cells[0]:>20} {cells[1]:>13} {cells[2]:>16}")
    print(f"smallest with votes and verdicts: {smallest:.1%}\n")
    return smallest


def voted() -> tuple[list[float], list[float], list[float], PredictionPowered]:
    """Made votes, the scores of the same dialogues, and scores of others; and what is made of them."""
    drawn = VotedJudge("", 0.7, 0.95).draw(np.random.default_rng(6))
    votes = [one.vote for one in drawn if one.vote is not None]
    scores = [one.score for one in drawn if one.score is not None]
    return votes, scores[: len(votes)], scores[len(votes) :], _known(prediction_powered(drawn))


def _known(found: PredictionPowered | None) -> PredictionPowered:
    assert found is not None
    return found
