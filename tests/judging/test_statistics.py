"""Win rates against published and independently computed values."""

from __future__ import annotations

import random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, sem
from scipy.stats import t as scipy_t
from statsmodels.stats.multitest import multipletests

from core.domain.verdicts import Order, Winner
from core.judging import statistics

winners = st.sampled_from(["a", "b", "tie", "invalid"])

Answers = list[tuple[Order, Winner]]


def some(**counts: int) -> list[Winner]:
    """So many of each outcome."""
    return [cast(Winner, winner) for winner, count in counts.items() for _ in range(count)]


def test_the_papers_scale() -> None:
    rate = statistics.win_rate(some(b=225, a=25), False)
    assert rate.win_rate_b == 0.9
    assert rate.ci_low is not None
    assert rate.ci_high is not None
    assert (round(rate.ci_low, 3), round(rate.ci_high, 3)) == (0.857, 0.931)


@given(st.integers(0, 60), st.integers(0, 60))
def test_whole_wins_give_scipys_wilson_interval(wins: int, losses: int) -> None:
    if wins + losses == 0:
        return
    rate = statistics.win_rate(some(b=wins, a=losses), False)
    expected = binomtest(wins, wins + losses).proportion_ci(0.95, method="wilson")
    assert rate.ci_low == pytest.approx(expected.low, abs=1e-9)
    assert rate.ci_high == pytest.approx(expected.high, abs=1e-9)


@given(st.lists(winners, min_size=1, max_size=80))
def test_every_dialogue_is_counted_once(outcomes: list[Winner]) -> None:
    rate = statistics.win_rate(outcomes, False)
    assert rate.wins_a + rate.wins_b + rate.ties + rate.invalid == rate.n == len(outcomes)
    if rate.invalid == rate.n:
        assert (rate.win_rate_b, rate.ci_low, rate.ci_high, rate.interval) == (None, None, None, None)
        return
    assert rate.win_rate_b is not None
    assert rate.ci_low is not None
    assert rate.ci_high is not None
    # At 0 and 1 the interval ends at the rate, to within rounding.
    assert -1e-9 <= rate.ci_low <= rate.win_rate_b + 1e-9
    assert rate.win_rate_b - 1e-9 <= rate.ci_high <= 1 + 1e-9
    assert rate.win_rate_b == pytest.approx((rate.wins_b + rate.ties / 2) / rate.n)


def test_an_invalid_verdict_is_nobodys_win_and_is_not_dropped() -> None:
    rate = statistics.win_rate(["b", "a", "invalid", "invalid"], False)
    assert (rate.n, rate.invalid, rate.win_rate_b) == (4, 2, 0.25)


def test_no_outcome_is_no_win_rate() -> None:
    with pytest.raises(ValueError, match="no outcomes"):
        statistics.win_rate([], False)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ("a a", "a"),
        ("b b", "b"),
        ("a b", "tie"),
        ("tie b", "tie"),
        ("invalid b", "invalid"),
        ("invalid invalid", "invalid"),
        ("tie", "tie"),
        ("b", "b"),
        ("a,a,b b,a,a", "a"),
        ("a,b a", "tie"),
        ("a,a,b b,b,a", "tie"),
        ("a,a,invalid a,a,a", "invalid"),
        ("", "invalid"),
    ],
)
def test_orders_that_disagree_are_a_tie(verdicts: str, expected: Winner) -> None:
    """An order a word, its repeats between commas."""
    orders: tuple[Order, ...] = ("ab", "ba")
    found: list[tuple[Order, Winner]] = [
        (order, cast(Winner, winner))
        for order, repeats in zip(orders, verdicts.split(), strict=False)
        for winner in repeats.split(",")
    ]
    assert statistics.outcome(found) == expected


def test_both_orders_give_students_interval_over_dialogues() -> None:
    outcomes = some(b=5, tie=3, a=2)
    rate = statistics.win_rate(outcomes, True)
    assert rate.win_rate_b == 0.65
    # Mean 0.65, sum of squares 1.525, so s² = 1.525/9; t(9, 0.975) = 2.2621572.
    half = 2.2621572 * (1.525 / 9 / 10) ** 0.5
    assert rate.ci_low == pytest.approx(0.65 - half, abs=1e-6)
    assert rate.ci_high == pytest.approx(0.65 + half, abs=1e-6)
    assert "clustered by dialogue" in (rate.interval or "")


