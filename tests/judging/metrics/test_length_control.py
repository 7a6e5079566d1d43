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

from benchmarks.statistics.win_rate_statistics import length_biased
from core.judging.metrics.length_control import length_controlled


def simulated(
    seed: int, dialogues: int, better: float, longer: float, more: float
) -> tuple[list[float | None], list[int], list[int]]:
    """A judge that is asked twice: its log-odds of b are `better` + `longer` × tanh of the standardised
    difference in words. b has `more` words on average."""
    draw = random.Random(seed)
    words_a = [draw.randint(15, 45) for _ in range(dialogues)]
    words_b = [max(1, round(words + draw.gauss(more, 15))) for words in words_a]
    difference = np.subtract(words_b, words_a)
    scores: list[float | None] = []
    for tanh in np.tanh(difference / difference.std()):
        chance = 1 / (1 + math.exp(-better - longer * tanh))
        wins = (draw.random() < chance) + (draw.random() < chance)
        scores.append(wins / 2)
    return scores, words_a, words_b


def test_without_the_liking_for_length_the_rate_is_the_known_one() -> None:
    held = []
    for better, longer, more in ((0.4, 1.2, 10), (-0.3, 1.5, 12), (0.0, 2.0, 15), (0.8, -1.0, 8)):
        fair = 1 / (1 + math.exp(-better))
        for seed in range(5):
            scores, words_a, words_b = simulated(seed, 250, better, longer, more)
            found = length_controlled(scores, words_a, words_b)
            assert found is not None
            held.append(found.low <= fair <= found.high)
            assert math.copysign(1, found.coefficient) == math.copysign(1, longer)
            raw = sum(score or 0 for score in scores) / len(scores)
            assert abs(found.win_rate_b - fair) < abs(raw - fair)
    # Of 20 intervals of 95 % fewer hold it by chance once in three thousand times.
    assert sum(held) >= 15


def test_statsmodels_agrees_where_data_is_plenty() -> None:
    scores, words_a, words_b = simulated(7, 4000, 0.4, 1.2, 10)
    found = length_controlled(scores, words_a, words_b)
    assert found is not None
    difference = np.subtract(words_b, words_a)
    exogenous = add_constant(np.tanh(difference / difference.std()))
    fitted = GLM(scores, exogenous, family=Binomial()).fit(cov_type="HC0")
    intercept, coefficient = fitted.params
    assert found.win_rate_b == pytest.approx(1 / (1 + math.exp(-intercept)), abs=1e-6)
    assert found.coefficient == pytest.approx(coefficient, abs=1e-5)
    # With so many dialogues its robust standard error is about the same.
    reach = norm.ppf(0.975) * fitted.bse[0]
    assert found.low == pytest.approx(1 / (1 + math.exp(-intercept + reach)), abs=1e-3)
    assert found.high == pytest.approx(1 / (1 + math.exp(-intercept - reach)), abs=1e-3)


def test_it_parts_from_the_raw_rate_when_length_wins() -> None:
    scores, words_a, words_b = simulated(3, 250, -0.3, 1.5, 15)
    found = length_controlled(scores, words_a, words_b)
    assert found is not None
    raw = sum(score or 0 for score in scores) / 250
    assert raw > 0.55
    assert found.difference == pytest.approx(found.win_rate_b - raw)
    assert found.difference_low < found.difference < found.difference_high < 0
    assert found.win_rate_b < 0.5
    assert found.differs
    same = length_controlled(*simulated(4, 250, 0.4, 0.0, 0))
    assert same is not None
    assert not same.differs


def test_rates_on_different_sides_of_one_half_part_however_close() -> None:
    # b wins 51 % of all, as long as it is longer more often than not.
    scores: list[float] = []
    words_b: list[int] = []
    for words, wins, of in ((10, 90, 200), (12, 374, 700), (8, 46, 100)):
        scores += [float(number < wins) for number in range(of)]
        words_b += [words] * of
    found = length_controlled(scores, [10] * len(scores), words_b)
    raw = sum(scores) / len(scores)
    assert found is not None
    assert 0.5 < raw < 0.52
    assert raw - 0.05 < found.win_rate_b < 0.5
    assert found.differs


