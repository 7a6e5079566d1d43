"""One model of position, length and strength: known effects are found again."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.api import GLM, families

from benchmarks.statistics import judge_statistics
from core.domain.evaluation.bias_models import BiasEffect
from core.domain.evaluation.verdicts import Order
from core.judging.metrics.judge_quality import bias_model
from core.judging.metrics.judge_quality.bias_model import Fitted, Ruled

BOTH: tuple[Order, ...] = ("ab", "ba")
ONE: tuple[Order, ...] = ("ab",)


def effects(fitted: Fitted) -> dict[tuple[str, str | None], BiasEffect]:
    return {(effect.kind, effect.responder): effect for effect in fitted.effects}


def test_known_effects_are_found_in_both_orders() -> None:
    found = judge_statistics.bias_model_coverage(16, BOTH, n=120)
    assert found.keys() >= {"position", "length", "strength of base", "strength of y"}
    for error, _ in found.values():
        assert abs(error) < 0.15
    assert np.mean([covered for _, covered in found.values()]) > 0.85


def test_in_one_order_only_the_effect_of_length_is_estimated() -> None:
    found = judge_statistics.bias_model_coverage(8, ONE)
    assert found.keys() == {"length"}
    assert abs(found["length"][0]) < 0.4


def test_without_a_position_strengths_are_known_in_one_order() -> None:
    """A judge that scores each response by itself."""
    made = judge_statistics.biased_comparisons(np.random.default_rng(1), 300, ONE)
    found = effects(bias_model.fit(made, placed=False))
    assert found["position", None].log_odds is None
    # The first place, which the judge likes, is the base's.
    value = found["strength", "base"].log_odds
    assert value is not None
    assert value > 0


def test_it_is_a_logistic_regression() -> None:
    """Of two responders, with half a win more for each side in each of two orders."""
    draw = np.random.default_rng(2)
    words = draw.integers(5, 60, (200, 2))
    named = draw.random((200, 2)) < 0.6
    ruled = [
        Ruled(f"d{i}", [("ab", "a" if one[0] else "b"), ("ba", "b" if one[1] else "a")], (int(a), int(b)))
        for i, (one, (a, b)) in enumerate(zip(named, words, strict=True))
    ]
    found = effects(bias_model.fit({("a", "b"): ruled}))
    more = (words[:, 0] - words[:, 1]).astype(float)
    x = np.tanh(np.concatenate([more, -more]) / np.concatenate([more, -more]).std())
    # Position, length, and half the difference of both strengths.
    design = np.column_stack([np.ones(400), x, np.repeat([1.0, -1.0], 200)])
    extra = np.repeat([design[:200].mean(axis=0), design[200:].mean(axis=0)], 2, axis=0)
    fitted = GLM(
        np.concatenate([named[:, 0], named[:, 1], [0, 1, 0, 1]]).astype(float),
        np.vstack([design, extra]),
        family=families.Binomial(),
        freq_weights=np.array([1.0] * 400 + [0.25] * 4),
    ).fit()
    assert found["position", None].log_odds == pytest.approx(fitted.params[0], abs=1e-6)
    assert found["length", None].log_odds == pytest.approx(fitted.params[1], abs=1e-6)
    assert found["strength", "a"].log_odds == pytest.approx(fitted.params[2] / 2, abs=1e-6)
    assert found["strength", "b"].log_odds == pytest.approx(-fitted.params[2] / 2, abs=1e-6)


def test_copies_of_a_verdict_do_not_make_it_more_certain() -> None:
    made = judge_statistics.biased_comparisons(np.random.default_rng(3), 120, BOTH)
    copied = {
        sides: [Ruled(one.dialogue, [*one.verdicts] * 5, one.words) for one in own]
        for sides, own in made.items()
    }
    once, often = effects(bias_model.fit(made)), effects(bias_model.fit(copied))
    for key, effect in once.items():
        again = often[key]
        assert effect.high is not None
        assert effect.low is not None
        assert again.high is not None
        assert again.low is not None
        assert again.high - again.low == pytest.approx(effect.high - effect.low, rel=0.1)


def test_an_undefeated_responder_and_groups() -> None:
    def won(a: str, b: str) -> dict[tuple[str, str], list[Ruled]]:
        return {(a, b): [Ruled(f"d{i}", [("ab", "b"), ("ba", "b")], (10, 7 + i % 7)) for i in range(60)]}

    found = effects(bias_model.fit(won("a", "b") | won("c", "d")))
    for name, group in (("a", 0), ("b", 0), ("c", 1), ("d", 1)):
        effect = found["strength", name]
        assert effect.group == group
        assert effect.log_odds is not None
        assert 1 < abs(effect.log_odds) < 5
    # Where b is always longer by the same, it is not known whether it is length or strength.
    same = [Ruled(f"d{i}", [("ab", "b"), ("ba", "b")], (10, 12)) for i in range(60)]
    apart = effects(bias_model.fit({("a", "b"): same}))
    assert apart["length", None].log_odds is None
    assert apart["strength", "b"].log_odds is None
    assert apart["position", None].log_odds == pytest.approx(0, abs=1e-6)
    few = bias_model.fit({("a", "b"): [Ruled("d", [("ab", "b"), ("ba", "invalid")], None)] * 3})
    assert (few.dialogues, few.verdicts, few.effects) == (1, 3, ())
