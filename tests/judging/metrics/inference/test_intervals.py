"""Intervals against published and independently computed values, and how often they cover the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm
from scipy.stats import t as scipy_t

from benchmarks.statistics import win_rate_statistics as benchmark
from core.judging.metrics.inference import intervals
from core.judging.metrics.inference.intervals import ShareInterval

scores = st.sampled_from([0.0, 1 / 6, 0.25, 1 / 3, 0.5, 0.75, 1.0])


def trials(wins: int, losses: int) -> ShareInterval:
    return intervals.of_mean([1.0] * wins + [0.0] * losses)


def test_the_papers_scale() -> None:
    found = trials(225, 25)
    assert (found.share, round(found.low, 3), round(found.high, 3)) == (0.9, 0.856, 0.932)
    assert found.method == intervals.EFFECTIVE


@given(st.integers(0, 60), st.integers(0, 60))
def test_whole_wins_give_about_scipys_wilson_interval(wins: int, losses: int) -> None:
    """A little wider, by Student's quantile."""
    if wins + losses < 10:
        return
    found = trials(wins, losses)
    expected = binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
    assert found.low <= expected.low + 1e-9
    assert found.high >= expected.high - 1e-9
    assert found.high - found.low < 1.3 * (expected.high - expected.low)


@pytest.mark.parametrize("rate", [0.5, 0.7, 0.9, 0.98])
@pytest.mark.parametrize("n", [20, 50, 250])
def test_judged_once_it_covers_the_truth_near_the_edges(n: int, rate: float) -> None:
    """Wilson's of so many trials covered 92.2 % of 50 dialogues at 98 %."""
    won = np.arange(n + 1)
    ends = [trials(int(wins), n - int(wins)) for wins in won]
    covers = np.array([one.low <= rate <= one.high for one in ends])
    assert binom.pmf(won[covers], n, rate).sum() >= 0.93


def test_the_effective_sample_size_by_hand() -> None:
    # One win and one loss more for the variance: 3 wins, 3 ties, 2 losses and these, of mean 0.55 and
    # s² = (4 × 0.45² + 3 × 0.05² + 3 × 0.55²) / 9 = 0.19166…
    found = intervals.of_mean([1, 1, 1, 0.5, 0.5, 0.5, 0, 0])
    size = 8 * 0.55 * 0.45 / (1.725 / 9)
    quantile = scipy_t.ppf(0.975, 7)
    assert found.share == 0.5625
    middle = (0.5625 + quantile**2 / (2 * size)) / (1 + quantile**2 / size)
    reach = math.sqrt(0.5625 * 0.4375 / size + quantile**2 / (4 * size**2)) * quantile
    assert found.low == pytest.approx(middle - reach / (1 + quantile**2 / size))
    assert found.high == pytest.approx(middle + reach / (1 + quantile**2 / size))


@pytest.mark.parametrize("n", benchmark.SIZES)
def test_it_covers_the_truth_near_the_edges_and_in_small_samples(n: int) -> None:
    """Exact: Student's interval covered 88.0 to 92.8 % in some of these cells."""
    # All of many dialogues take seconds, and are printed by the benchmark.
    for rate in benchmark.RATES if n < 250 else (0.98,):
        for ties in benchmark.TIES:
            for correlation in benchmark.CORRELATIONS:
                covered, _ = benchmark.coverage(n, rate, ties, correlation)
                assert covered > 0.93, (n, rate, ties, correlation)


def test_a_tie_among_wins_does_not_narrow_the_interval() -> None:
    """249 wins and a tie gave [99.4, 100], 250 wins [98.5, 100]."""
    nearly, every = intervals.of_mean([1] * 249 + [0.5]), intervals.of_mean([1] * 250)
    assert round(every.low * 100, 1) == 98.5
    assert nearly.low < every.low < nearly.high < every.high == 1


@pytest.mark.parametrize("n", [1, 5, 20, 50])
def test_a_better_score_never_lowers_an_end(n: int) -> None:
    outcomes = ((won, tied, n - won - tied) for won in range(n + 1) for tied in range(n + 1 - won))
    ends = {outcome: benchmark.interval(*outcome) for outcome in outcomes}
    for (won, tied, lost), (low, high) in ends.items():
        for better in ((won + 1, tied - 1, lost), (won, tied + 1, lost - 1)):
            if better in ends:
                assert ends[better][0] >= low - 1e-12
                assert ends[better][1] >= high - 1e-12


