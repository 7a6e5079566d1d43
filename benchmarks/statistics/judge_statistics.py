"""How right the statistics of people, judges and plans are: part of `python -m benchmarks.statistics`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from core.domain.evaluation.verdicts import Order, Winner
from core.domain.evaluation.win_rates import ALPHA
from core.judging.metrics import scores
from core.judging.metrics.inference import statistics
from core.judging.metrics.judge_quality import bias_model
from core.judging.metrics.judge_quality.bias_model import Ruled
from core.judging.metrics.prediction_powered import Predicted, PredictionPowered, prediction_powered
from core.judging.metrics.study_design import power, sample_size, sequential

Floats = NDArray[np.float64]

#: Dialogues of a comparison.
_DIALOGUES = 250


@dataclass(frozen=True)
class VotedJudge:
    """A judge that agrees with people on the share `copies` of the dialogues, and else prefers b with the
    probability `prefers_b`.

    People prefer b with the probability `rate`, and are undecided on the share `ties`. With several
    `emotions` that probability differs between them, by 40 points from the first to the last. If it `stops`,
    it judges in random order until it is decided.
    """

    name: str
    copies: float
    prefers_b: float
    rate: float = 0.6
    ties: float = 0.3
    emotions: int = 1
    voted: int = 60
    stops: bool = False

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
        order = random.permutation(n)
        evidence: Floats = np.array(sequential.e_values(scores[order].tolist()), dtype=np.float64)
        reached = evidence >= 1 / ALPHA
        unjudged = set(order[int(reached.argmax()) + 1 :].tolist()) if self.stops and reached.any() else set()
        return [
            Predicted(
                None if i in unjudged else float(scores[i]),
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
    VotedJudge("agrees on 80 %, stops", 0.8, 0.95, stops=True),
    VotedJudge("agrees on 80 %, even, stops", 0.8, 0.5, rate=0.5, stops=True),
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
        scores = np.array([one.score for one in drawn if one.score is not None])
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


@dataclass(frozen=True)
class NoisyJudge:
    """A judge whose log-odds for b vary between dialogues, between the orders of a dialogue, and at random.

    `first` is what the first place adds.
    """

    name: str
    between: float
    within: float
    first: float = 0.5

    def verdicts(
        self, random: np.random.Generator, n: int, strength: float, orders: Sequence[Order], repeats: int
    ) -> dict[str, list[tuple[Order, Winner]]]:
        """Verdicts on n dialogues, in these orders, so many in each."""
        odds = strength + random.normal(0, self.between, n)
        found: dict[str, list[tuple[Order, Winner]]] = {f"d{i}": [] for i in range(n)}
        for order in orders:
            shifted = odds + random.normal(0, self.within, n) + (self.first if order == "ba" else -self.first)
            won = random.random((repeats, n)) < 1 / (1 + np.exp(-shifted))
            for row in won:
                for i, is_won in enumerate(row):
                    found[f"d{i}"].append((order, "b" if is_won else "a"))
        return found

    def strength(self, rate: float, orders: Sequence[Order]) -> float:
        """The log-odds with which b's win rate in these orders is `rate`."""
        random = np.random.default_rng(0)
        drawn = random.normal(0, (self.between**2 + self.within**2) ** 0.5, 20_000)
        shifts = [self.first if order == "ba" else -self.first for order in orders]

        def over(strength: float) -> float:
            rates = [np.mean(1 / (1 + np.exp(-(strength + shift + drawn)))) for shift in shifts]
            return float(np.mean(rates)) - rate

        return float(brentq(over, -10, 10))


NOISY_JUDGES = (NoisyJudge("certain", 4.0, 0.3), NoisyJudge("flips often", 0.6, 1.5, first=1.0))
PLANNED: tuple[tuple[tuple[Order, ...], int], ...] = ((("ab",), 1), (("ab", "ba"), 1), (("ab", "ba"), 3))


