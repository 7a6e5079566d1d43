"""Win rates against published and independently computed values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from core.judging import statistics
from core.pipeline.journal import Winner

winners = st.sampled_from(["a", "b", "tie", "invalid"])


def test_the_papers_scale() -> None:
    rate = statistics.win_rate(["b"] * 225 + ["a"] * 25)
    assert rate.win_rate_b == 0.9
    assert (round(rate.ci_low, 3), round(rate.ci_high, 3)) == (0.857, 0.931)


@given(st.integers(0, 60), st.integers(0, 60))
def test_whole_wins_give_scipys_wilson_interval(wins: int, losses: int) -> None:
    if wins + losses == 0:
        return
    rate = statistics.win_rate(["b"] * wins + ["a"] * losses)
    expected = binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
    assert rate.ci_low == pytest.approx(expected.low, abs=1e-9)
    assert rate.ci_high == pytest.approx(expected.high, abs=1e-9)


@given(st.lists(winners, min_size=1, max_size=80))
def test_every_dialogue_is_counted_once(outcomes: list[Winner]) -> None:
    rate = statistics.win_rate(outcomes)
    assert rate.wins_a + rate.wins_b + rate.ties + rate.invalid == rate.n == len(outcomes)
    # At 0 and 1 the interval ends at the rate, to within rounding.
    assert -1e-9 <= rate.ci_low <= rate.win_rate_b + 1e-9
    assert rate.win_rate_b - 1e-9 <= rate.ci_high <= 1 + 1e-9
    assert rate.win_rate_b == pytest.approx((rate.wins_b + rate.ties / 2) / rate.n)


def test_an_invalid_verdict_is_nobodys_win_and_is_not_dropped() -> None:
    rate = statistics.win_rate(["b", "a", "invalid", "invalid"])
    assert (rate.n, rate.invalid, rate.win_rate_b) == (4, 2, 0.25)


def test_no_outcome_is_no_win_rate() -> None:
    with pytest.raises(ValueError, match="no outcomes"):
        statistics.win_rate([])


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["a", "a"], "a"),
        (["b", "b"], "b"),
        (["a", "b"], "tie"),
        (["tie", "b"], "tie"),
        (["invalid", "b"], "b"),
        (["invalid", "invalid"], "invalid"),
        (["tie"], "tie"),
    ],
)
def test_orders_that_disagree_are_a_tie(verdicts: list[Winner], expected: Winner) -> None:
    assert statistics.outcome(verdicts) == expected
