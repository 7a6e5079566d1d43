"""Judging until it is decided: the e-process, its confidence sequence, and the order of dialogues."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from core.judging.metrics.study_design import sequential

#: The mean of confseq 0.0.11's `betting_mart` against ½ with bets of c / m and c / (1 − m), for each fraction
#: c, after 1, 5, 10 and 15 scores; `convex_comb`, `trunc_scale` 1.
WEALTH = [1.0, 0.8142065291725155, 3.6956500309923768, 7.851670708898192]
SCORES = [1, 0.5, 1, 1, 0, 1, 1, 0.5, 1, 1, 1, 0, 1, 1, 1.0]


def test_the_wealth_of_an_unbroken_run_of_wins() -> None:
    fractions = [number / 21 for number in range(1, 21)]
    expected = [
        sum((1 + c) ** n + (1 - c) ** n for c in fractions) / (2 * len(fractions)) for n in range(1, 11)
    ]
    assert sequential.e_values([1.0] * 10) == pytest.approx(expected)
    assert sequential.e_values([0.0] * 10) == pytest.approx(expected)
    assert sequential.e_values([0.5] * 10) == pytest.approx([1.0] * 10)


def test_the_wealth_is_that_of_the_authors_package() -> None:
    assert [sequential.e_values(SCORES)[i] for i in (0, 4, 9, 14)] == pytest.approx(WEALTH)


def test_it_decides_soon_where_the_difference_is_large() -> None:
    assert not sequential.is_decided([1.0] * 6)
    assert sequential.is_decided([1.0] * 8)
    assert sequential.is_decided([0.0] * 8)
    assert not sequential.is_decided([0.5] * 250)
    assert not sequential.is_decided([])
    assert sequential.p_value([]) == 1.0


def test_the_sequence_narrows_and_excludes_one_half_when_it_is_decided() -> None:
    random = np.random.default_rng(1)
    scores = [float(score) for score in random.random(80) < 0.75]
    ends = sequential.confidence_sequence(scores)
    for (low, high), (next_low, next_high) in pairwise(ends):
        assert low <= next_low < next_high <= high
    first = next(i for i, value in enumerate(sequential.e_values(scores)) if value >= 20)
    assert ends[first][0] >= 0.5 > ends[first - 1][0]
    turned = sequential.confidence_sequence([1 - score for score in scores])
    assert turned == [pytest.approx((1 - high, 1 - low)) for low, high in ends]


def test_false_alarms_and_misses_are_rarer_than_one_in_twenty() -> None:
    random = np.random.default_rng(2)
    alarms = sum(sequential.is_decided(row) for row in (random.random((400, 250)) < 0.5).astype(float))
    assert alarms / 400 <= 0.05
    missed = 0
    for row in (random.random((40, 60)) < 0.8).astype(float):
        missed += any(not low <= 0.8 <= high for low, high in sequential.confidence_sequence(row))
    assert missed <= 4


@pytest.mark.parametrize(("rate", "ties", "after"), [(0.7, 0.2, 35), (0.9, 0.0, 11)])
def test_how_soon_it_is_decided(rate: float, ties: float, after: int) -> None:
    """Of 250 dialogues, in the median of simulations."""
    random = np.random.default_rng(5)
    won = random.random((200, 250)) < (rate - ties / 2) / (1 - ties)
    scores = np.where(random.random((200, 250)) < ties, 0.5, won)
    stops = [int(np.argmax(np.array(sequential.e_values(row)) >= 20)) + 1 for row in scores.tolist()]
    assert np.median(stops) == pytest.approx(after, abs=4)


def test_invalid_dialogues_widen_both_ends() -> None:
    assert sequential.bounds([1.0, 0.0]) is None
    found = sequential.bounds([*[1.0] * 10, None, None, *[1.0] * 20])
    assert found is not None
    assert (found.low, found.high) == (30 / 32, 1.0)
    assert found.ci_low < sequential.estimate([1.0] * 30).low
    assert found.ci_high == 1.0


def test_the_order_is_random_but_the_same_each_time() -> None:
    names = [f"d{number}" for number in range(100)]
    order = sequential.in_order(names)
    assert order != names
    assert sorted(order) == sorted(names)
    assert sequential.in_order(reversed(names)) == order
    assert sequential.in_order(names, seed=1) != order
    # Without some of them, the others keep their order: comparisons share most of what they judge.
    assert sequential.in_order(names[:50]) == [name for name in order if name in names[:50]]
