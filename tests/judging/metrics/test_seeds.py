"""Mean and spread over seeds: against other computations, and where there is little."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from scipy import stats

from core.domain.evaluation.seeds import SeedGroup
from core.domain.names import ComparisonName
from core.judging.metrics.inference import intervals
from core.judging.metrics.scores import Scores
from core.judging.metrics.seeds import seed_group


def over_seeds(found: list[Scores]) -> SeedGroup:
    return seed_group(ComparisonName("base", "run", "judge"), [f"run-{n}" for n in range(len(found))], found)


def table(*, seeds: int, dialogues: int = 60, spread: float = 0.0, draw: int = 0) -> list[Scores]:
    """Wins and losses of runs: each dialogue and each seed has an ease of its own."""
    random = np.random.default_rng(draw)
    ease = random.normal(size=dialogues) + spread * random.normal(size=(seeds, 1)) + 0.5
    won = random.random((seeds, dialogues)) < 1 / (1 + np.exp(-ease))
    return [{f"d{n}": float(one) for n, one in enumerate(row)} for row in won]


def test_mean_deviation_and_the_interval_over_seeds_are_students() -> None:
    found = table(seeds=5)
    rates = [fmean(score for score in made.values() if score is not None) for made in found]
    made = over_seeds(found)
    assert made.mean == pytest.approx(np.mean(rates))
    assert made.sd == pytest.approx(np.std(rates, ddof=1))
    expected = stats.ttest_1samp(rates, 0).confidence_interval()
    assert (made.seeds_low, made.seeds_high) == pytest.approx((expected.low, expected.high))


def test_without_a_difference_between_seeds_the_dialogues_decide() -> None:
    one = table(seeds=1)[0]
    made = over_seeds([one] * 4)
    assert made.sd == 0
    # Seeds that do not differ say nothing of others: no interval of width zero.
    assert (made.seeds_low, made.seeds_high) == (None, None)
    alone = intervals.of_mean([score for score in one.values() if score is not None])
    assert (made.low, made.high) == pytest.approx((alone.low, alone.high), abs=0.005)


def test_the_interval_over_both_is_wider_the_more_seeds_differ() -> None:
    def width(spread: float) -> float:
        widths = []
        for draw in range(20):
            made = over_seeds(table(seeds=4, dialogues=200, spread=spread, draw=draw))
            assert made.mean is not None
            assert made.low is not None
            assert made.high is not None
            assert made.low < made.mean < made.high
            widths.append(made.high - made.low)
        return float(np.mean(widths))

    assert width(0.0) < width(0.7) < width(2.0)


def test_invalid_dialogues_are_left_out_of_their_run() -> None:
    first: Scores = {"x": 1.0, "y": None, "z": 0.0}
    other: Scores = {"x": 1.0, "y": 1.0, "z": 1.0}
    made = over_seeds([first, other])
    assert made.mean == pytest.approx((0.5 + 1.0) / 2)
    assert made.dialogues == 2


def test_where_there_is_too_little() -> None:
    assert over_seeds([]).mean is None
    without_valid = over_seeds([{"x": 1.0}, {"x": None}])
    assert (without_valid.n, without_valid.mean, without_valid.max) == (2, None, 1.0)
    single = over_seeds([{"x": 1.0, "y": 0.0}])
    assert (single.mean, single.sd, single.seeds_low, single.low) == (0.5, None, None, None)
    without_common = over_seeds([{"x": 1.0}, {"y": 0.0}])
    assert without_common.sd == pytest.approx(0.5**0.5)
    assert (without_common.dialogues, without_common.low) == (0, None)


def test_all_won_is_not_certain() -> None:
    made = over_seeds([{f"d{n}": 1.0 for n in range(50)}] * 3)
    assert made.low is not None
    assert 0.85 < made.low < 1
    assert made.high == 1
