"""Win rates and tests against published and independently computed values."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, permutation_test
from scipy.stats import t as scipy_t
from statsmodels.stats.multitest import multipletests

from core.judging.metrics import scores
from core.judging.metrics.inference import intervals, statistics

some_scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, 2 / 3, 1.0, None]), min_size=1, max_size=80)
fractions = st.sampled_from([-1.0, -0.75, -0.5, -1 / 3, 0.0, 1 / 6, 0.5, 1.0])


def some(b: int = 0, a: int = 0, tie: int = 0, invalid: int = 0) -> list[float | None]:
    """So many dialogues of each outcome."""
    return [1.0] * b + [0.5] * tie + [0.0] * a + [None] * invalid


@given(some_scores)
def test_every_dialogue_is_counted_once(found: list[float | None]) -> None:
    rate = statistics.win_rate(found)
    assert rate.wins_a + rate.wins_b + rate.ties + rate.invalid == rate.n == len(found)
    valid = [score for score in found if score is not None]
    assert (rate.rate is None) == (not valid)
    assert (rate.bounds is None) == (not rate.invalid)
    if rate.rate is not None:
        assert rate.rate.share == pytest.approx(sum(valid) / len(valid))
    if rate.bounds is not None and rate.rate is not None:
        assert rate.bounds.low <= rate.rate.share <= rate.bounds.high
        assert rate.bounds.low == pytest.approx(sum(valid) / len(found))
        assert rate.bounds.high == pytest.approx((sum(valid) + rate.invalid) / len(found))


def test_invalid_dialogues_are_missing_and_not_lost() -> None:
    """It showed 40 % [34, 46] with p < 0.0001 in favour of b."""
    rate = statistics.win_rate(some(b=100, invalid=150))
    assert (rate.n, rate.invalid, rate.wins_b) == (250, 150, 100)
    assert rate.rate is not None
    assert rate.bounds is not None
    assert (rate.rate.share, rate.rate.high) == (1.0, 1.0)
    assert (rate.bounds.low, rate.bounds.high) == (0.4, 1.0)
    assert rate.bounds.ci_low == pytest.approx(0.35, abs=0.001)


def test_turned_round_only_one_side_loses() -> None:
    """Both did, with 45.2 and 46.8 %."""
    one = statistics.win_rate(some(b=113, a=117, invalid=20)).rate
    other = statistics.win_rate(some(b=117, a=113, invalid=20)).rate
    assert one is not None
    assert other is not None
    assert (round(one.share, 3), round(other.share, 3)) == (0.491, 0.509)
    assert one.share + other.share == pytest.approx(1)
    assert one == intervals.of_mean([1.0] * 113 + [0.0] * 117)


def test_at_equal_strength_ten_percent_invalid_do_not_move_the_interval() -> None:
    """It missed 50 % half the time."""
    draw = random.Random(7)
    missed = 0
    for _ in range(400):
        found = [None if draw.random() < 0.1 else float(draw.random() < 0.5) for _ in range(250)]
        rate = statistics.win_rate(found).rate
        assert rate is not None
        missed += not rate.low <= 0.5 <= rate.high
    assert missed / 400 < 0.08


def test_without_dialogues_there_is_no_win_rate() -> None:
    with pytest.raises(ValueError, match="no dialogues"):
        statistics.win_rate([])


def test_the_bootstrap_is_over_dialogues_and_repeats_to_the_bit() -> None:
    found = some(b=150, tie=40, a=60)
    rate, again = (statistics.win_rate(found, with_bootstrap=True) for _ in range(2))
    assert (rate.bootstrap_low, rate.bootstrap_high) == (again.bootstrap_low, again.bootstrap_high)
    assert rate.rate is not None
    # At this size it comes close to Wilson's.
    assert rate.bootstrap_low == pytest.approx(rate.rate.low, abs=0.01)
    assert rate.bootstrap_high == pytest.approx(rate.rate.high, abs=0.01)
    assert statistics.win_rate(found).bootstrap_low is None
    assert statistics.win_rate([1.0] * 20, with_bootstrap=True).bootstrap_low is None


@settings(max_examples=30, deadline=None)
@given(some_scores, st.booleans())
def test_turned_round_the_rate_is_mirrored(found: list[float | None], bootstrap: bool) -> None:
    one = statistics.win_rate(found, with_bootstrap=bootstrap)
    other = statistics.win_rate([scores.mirrored(score) for score in found], with_bootstrap=bootstrap)
    assert (one.wins_a, one.wins_b, one.ties) == (other.wins_b, other.wins_a, other.ties)
    for low, high in ((one.bootstrap_low, other.bootstrap_high), (one.bootstrap_high, other.bootstrap_low)):
        assert low == (None if high is None else pytest.approx(1 - high))
    if one.rate is not None and other.rate is not None:
        assert one.rate.share == pytest.approx(1 - other.rate.share)
        assert one.rate.low == pytest.approx(1 - other.rate.high)


@pytest.mark.parametrize(
    # By hand: twice the sum of C(n, k) up to the smaller count, of 2 ** n.
    ("better_a", "better_b", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (1, 9, 22 / 1024), (8, 2, 112 / 1024), (5, 5, 1.0), (0, 6, 2 / 64)],
)
def test_the_exact_sign_test(better_a: int, better_b: int, p: float) -> None:
    assert statistics.sign_test(better_a, better_b) == pytest.approx(p)
    assert statistics.sign_test(better_b, better_a) == pytest.approx(p)
    # The sign-flip test of differences of one size is the sign test.
    assert statistics.sign_flip_test([-0.5] * better_a + [0.5] * better_b + [0.0] * 3) == pytest.approx(p)
    even = statistics.even_test([0.0] * better_a + [1.0] * better_b + [0.5] * 4)
    assert even.p == pytest.approx(p)
    assert even.name == statistics.SIGN_TEST


@pytest.mark.parametrize("n", [1, 2, 7, 40, 401])
def test_the_sign_test_is_the_binomial_test(n: int) -> None:
    found = [statistics.sign_test(n - k, k) for k in range(n + 1)]
    assert found == pytest.approx([binomtest(k, n).pvalue for k in range(n + 1)], rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(fractions, min_size=1, max_size=9))
def test_the_sign_flip_test_counts_all_flips(differences: list[float]) -> None:
    total = abs(sum(differences))
    sums = [
        sum(s * d for s, d in zip(signs, differences, strict=True))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    expected = sum(abs(found) >= total - 1e-9 for found in sums) / len(sums)
    assert statistics.sign_flip_test(differences) == pytest.approx(expected)
    assert statistics.sign_flip_test([-d for d in differences]) == pytest.approx(expected)


def test_the_sign_flip_test_is_scipys_permutation_test() -> None:
    differences = np.random.default_rng(3).choice([-1, -0.5, 0.25, 0.5, 1], 11)
    expected = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert statistics.sign_flip_test(differences) == pytest.approx(expected.pvalue)
    even = statistics.even_test([0.75, 1.0, 0.5, 0.25])
    assert even.name == statistics.SIGN_FLIP_TEST
    # Many repeats: the grid of their fractions is too fine, and is made coarser.
    fine = np.random.default_rng(4).integers(-5040, 5041, 400) / 5040
    normal = 2 * scipy_t.sf(abs(fine.sum()) / np.sqrt((fine**2).sum()), 10**6)
    assert statistics.sign_flip_test(fine) == pytest.approx(normal, abs=0.01)


def test_p_values_of_many_wins_are_positive() -> None:
    assert 0 < statistics.sign_flip_test([0.5] * 300 + [1.0] * 200) < 1e-10
    assert statistics.sign_flip_test([1.0] * 40) == pytest.approx(binomtest(40, 40).pvalue, abs=1e-12)


def test_holms_correction() -> None:
    # By hand: the smallest times four, the next times three, … and none smaller than the one before.
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.7]) == [1.0, 1.0]
    assert statistics.holm([0.2]) == [0.2]
    assert statistics.holm([]) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holms_correction_is_statsmodels_and_lies_between_none_and_bonferronis(ps: list[float]) -> None:
    assert statistics.holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), abs=1e-12)
    for p, corrected in zip(ps, statistics.holm(ps), strict=True):
        assert p - 1e-12 <= corrected <= min(1.0, p * len(ps)) + 1e-12
