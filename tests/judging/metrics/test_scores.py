"""The score of a dialogue: what it is, and that repeats estimate the same thing, only better."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.evaluation.verdicts import MIRRORED, Order, Winner
from core.judging.metrics import scores
from core.judging.metrics.inference import statistics

ORDERS: tuple[Order, ...] = ("ab", "ba")


def in_words(text: str) -> list[tuple[Order, Winner]]:
    """An order a word, its repeats between commas."""
    return [
        (order, cast(Winner, winner))
        for order, repeats in zip(ORDERS, text.split(), strict=False)
        for winner in repeats.split(",")
    ]


@pytest.mark.parametrize(
    ("verdicts", "score", "favours"),
    [
        ("a a", 0, "a"),
        ("b b", 1, "b"),
        ("a b", 0.5, "tie"),
        ("tie b", 0.75, "b"),
        ("invalid b", None, "invalid"),
        ("invalid invalid", None, "invalid"),
        ("tie", 0.5, "tie"),
        ("b", 1, "b"),
        ("a,b a", 0.25, "a"),
        ("a,a,b b,b,a", 0.5, "tie"),
        ("b,b,a b,b,b", 5 / 6, "b"),
        # One invalid of six does not cost the dialogue: the other five stay.
        ("a,a,invalid a,b,b", 1 / 3, "a"),
        ("b,invalid,invalid b,b,b", 1, "b"),
        ("invalid,invalid b,b", None, "invalid"),
        ("", None, "invalid"),
    ],
)
def test_the_mean_in_each_order_and_then_over_the_orders(
    verdicts: str, score: float | None, favours: Winner
) -> None:
    found = in_words(verdicts)
    assert scores.score(found) == (None if score is None else pytest.approx(score))
    assert scores.outcome(found) == favours


verdicts_of_one = st.lists(
    st.tuples(st.sampled_from(ORDERS), st.sampled_from(["a", "b", "tie", "invalid"])), max_size=8
)


@given(verdicts_of_one, st.integers(2, 4))
def test_order_repetition_and_sides_do_not_matter(verdicts: list[tuple[Order, Winner]], times: int) -> None:
    found = scores.score(verdicts)
    assert scores.score(verdicts * times) == found
    assert scores.score(verdicts[::-1]) == found
    turned = scores.score([(order, MIRRORED[winner]) for order, winner in verdicts])
    assert turned == (None if found is None else pytest.approx(1 - found))
    if found is not None:
        means = []
        for order in {order for order, _ in verdicts}:
            own = [w for o, w in verdicts if o == order and w != "invalid"]
            means.append(Fraction(sum({"a": 0, "tie": 1, "b": 2}[w] for w in own), 2 * len(own)))
        # Exact: what is even is a tie, to the bit.
        assert found == float(sum(means) / len(means))


def test_repeats_keep_the_estimand_and_narrow_the_interval() -> None:
    """A majority of three made a win rate of 67.0 % one of 70.9 %."""
    draw = random.Random(5)
    # b's chance is .868 in 73.1 % of the dialogues, and .132 in the others.
    chances = [0.868 if number % 1000 < 731 else 0.132 for number in range(4000)]
    true = sum(chances) / len(chances)
    assert true == pytest.approx(0.67, abs=5e-4)
    majority = sum(c**3 + 3 * c**2 * (1 - c) for c in chances) / len(chances)
    assert majority == pytest.approx(0.709, abs=5e-4)
    rates = {}
    for repeats in (1, 3):
        made = []
        for chance in chances:
            verdicts: list[tuple[Order, Winner]] = [
                (order, "b" if draw.random() < chance else "a") for order in ORDERS for _ in range(repeats)
            ]
            made.append(scores.score(verdicts))
        rate = statistics.win_rate(made).rate
        assert rate is not None
        rates[repeats] = rate
    for rate in rates.values():
        assert rate.share == pytest.approx(true, abs=0.015)
        assert rate.low < true < rate.high < majority + 0.01
    assert rates[3].high - rates[3].low < 0.95 * (rates[1].high - rates[1].low)


def test_few_invalid_verdicts_make_fewer_invalid_dialogues() -> None:
    """2 % of the verdicts made 11 % of the dialogues invalid, at three repeats."""
    draw = random.Random(6)
    made = [
        scores.score([(o, "invalid" if draw.random() < 0.02 else "b") for o in ORDERS for _ in range(3)])
        for _ in range(2000)
    ]
    assert 1 - 0.98**6 > 0.11
    assert made.count(None) <= 1