@given(st.lists(winners, min_size=2, max_size=60))
def test_scipy_agrees_on_students_interval(outcomes: list[Winner]) -> None:
    scores = [{"b": 1.0, "tie": 0.5}.get(outcome, 0.0) for outcome in outcomes]
    rate = statistics.win_rate(outcomes, True)
    if rate.invalid == rate.n:
        assert rate.interval is None
        return
    if len(set(scores)) == 1:
        assert rate.interval == statistics.WILSON
        return
    low, high = scipy_t.interval(0.95, len(scores) - 1, loc=sum(scores) / len(scores), scale=sem(scores))
    assert rate.ci_low == pytest.approx(max(0.0, low), abs=1e-9)
    assert rate.ci_high == pytest.approx(min(1.0, high), abs=1e-9)


def test_the_bootstrap_is_over_dialogues_and_repeats_to_the_bit() -> None:
    outcomes = some(b=150, tie=40, a=60)
    rate = statistics.win_rate(outcomes, True)
    again = statistics.win_rate(outcomes, True)
    assert (rate.bootstrap_low, rate.bootstrap_high) == (again.bootstrap_low, again.bootstrap_high)
    # At this size it comes close to Student's.
    assert rate.bootstrap_low == pytest.approx(rate.ci_low, abs=0.01)
    assert rate.bootstrap_high == pytest.approx(rate.ci_high, abs=0.01)
    assert statistics.win_rate(outcomes, False).bootstrap_low is None


def test_what_orders_say_of_a_judge() -> None:
    always_first: list[Answers] = [[("ab", "a"), ("ba", "b")]] * 4
    steady: list[Answers] = [[("ab", "b"), ("ba", "b")]] * 4
    half_invalid: list[Answers] = [[("ab", "a"), ("ba", "invalid")]] * 2
    said = statistics.position_bias([*always_first, *steady, *half_invalid])
    # First: all eight of the first four, one of two of each steady pair, both of the last.
    assert said.prefers_first == pytest.approx((8 + 4 + 2) / 18)
    assert said.placed == 18
    assert said.flip_rate == 0.5
    assert said.paired == 8
    assert statistics.position_bias([]) == statistics.PositionBias(None, 0, None, 0)


def test_a_judge_of_known_bias_is_found_out() -> None:
    draw = random.Random(3)
    verdicts: list[Answers] = []
    for _ in range(4000):
        # Three in ten times it takes the first place; else b is better seven times in ten.
        better: Winner = "b" if draw.random() < 0.7 else "a"
        verdicts.append(
            [
                ("ab", "a" if draw.random() < 0.3 else better),
                ("ba", "b" if draw.random() < 0.3 else better),
            ]
        )
    said = statistics.position_bias(verdicts)
    assert said.prefers_first == pytest.approx(0.3 + 0.7 * 0.5, abs=0.03)
    outcomes = [statistics.outcome(pair) for pair in verdicts]
    rate = statistics.win_rate(outcomes, True)
    # Both orders together undo the bias up to what it hides: b's share shrinks towards a half.
    assert rate.ci_low is not None
    assert rate.ci_high is not None
    assert rate.ci_low < 0.5 + 0.2 * 0.7 < rate.ci_high


def test_a_bootstrap_of_equal_scores_is_none() -> None:
    rate = statistics.win_rate(["b"] * 20, True)
    assert (rate.interval, rate.bootstrap_low, rate.bootstrap_high) == (statistics.WILSON, None, None)
    one = statistics.win_rate(["tie"], True)
    assert one.ci_low is not None
    assert one.ci_high is not None
    assert one.ci_low < 0.5 < one.ci_high
    assert one.bootstrap_low is None


