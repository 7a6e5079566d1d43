"""A judge's biases: what is counted, and intervals clustered by dialogue."""

from __future__ import annotations

import random

import pytest

from core.domain.evaluation.verdicts import Order, Winner
from core.judging.metrics import scores
from core.judging.metrics.inference import statistics
from core.judging.metrics.judge_quality.judge_bias import BiasCounts, counts, judge_bias

Answers = list[tuple[Order, Winner]]


def bias(*found: Answers, words: tuple[int, int] | None = None) -> BiasCounts:
    return sum(
        (counts(verdicts, words, placed=True, identical=False) for verdicts in found), start=BiasCounts()
    )


def test_what_orders_show_of_a_judge() -> None:
    always_first: list[Answers] = [[("ab", "a"), ("ba", "b")]] * 4
    steady: list[Answers] = [[("ab", "b"), ("ba", "b")]] * 4
    half_invalid: list[Answers] = [[("ab", "a"), ("ba", "invalid")]] * 2
    each = [bias(one) for one in (*always_first, *steady, *half_invalid)]
    found = judge_bias(each)
    assert found.prefers_first is not None
    assert found.flip_rate is not None
    # First: all eight of the first four, one of two of each steady pair, both of the last.
    assert found.prefers_first.share == pytest.approx((8 + 4 + 2) / 18)
    assert (found.placed, found.paired) == (18, 8)
    assert found.flip_rate.share == 0.5
    assert found.flip_rate.low < 0.5 < found.flip_rate.high
    nothing = judge_bias([])
    assert (nothing.prefers_first, nothing.placed, nothing.flip_rate, nothing.paired) == (None, 0, None, 0)


def test_identical_texts_cannot_flip() -> None:
    """50 of 50 pairs that flip showed 20 % beside 200 identical ones."""
    flips: Answers = [("ab", "a"), ("ba", "b")]
    ties: Answers = [("ab", "tie"), ("ba", "tie")]
    asked = [counts(flips, (3, 3), placed=True, identical=False)] * 50
    same = [counts(ties, (3, 3), placed=True, identical=True)] * 200
    found = judge_bias([*asked, *same])
    assert found.flip_rate is not None
    assert (found.flip_rate.share, found.paired) == (1.0, 50)


def test_repeats_estimate_the_same_flip_rate() -> None:
    draw = random.Random(9)
    rates = {}
    for repeats in (1, 5):
        each = [
            bias(
                [
                    (order, "b" if draw.random() < 0.7 else "a")
                    for order in ("ab", "ba")
                    for _ in range(repeats)
                ]
            )
            for _ in range(2000)
        ]
        found = judge_bias(each).flip_rate
        assert found is not None
        rates[repeats] = found
    # Two verdicts disagree with probability 2 × 0.7 × 0.3; two majorities of five would in 27 %.
    for rate in rates.values():
        assert rate.share == pytest.approx(0.42, abs=0.03)
        assert rate.low < 0.42 < rate.high


def test_the_longer_one_is_counted_over_verdicts() -> None:
    """Over dialogues on which both orders agree it showed 62 to 84 % where the true share was 57 to 69 %."""
    draw = random.Random(10)
    each, agreed = [], []
    for _ in range(3000):
        verdicts: Answers = [(order, "b" if draw.random() < 0.64 else "a") for order in ("ab", "ba")]
        each.append(bias(verdicts, words=(10, 20)))
        if scores.outcome(verdicts) != "tie":
            agreed.append(scores.outcome(verdicts) == "b")
    found = judge_bias(each)
    assert found.prefers_longer is not None
    assert found.lengths == 6000
    assert found.prefers_longer.low < 0.64 < found.prefers_longer.high
    assert sum(agreed) / len(agreed) > 0.7, "a share over agreeing orders is another one"
    # What has no winner, or no longer response, is not counted.
    assert bias([("ab", "tie"), ("ba", "invalid"), ("ab", "a")], words=(9, 2)) == BiasCounts(1, 1, 0, 0, 1, 1)
    assert bias([("ab", "a")], words=(4, 4)).lengths == bias([("ab", "a")]).lengths == 0


def test_verdicts_of_one_dialogue_are_a_cluster() -> None:
    apart = [bias([("ab", "a" if i < 60 else "b")]) for i in range(100)]
    together = [sum(apart[i : i + 10], start=BiasCounts()) for i in range(0, 100, 10)]
    narrow, wide = judge_bias(apart).prefers_first, judge_bias(together).prefers_first
    assert narrow is not None
    assert wide is not None
    assert narrow.share == wide.share
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_where_the_order_cannot_matter_there_is_no_position_bias() -> None:
    found = judge_bias([counts([("ab", "b")], (2, 3), placed=False, identical=False)] * 4)
    assert (found.prefers_first, found.placed, found.paired, found.lengths) == (None, 0, 0, 4)


def test_a_judge_of_known_bias_is_recovered() -> None:
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
    found = judge_bias(bias(one) for one in verdicts).prefers_first
    assert found is not None
    assert found.low < 0.3 + 0.7 * 0.5 < found.high
    rate = statistics.win_rate([scores.score(one) for one in verdicts]).rate
    # Both orders together undo the bias up to what it hides: b's share shrinks towards a half.
    assert rate is not None
    assert rate.low < 0.5 + 0.2 * 0.7 < rate.high