def test_ties_narrow_the_interval() -> None:
    """With 60 % ties, Wilson's interval of so many trials was up to twice too wide."""
    found = intervals.of_mean([1] * 50 + [0.5] * 150 + [0] * 50)
    plain = trials(125, 125)
    assert found.high - found.low < 0.7 * (plain.high - plain.low)
    # Two independent orders.
    both = intervals.of_mean([1] * 10 + [0.75] * 60 + [0.5] * 110 + [0.25] * 60 + [0] * 10)
    assert both.high - both.low < 0.5 * (plain.high - plain.low)


@given(st.lists(scores, min_size=1, max_size=60))
def test_of_any_scores(found: list[float]) -> None:
    one = intervals.of_mean(found)
    other = intervals.of_mean([1 - score for score in found])
    assert one.share == pytest.approx(sum(found) / len(found))
    assert 0 <= one.low <= one.share <= one.high <= 1
    assert one.low < one.high
    assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low))


def test_without_dialogues_there_is_no_interval() -> None:
    with pytest.raises(ValueError, match="no dialogues"):
        intervals.of_mean([])


def test_several_verdicts_of_a_dialogue_are_a_cluster() -> None:
    random = np.random.default_rng(1)
    counts = random.integers(1, 5, 400).astype(float)
    # All verdicts on a dialogue agree: as many independent ones as dialogues, at the most.
    sums = counts * (random.random(400) < 0.3)
    found = intervals.of_ratio(sums, counts)
    apart = trials(int(sums.sum()), int(counts.sum() - sums.sum()))
    assert found.share == pytest.approx(apart.share)
    assert found.high - found.low > 1.5 * (apart.high - apart.low)
    again = intervals.of_ratio(sums * 3, counts * 3)
    assert (again.low, again.high) == pytest.approx((found.low, found.high))
    # The linearised variance of a ratio, by hand.
    share = sums.sum() / counts.sum()
    error = math.sqrt(((sums - share * counts) ** 2).sum()) / counts.sum()
    assert (found.high - found.low) / 2 == pytest.approx(norm.ppf(0.975) * error, rel=0.02)


def test_bounds_of_many_invalid_dialogues() -> None:
    """100 won by b, 150 invalid: they showed 40 % [34, 46] in favour of b."""
    found = intervals.bounds([1.0] * 100, 150)
    assert found is not None
    assert (found.low, found.high) == (0.4, 1.0)
    # Far apart, the ends are one-sided.
    quantile = scipy_t.ppf(0.95, 249)
    size = 250 * (101 / 252) * (151 / 252) / ((101 / 252) * (151 / 252) * 252 / 251)
    middle = (0.4 + quantile**2 / (2 * size)) / (1 + quantile**2 / size)
    reach = quantile * math.sqrt(0.24 / size + quantile**2 / (4 * size**2)) / (1 + quantile**2 / size)
    assert found.ci_low == pytest.approx(middle - reach, abs=1e-6)
    assert found.ci_high == 1.0


def test_bounds_without_invalid_ones_are_none_and_with_one_nearly_the_interval() -> None:
    valid = [1.0, 0.0] * 100
    assert intervals.bounds(valid, 0) is None
    found, plain = intervals.bounds(valid, 1), intervals.of_mean(valid)
    assert found is not None
    assert (found.ci_low, found.ci_high) == pytest.approx((plain.low, plain.high), abs=1e-3)
    nothing = intervals.bounds([], 5)
    assert nothing == intervals.Bounds(0.0, 1.0, 0.0, 1.0)


@settings(max_examples=40)
@given(st.lists(scores, max_size=40), st.integers(1, 40))
def test_of_any_bounds(valid: list[float], invalid: int) -> None:
    found = intervals.bounds(valid, invalid)
    turned = intervals.bounds([1 - score for score in valid], invalid)
    assert found is not None
    assert turned is not None
    assert 0 <= found.ci_low <= found.low < found.high <= found.ci_high <= 1
    assert (found.low, found.ci_low) == pytest.approx((1 - turned.high, 1 - turned.ci_high))
