"""The length-controlled win rate against simulated judges, statsmodels, and what must hold of any input."""

from __future__ import annotations

import math
import random
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.api import GLM, add_constant
from statsmodels.genmod.families import Binomial

from core.domain.verdicts import Winner
from core.judging.length_control import length_controlled, prefers_longer

MIRRORED: dict[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie", "invalid": "invalid"}
SCORES = {"a": 0.0, "tie": 0.5, "b": 1.0}


def simulated(
    seed: int, dialogues: int, better: float, longer: float, more: float
) -> tuple[list[Winner], list[int], list[int]]:
    """A judge that is asked twice: its log-odds of b are `better` + `longer` × tanh of the standardised
    difference in words. b has `more` words on average."""
    draw = random.Random(seed)
    words_a = [draw.randint(15, 45) for _ in range(dialogues)]
    words_b = [max(1, round(words + draw.gauss(more, 15))) for words in words_a]
    difference = np.subtract(words_b, words_a)
    outcomes: list[Winner] = []
    for tanh in np.tanh(difference / difference.std()):
        chance = 1 / (1 + math.exp(-better - longer * tanh))
        wins = (draw.random() < chance) + (draw.random() < chance)
        outcomes.append(("a", "tie", "b")[wins])
    return outcomes, words_a, words_b


def test_without_the_liking_for_length_the_rate_is_the_known_one() -> None:
    held = []
    for better, longer, more in ((0.4, 1.2, 10), (-0.3, 1.5, 12), (0.0, 2.0, 15), (0.8, -1.0, 8)):
        fair = 1 / (1 + math.exp(-better))
        for seed in range(5):
            outcomes, words_a, words_b = simulated(seed, 250, better, longer, more)
            found = length_controlled(outcomes, words_a, words_b)
            assert found is not None
            held.append(found.low <= fair <= found.high)
            assert math.copysign(1, found.coefficient) == math.copysign(1, longer)
            raw = sum(SCORES[winner] for winner in outcomes) / len(outcomes)
            assert abs(found.win_rate_b - fair) < abs(raw - fair)
    # Of 20 intervals of 95 % fewer hold it by chance once in three thousand times.
    assert sum(held) >= 15


def test_statsmodels_agrees_where_data_is_plenty() -> None:
    outcomes, words_a, words_b = simulated(7, 4000, 0.4, 1.2, 10)
    found = length_controlled(outcomes, words_a, words_b)
    assert found is not None
    difference = np.subtract(words_b, words_a)
    exogenous = add_constant(np.tanh(difference / difference.std()))
    fitted = GLM([SCORES[winner] for winner in outcomes], exogenous, family=Binomial()).fit(cov_type="HC0")
    intercept, coefficient = fitted.params
    assert found.win_rate_b == pytest.approx(1 / (1 + math.exp(-intercept)), abs=1e-3)
    assert found.coefficient == pytest.approx(coefficient, abs=5e-3)
    # Its robust standard error gives about the interval of the bootstrap.
    reach = norm.ppf(0.975) * fitted.bse[0]
    assert found.low == pytest.approx(1 / (1 + math.exp(-intercept + reach)), abs=4e-3)
    assert found.high == pytest.approx(1 / (1 + math.exp(-intercept - reach)), abs=4e-3)


def test_it_parts_from_the_raw_rate_when_length_wins() -> None:
    outcomes, words_a, words_b = simulated(3, 250, -0.3, 1.5, 15)
    found = length_controlled(outcomes, words_a, words_b)
    assert found is not None
    assert sum(SCORES[winner] for winner in outcomes) / 250 > 0.55
    assert found.win_rate_b < 0.5
    assert found.parted
    same = length_controlled(*simulated(4, 250, 0.4, 0.0, 0))
    assert same is not None
    assert not same.parted


def test_rates_on_different_sides_of_one_half_part_however_close() -> None:
    # b wins 51 % of all, as long as it is longer more often than not.
    outcomes: list[Winner] = []
    words_b: list[int] = []
    for words, wins, of in ((10, 90, 200), (12, 374, 700), (8, 46, 100)):
        outcomes += ["b" if number < wins else "a" for number in range(of)]
        words_b += [words] * of
    found = length_controlled(outcomes, [10] * len(outcomes), words_b)
    raw = outcomes.count("b") / len(outcomes)
    assert found is not None
    assert 0.5 < raw < 0.52
    assert raw - 0.05 < found.win_rate_b < 0.5
    assert found.parted


def test_a_side_that_nearly_always_wins_may_win_all_in_the_interval() -> None:
    outcomes: list[Winner] = [*99 * ("b",), "a"]
    found = length_controlled(outcomes, [20] * 100, [20 + i % 7 for i in range(100)])
    assert found is not None
    assert found.low < found.win_rate_b < found.high
    # In a third of the resamples a does not win once.
    assert found.high == 1.0


@pytest.mark.parametrize(
    ("outcomes", "words_a", "words_b"),
    [
        ([], [], []),
        (["b"], [3], [4]),
        (["b", "a"] * 5, list(range(10)), [4] * 10),
        (["b"] * 50, list(range(50)), [4] * 50),
        (["a"] * 50, list(range(50)), [4] * 50),
        (["invalid"] * 50, list(range(50)), [4] * 50),
        (["a", "b"] * 25, [7] * 50, [9] * 50),
        (["a", "b"] * 9 + ["invalid"] * 40, list(range(58)), [9] * 58),
    ],
)
def test_what_cannot_be_told_is_none(outcomes: list[Winner], words_a: list[int], words_b: list[int]) -> None:
    assert length_controlled(outcomes, words_a, words_b) is None


def test_ties_alone_are_even() -> None:
    found = length_controlled(["tie"] * 40, [20] * 40, list(range(10, 50)))
    assert found is not None
    assert (found.win_rate_b, found.low, found.high) == pytest.approx((0.5, 0.5, 0.5), abs=1e-4)


def test_invalid_outcomes_are_left_out_and_nothing_is_random() -> None:
    outcomes, words_a, words_b = simulated(5, 100, 0.5, 1.0, 5)
    found = length_controlled(outcomes, words_a, words_b)
    assert length_controlled([*outcomes, "invalid"], [*words_a, 1], [*words_b, 900]) == found
    assert length_controlled(outcomes, words_a, words_b) == found


def test_each_dialogue_has_its_words() -> None:
    with pytest.raises(ValueError, match="shorter"):
        length_controlled(["a", "b"], [1, 2], [1])
    with pytest.raises(ValueError, match="shorter"):
        prefers_longer(["a", "b"], [1, 2], [1])


rows = st.lists(
    st.tuples(st.sampled_from(["a", "b", "tie", "invalid"]), st.integers(0, 120), st.integers(0, 120)),
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(rows)
def test_any_input_is_taken_and_turned_round_it_is_mirrored(found: list[tuple[Winner, int, int]]) -> None:
    outcomes, words_a, words_b = ([row[i] for row in found] for i in range(3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = length_controlled(outcomes, words_a, words_b)  # type: ignore[arg-type]
        other = length_controlled([MIRRORED[w] for w in outcomes], words_b, words_a)  # type: ignore[index, arg-type]
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert 0 <= one.low <= one.high <= 1
        assert 0 < one.win_rate_b < 1
        assert one.win_rate_b == pytest.approx(1 - other.win_rate_b, abs=1e-3)
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=5e-3)
        assert one.coefficient == pytest.approx(other.coefficient, abs=2e-2)


def test_the_longer_one_is_counted_where_there_is_one_and_somebody_won() -> None:
    outcomes: list[Winner] = ["b", "a", "b", "a", "tie", "invalid", "b"]
    assert prefers_longer(outcomes, [3, 9, 8, 2, 1, 1, 5], [7, 2, 4, 6, 9, 9, 5]) == (2, 4)
    assert prefers_longer([], [], []) == (0, 0)


@given(rows)
def test_the_longer_one_is_the_longer_one_from_both_sides(found: list[tuple[Winner, int, int]]) -> None:
    outcomes, words_a, words_b = ([row[i] for row in found] for i in range(3))
    longer, of = prefers_longer(outcomes, words_a, words_b)  # type: ignore[arg-type]
    turned = [MIRRORED[winner] for winner in outcomes]  # type: ignore[index]
    assert prefers_longer(turned, words_b, words_a) == (longer, of)  # type: ignore[arg-type]
    assert 0 <= longer <= of <= len(found)
