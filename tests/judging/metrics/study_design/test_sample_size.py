"""Plans: how many dialogues, orders and repeats show a difference."""

from __future__ import annotations

import math
import random
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binom
from statsmodels.stats.power import NormalIndPower

from benchmarks.statistics import judge_statistics
from benchmarks.statistics.judge_statistics import NoisyJudge
from core.domain.evaluation.verdicts import Order, Winner
from core.judging.metrics.inference import statistics
from core.judging.metrics.study_design import power, sample_size
from core.judging.metrics.study_design.sample_size import Verdicts


def coin(n: int, repeats: int = 1, *, flips: bool = True) -> Verdicts:
    """A judge that draws its verdict: anew each time, or once for each dialogue."""
    draw = random.Random(1)

    def one(own: Winner) -> Winner:
        return ("b" if draw.random() < 0.5 else "a") if flips else own

    def dialogue() -> list[tuple[Order, Winner]]:
        own: Winner = "b" if draw.random() < 0.5 else "a"
        orders: tuple[Order, ...] = ("ab", "ba")
        return [(order, one(own)) for order in orders for _ in range(repeats)]

    return {f"d{i}": dialogue() for i in range(n)}


def test_a_judge_that_draws_lots_needs_half_the_dialogues_in_both_orders() -> None:
    seen = sample_size.seen({("a", "b"): coin(2000, repeats=2)})
    assert seen.flip_rate == pytest.approx(0.5, abs=0.03)
    assert seen.repeat_rate == pytest.approx(0.5, abs=0.03)
    for orders, repeats in ((1, 1), (1, 2), (2, 1), (2, 2), (2, 5)):
        found, at_most = sample_size.fraction(seen, orders, repeats)
        assert found == pytest.approx(1 / orders / repeats, abs=0.07)
        assert not at_most


def test_a_judge_that_never_flips_gains_nothing_from_the_other_order() -> None:
    seen = sample_size.seen({("a", "b"): coin(400, repeats=2, flips=False)})
    assert (seen.flip_rate, seen.repeat_rate, seen.tie_rate) == (0, 0, 0)
    for orders, repeats in ((1, 1), (2, 1), (2, 5)):
        assert sample_size.fraction(seen, orders, repeats)[0] == pytest.approx(1, abs=0.01)


def test_what_was_not_seen_is_not_known() -> None:
    nothing = sample_size.seen({})
    assert (nothing.dialogues, nothing.tie_rate, nothing.flip_rate) == (0, None, None)
    assert sample_size.fraction(nothing, 2, 3) == (1.0, True)
    one_order = {name: found[:1] for name, found in coin(100).items()}
    seen = sample_size.seen({("a", "b"): one_order})
    assert seen.flip_rate is None
    assert sample_size.fraction(seen, 1, 1)[1] is False
    assert sample_size.fraction(seen, 2, 1)[1] is True
    assert sample_size.fraction(seen, 1, 3)[1] is True
    # Two responders over the same baseline.
    both = sample_size.seen({("a", "b"): one_order, ("a", "c"): one_order})
    assert both.shared == pytest.approx(1, abs=0.02)
    assert seen.shared is None


def test_what_responders_share_is_numpys_covariance() -> None:
    """Over the dialogues that two of three comparisons with the same baseline have in common."""
    random = np.random.default_rng(5)
    judged = {("a", b): dict(zip(random.permutation(60)[:45], random.random(45), strict=True)) for b in "bcd"}
    verdicts: dict[tuple[str, str], sample_size.Verdicts] = {
        sides: {
            str(name): [("ab", "b" if chance < 0.3 + name / 100 else "a")] for name, chance in found.items()
        }
        for sides, found in judged.items()
    }
    squares = chance = 0.0
    for one, other in combinations(verdicts.values(), 2):
        common = one.keys() & other.keys()
        x, y = (np.array([found[name] == [("ab", "b")] for name in common], float) for found in (one, other))
        squares += np.cov(x, y)[0, 1] * (len(common) - 1)
        chance += (len(common) - 1) * math.sqrt(np.var(x) * np.var(y))
    with_another = verdicts | {("b", "e"): verdicts["a", "b"]}
    assert sample_size.seen(with_another).shared == pytest.approx(squares / chance)


@pytest.mark.parametrize("detect", [0.05, 0.1, 0.2])
def test_one_verdict_a_dialogue_has_the_power_of_the_exact_test(detect: float) -> None:
    n = power.dialogues(1.0, detect, 0.8)
    won = np.arange(n + 1)
    rejected = np.array([statistics.sign_test(n - int(k), int(k)) < 0.05 for k in won])
    assert 0.78 < binom.pmf(won[rejected], n, 0.5 + detect).sum() < 0.85
    assert power.dialogues(0.5, detect, 0.8) == pytest.approx(n / 2, rel=0.15)
    assert power.dialogues(1.0, detect, 0.9) > n
    assert power.detectable(1.0, n, 0.8) == pytest.approx(detect, abs=0.002)


def test_two_runs_as_two_independent_samples() -> None:
    """Without anything shared: statsmodels' power of a test of two means."""
    effect = 0.05 / math.sqrt(0.25)
    n = NormalIndPower().solve_power(effect, alpha=0.05, power=0.8)
    assert power.dialogues_paired(1.0, 0.0, 0.05, 0.8) == pytest.approx(n, rel=0.02)
    assert power.dialogues_paired(1.0, 0.5, 0.05, 0.8) == pytest.approx(n / 2, rel=0.04)


@pytest.mark.parametrize("judge", judge_statistics.NOISY_JUDGES, ids=lambda judge: judge.name)
def test_a_plan_has_its_power(judge: NoisyJudge) -> None:
    both: tuple[Order, ...] = ("ab", "ba")
    _, power = judge_statistics.planned_power(judge, both, 1, 200)
    assert 0.72 < power < 0.88