def test_a_side_that_nearly_always_wins_may_win_all_in_the_interval() -> None:
    found = length_controlled([*99 * (1.0,), 0.0], [20] * 100, [20 + i % 7 for i in range(100)])
    assert found is not None
    assert found.low < found.win_rate_b < found.high
    assert found.high > 0.99


def test_lengths_that_hardly_overlap_do_not_pull_the_rate_to_the_raw_one() -> None:
    """With 3 % of b's responses not longer, a penalised fit was 67.2 on average for a true 62.2."""
    random = np.random.default_rng(11)
    fair = 1 / (1 + math.exp(-0.5))
    found, raw = [], []
    for _ in range(200):
        scores, *words = length_biased(random, 250, 1.88, better=0.5, longer=0.6)
        one = length_controlled(scores, *words)
        assert one is not None
        assert 0 < one.overlap < 0.08
        found.append(one)
        raw.append(sum(scores) / len(scores))
    assert sum(raw) / len(raw) > 0.7
    assert fair == pytest.approx(0.622, abs=1e-3)
    assert sum(one.win_rate_b for one in found) / len(found) == pytest.approx(fair, abs=0.015)
    assert sum(one.low <= fair <= one.high for one in found) >= 184


def test_the_overlap_is_the_share_of_the_dialogues_where_the_longer_side_is_not_longer() -> None:
    words_b = [30] * 18 + [20] * 2 + [10] * 4
    found = length_controlled([1.0, 0.5, 0.0] * 8, [20] * 24, words_b)
    turned = length_controlled([1.0, 0.5, 0.0] * 8, words_b, [20] * 24)
    assert found is not None
    assert turned is not None
    assert found.overlap == turned.overlap == pytest.approx(6 / 24)


@pytest.mark.parametrize(
    ("scores", "words_a", "words_b"),
    [
        ([], [], []),
        ([1.0], [3], [4]),
        ([1.0, 0.0] * 5, list(range(10)), [4] * 10),
        ([1.0] * 50, list(range(50)), [4] * 50),
        ([0.0] * 50, list(range(50)), [4] * 50),
        ([0.5] * 50, list(range(50)), [4] * 50),
        ([None] * 50, list(range(50)), [4] * 50),
        ([0.0, 1.0] * 25, [7] * 50, [9] * 50),
        ([0.0, 1.0] * 9 + [None] * 40, list(range(58)), [9] * 58),
        # A length that parts wins from losses.
        ([0.0] * 25 + [1.0] * 25, [20] * 50, list(range(50))),
        ([1.0] * 25 + [0.5] + [0.0] * 25, [20] * 51, list(range(51))),
    ],
)
def test_what_cannot_be_estimated_is_none(
    scores: list[float | None], words_a: list[int], words_b: list[int]
) -> None:
    assert length_controlled(scores, words_a, words_b) is None


def test_invalid_dialogues_are_left_out_and_nothing_is_random() -> None:
    scores, words_a, words_b = simulated(5, 100, 0.5, 1.0, 5)
    found = length_controlled(scores, words_a, words_b)
    assert length_controlled([*scores, None], [*words_a, 1], [*words_b, 900]) == found
    assert length_controlled(scores, words_a, words_b) == found


def test_each_dialogue_has_its_words() -> None:
    with pytest.raises(ValueError, match="shorter"):
        length_controlled([0.0, 1.0], [1, 2], [1])


rows = st.lists(
    st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, None]), st.integers(0, 120), st.integers(0, 120)),
    max_size=60,
)


@settings(max_examples=25, deadline=None)
@given(rows)
def test_any_input_is_taken_and_turned_round_it_is_mirrored(
    found: list[tuple[float | None, int, int]],
) -> None:
    scores, words_a, words_b = [s for s, *_ in found], [a for _, a, _ in found], [b for *_, b in found]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = length_controlled(scores, words_a, words_b)
        other = length_controlled([None if s is None else 1 - s for s in scores], words_b, words_a)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert 0 <= one.low <= one.high <= 1
        assert one.win_rate_b == pytest.approx(1 - other.win_rate_b, abs=1e-4)
        assert (one.low, one.high) == pytest.approx((1 - other.high, 1 - other.low), abs=1e-4)
        assert one.difference_low == pytest.approx(-other.difference_high, abs=1e-4)