MIRRORED: dict[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie"}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["a", "b", "tie"]), min_size=1, max_size=60), st.booleans())
def test_turned_round_the_rate_is_mirrored(outcomes: list[Winner], clustered: bool) -> None:
    one = statistics.win_rate(outcomes, clustered)
    other = statistics.win_rate([MIRRORED[winner] for winner in outcomes], clustered)
    for found, turned in (
        (one.win_rate_b, other.win_rate_b),
        (one.ci_low, other.ci_high),
        (one.ci_high, other.ci_low),
        (one.bootstrap_low, other.bootstrap_high),
        (one.bootstrap_high, other.bootstrap_low),
    ):
        if found is None or turned is None:
            assert found is turned
        else:
            assert found == pytest.approx(1 - turned, abs=1e-9)


verdicts_of_one = st.lists(
    st.tuples(st.sampled_from(["ab", "ba"]), st.sampled_from(["a", "b", "tie", "invalid"])), max_size=6
)


@given(verdicts_of_one, st.integers(2, 4))
def test_the_same_verdicts_again_are_no_more_dialogues(
    verdicts: list[tuple[Order, Winner]], times: int
) -> None:
    """A dialogue is one outcome, however often it was judged, so its rows cannot narrow an interval."""
    decided = statistics.outcome(verdicts)
    assert statistics.outcome(verdicts * times) == decided
    assert statistics.outcome(verdicts[::-1]) == decided
    mirrored = [(order, MIRRORED.get(winner, winner)) for order, winner in verdicts]
    assert statistics.outcome(mirrored) == MIRRORED.get(decided, decided)
    assert (decided == "invalid") == (not verdicts or "invalid" in [winner for _, winner in verdicts])


def test_what_an_outcome_is_worth_to_b() -> None:
    outcomes: list[Winner] = ["a", "tie", "b", "invalid"]
    assert [statistics.score(winner) for winner in outcomes] == [0, 0.5, 1, 0]


@pytest.mark.parametrize(
    # By hand: twice the sum of C(n, k) up to the smaller count, of 2 ** n.
    ("better_a", "better_b", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (1, 9, 22 / 1024), (8, 2, 112 / 1024), (5, 5, 1.0), (0, 6, 2 / 64)],
)
def test_the_exact_sign_test(better_a: int, better_b: int, p: float) -> None:
    assert statistics.sign_test(better_a, better_b) == pytest.approx(p)
    assert statistics.sign_test(better_b, better_a) == pytest.approx(p)


def test_holms_correction() -> None:
    # By hand: the smallest times four, the next times three, … and none smaller than the one before.
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.7]) == [1.0, 1.0]
    assert statistics.holm([0.2]) == [0.2]
    assert statistics.holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holms_correction_is_statsmodels_and_lies_between_none_and_bonferronis(ps: list[float]) -> None:
    assert statistics.holm(ps) == pytest.approx(list(multipletests(ps, method="holm")[1]), abs=1e-12)
    for p, corrected in zip(ps, statistics.holm(ps), strict=True):
        assert p - 1e-12 <= corrected <= min(1.0, p * len(ps)) + 1e-12


def test_two_responders_on_the_same_dialogues() -> None:
    said = statistics.paired([1, 0, 0.5, 0, 0, 0, 1, 0], [1, 1, 1, 1, 0.5, 0, 0.5, 1])
    # Five of six that differ went better for b: 2 × (1 + 6) / 64.
    assert (said.better_a, said.better_b) == (1, 5)
    assert said.difference == pytest.approx((6 - 2.5) / 8)
    assert said.p == pytest.approx(14 / 64)
    with pytest.raises(ValueError, match="no dialogue in common"):
        statistics.paired([], [])


def test_the_interval_of_mean_scores() -> None:
    low, high, name = statistics.mean_interval([0.25, 0.5, 0.75, 1.0, 0.5])
    # Mean 0.6, s² = 0.325 / 4, and t(4, 0.975) = 2.7764451.
    half = 2.7764451 * (0.325 / 4 / 5) ** 0.5
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=1e-6)
    assert name == statistics.CLUSTERED
    assert statistics.mean_interval([1.0, 0.0])[:2] == (0.0, 1.0)
    assert statistics.mean_interval([1.0])[2] == statistics.WILSON
    with pytest.raises(ValueError, match="no scores"):
        statistics.mean_interval([])
