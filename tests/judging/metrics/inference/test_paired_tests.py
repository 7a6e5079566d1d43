"""Paired tests against independently computed values, and how often they err."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import sem
from scipy.stats import t as scipy_t

from core.domain.evaluation.comparisons import PairedTest
from core.judging.metrics.inference import paired_tests, statistics
from core.judging.metrics.scores import Scores


def scores(row: Sequence[float] | NDArray[np.float64]) -> Scores:
    """A row's scores by dialogue; NaN for a dialogue that was not judged."""
    return {str(number): float(one) for number, one in enumerate(row) if not np.isnan(one)}


def pair(a: Sequence[float] | NDArray[np.float64], b: Sequence[float] | NDArray[np.float64]) -> PairedTest:
    (found,) = paired_tests.of_baseline("judge", "base", {"a": scores(a), "b": scores(b)})
    return found


def test_two_responders_on_the_same_dialogues() -> None:
    found = pair([1, 0, 0.5, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0.5, 0, 0.5, 1])
    assert (found.better_a, found.better_b) == (1, 5)
    assert found.difference == pytest.approx((6 - 2.5) / 8)
    differences = np.array([0, 1, 0.5, 1, 0.5, 0, -0.5, 1])
    low, high = scipy_t.interval(0.95, 7, differences.mean(), differences.std(ddof=1) / 8**0.5)
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.p == pytest.approx(statistics.sign_flip_test(differences))
    assert found.n == 8


fewer_scores = st.sampled_from([np.nan, 0.0, 0.25, 0.5, 1.0])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 12).flatmap(lambda n: st.lists(st.lists(fewer_scores, min_size=n, max_size=n), min_size=2))
)
def test_tests_of_many_responders_are_those_of_each(rows: list[list[float]]) -> None:
    met = {str(number): np.array(row) for number, row in enumerate(rows)}
    tests = paired_tests.of_baseline("judge", "base", {name: scores(row) for name, row in met.items()})
    found_by_pair = {(test.a, test.b): test for test in tests}
    for a, b in combinations(met, 2):
        differences = (met[b] - met[a])[~np.isnan(met[b] - met[a])]
        found = found_by_pair.pop((a, b), None)
        assert (found is None) == (not len(differences))
        if found is None:
            continue
        assert found.unjudged == (np.isnan(met[a]) != np.isnan(met[b])).sum()
        assert (found.n, found.better_b) == (len(differences), (differences > 0).sum())
        assert found.better_a == (differences < 0).sum()
        assert found.difference == pytest.approx(differences.mean(), abs=1e-12)
        assert found.p == pytest.approx(statistics.sign_flip_test(differences), abs=1e-12)
        if len(differences) == 1:
            assert (found.low, found.high) == (-1, 1)
        elif differences.std() > 0:
            low, high = scipy_t.interval(0.95, len(differences) - 1, differences.mean(), sem(differences))
            assert (found.low, found.high) == pytest.approx((max(-1, low), min(1, high)))
    assert not found_by_pair
    assert [test.p_holm for test in tests] == statistics.holm([test.p for test in tests])


def test_the_paired_test_tests_the_difference_that_it_shows() -> None:
    """By the counts alone it gave p = .002 for b's lead of 100 to 60, beside a difference of −0.04."""
    found = pair([0.5] * 100 + [1] * 60 + [1] * 90, [1] * 100 + [0] * 60 + [1] * 90)
    assert (found.better_a, found.better_b) == (60, 100)
    assert found.difference == pytest.approx(-0.04)
    assert found.low < -0.04 < 0 < found.high
    assert found.p == pytest.approx(0.303, abs=0.001)
    assert statistics.sign_test(60, 100) == pytest.approx(0.002, abs=0.001)


def test_equal_win_rates_with_other_ties_are_not_called_different() -> None:
    """They were in 34 to 73 % of cases."""
    random = np.random.default_rng(8)
    decided = random.random((300, 250)) < 0.7
    tied = np.where(random.random((300, 250)) < 0.6, 0.5, (random.random((300, 250)) < 1.0))
    differ = [pair(a.astype(float), b).p < 0.05 for a, b in zip(decided, tied, strict=True)]
    assert np.mean(differ) < 0.08


def test_a_difference_is_never_called_significant_against_its_sign() -> None:
    """By the counts of dialogues won and lost it was in up to 21 % of cases."""
    random = np.random.default_rng(9)
    # a wins 68 of 100 outright; b ties in 60 and wins the others, which makes 70.
    against_counts = against = 0
    for _ in range(300):
        a = (random.random(250) < 0.68).astype(float)
        b = np.where(random.random(250) < 0.6, 0.5, 1.0)
        found = pair(a, b)
        by_counts = statistics.sign_test(found.better_a, found.better_b) < 0.05
        against_counts += by_counts and (found.better_b - found.better_a) * found.difference < 0
        against += found.p < 0.05 and not (found.low > 0 or found.high < 0)
        assert found.low <= found.difference <= found.high
    assert against_counts / 300 > 0.08
    assert against / 300 < 0.02