def planned_power(
    judge: NoisyJudge, orders: Sequence[Order], repeats: int, runs: int, detect: float = 0.08
) -> tuple[float, float]:
    """The mean number of dialogues that plans ask for, and the power that they give.

    Each of 10 plans follows from 400 dialogues at another win rate.
    """
    random = np.random.default_rng(7)
    both: tuple[Order, ...] = ("ab", "ba")
    seen_strength, strength = judge.strength(0.65, both), judge.strength(0.5 + detect, orders)
    found, asked = [], []
    for _ in range(10):
        pilot = sample_size.seen({("a", "b"): judge.verdicts(random, 400, seen_strength, both, 2)})
        variance, _ = sample_size.fraction(pilot, len(orders), repeats)
        asked.append(power.dialogues(variance, detect, 0.8))
        for _ in range(max(1, runs // 10)):
            made = scores.by_dialogue(judge.verdicts(random, asked[-1], strength, orders, repeats))
            found.append(statistics.even_test([s for s in made.values() if s is not None]).p < 0.05)
    return float(np.mean(asked)), float(np.mean(found))


def print_plans(runs: int) -> float:
    """Print the powers of planned comparisons; the smallest."""
    print("planned to show 8 points with 80 % power: dialogues, and the power that they give in %\n")
    print("judge         orders  repeats  dialogues   power")
    smallest = 1.0
    for judge in NOISY_JUDGES:
        for orders, repeats in PLANNED:
            n, power = planned_power(judge, orders, repeats, runs)
            smallest = min(smallest, power)
            print(f"{judge.name:<12} {len(orders):>7} {repeats:>8} {n:>10.0f} {power * 100:>7.1f}")
    print(f"smallest: {smallest:.1%}\n")
    return smallest


#: Log-odds of a judge for the benchmark of its model.
POSITION, LENGTH = 0.5, 0.8
STRENGTHS = {"base": 0.0, "x": 0.4, "y": 0.9, "z": -0.3}


def biased_comparisons(
    random: np.random.Generator, n: int, orders: Sequence[Order], more: int = 8
) -> dict[tuple[str, str], list[Ruled]]:
    """The base against the others on the same dialogues, judged with known effects of position and length.

    The others' responses are `more` words longer on average.
    """
    words = {name: random.integers(15, 45, n) + (0 if name == "base" else more) for name in STRENGTHS}
    pairs = [("base", name) for name in STRENGTHS if name != "base"]
    longer = {(a, b): (words[a] - words[b]).astype(np.float64) for a, b in pairs}
    # As in the model: over the verdicts.
    spread = np.std([sign * d for d in longer.values() for sign in ((1, -1) if len(orders) == 2 else (1,))])
    found = {}
    for (a, b), difference in longer.items():
        of_a = LENGTH * np.tanh(difference / spread) + STRENGTHS[a] - STRENGTHS[b]
        first = {
            order: random.random(n) < 1 / (1 + np.exp(-(POSITION + (of_a if order == "ab" else -of_a))))
            for order in orders
        }
        found[a, b] = [
            Ruled(
                f"d{i}",
                [(order, "a" if named[i] == (order == "ab") else "b") for order, named in first.items()],
                (int(words[a][i]), int(words[b][i])),
            )
            for i in range(n)
        ]
    return found


def bias_model_coverage(runs: int, orders: Sequence[Order], n: int = 150) -> dict[str, tuple[float, float]]:
    """The mean estimate of each effect less the true one, and the coverage of its interval; of known ones."""
    random = np.random.default_rng(8)
    middle = float(np.mean(list(STRENGTHS.values())))
    true = {"position": POSITION, "length": LENGTH}
    true |= {f"strength of {name}": strength - middle for name, strength in STRENGTHS.items()}
    errors: dict[str, list[float]] = {name: [] for name in true}
    covered: dict[str, list[bool]] = {name: [] for name in true}
    for _ in range(runs):
        for effect in bias_model.fit(biased_comparisons(random, n, orders)).effects:
            name = f"strength of {effect.responder}" if effect.kind == "strength" else effect.kind
            if effect.log_odds is not None and effect.low is not None and effect.high is not None:
                errors[name].append(effect.log_odds - true[name])
                covered[name].append(effect.low <= true[name] <= effect.high)
    return {
        name: (float(np.mean(errors[name])), float(np.mean(covered[name]))) for name in true if errors[name]
    }


def print_bias_models(runs: int) -> None:
    """Print how well the effects on a judge of known biases are found."""
    print("one model of biases, 150 dialogues, 3 comparisons: mean error in log-odds, coverage in %\n")
    designs: tuple[tuple[str, tuple[Order, ...]], ...] = (
        ("both orders", ("ab", "ba")),
        ("one order", ("ab",)),
    )
    for name, orders in designs:
        for effect, (error, covered) in bias_model_coverage(runs, orders).items():
            print(f"{name:<12} {effect:<18} {error:>+8.3f} {covered * 100:>6.1f}")
    print()


def voted() -> tuple[list[float], list[float], list[float], PredictionPowered]:
    """Made votes, the scores of the same dialogues, and scores of others; and what is made of them."""
    drawn = VotedJudge("", 0.7, 0.95).draw(np.random.default_rng(6))
    votes = [one.vote for one in drawn if one.vote is not None]
    scores = [one.score for one in drawn if one.score is not None]
    return votes, scores[: len(votes)], scores[len(votes) :], _known(prediction_powered(drawn))


def _known(found: PredictionPowered | None) -> PredictionPowered:
    assert found is not None
    return found
