"""Length bias of a judge, and the length-controlled win rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from core.domain.verdicts import Winner
from core.judging import bootstrap
from core.judging.statistics import score

Floats = NDArray[np.float64]

#: Penalties (scikit-learn's C) for cross-validation; none is strong enough to hide a length bias.
_PENALTIES = (1.0, 10.0, 100.0)
#: With scikit-learn's default the third digit of the rate is wrong.
_TOLERANCE = 1e-6
_FOLDS = 5
#: Each resample needs one fit.
_RESAMPLES = 400
#: Minimum number of valid outcomes for a fit.
_MIN_OUTCOMES = 20
#: Minimum difference of the two rates that counts as different.
_MIN_DIFFERENCE = 0.05


@dataclass(frozen=True)
class LengthControlled:
    """The win rate of b at equal length of both responses, with a 95 % bootstrap interval.

    `coefficient` is that of tanh((words of b − words of a) / their standard deviation) in the log-odds of
    b's win. `parted` is whether this rate and the raw one differ: by more than 5 points or in the side of ½,
    with a 95 % bootstrap interval of the difference that excludes 0.
    """

    win_rate_b: float
    low: float
    high: float
    coefficient: float
    parted: bool


def length_controlled(
    outcomes: Sequence[Winner], words_a: Sequence[int], words_b: Sequence[int]
) -> LengthControlled | None:
    """The length-controlled win rate, from the outcome and both word counts of each dialogue.

    After Dubois, Galambosi, Liang and Hashimoto, "Length-controlled AlpacaEval" (2024), without its term
    for an instruction's difficulty: logistic regression of the verdict on the standardised difference of
    lengths, evaluated at no difference. The penalty of that one coefficient is chosen by cross-validation
    over dialogues. A tie is half a win and half a loss; invalid outcomes are left out. None if it cannot be
    estimated: too few outcomes, a side that never wins, or equal lengths in all dialogues.
    """
    valid = [
        (score(winner), b - a)
        for winner, a, b in zip(outcomes, words_a, words_b, strict=True)
        if winner != "invalid"
    ]
    if len(valid) < _MIN_OUTCOMES:
        return None
    scores, difference = np.array(valid, dtype=float).T
    if not 0 < scores.sum() < len(scores) or not difference.std():
        return None
    # Hundreds of tiny fits are faster in one thread.
    with threadpool_limits(1):
        return _controlled(np.tanh(difference / difference.std()), scores)


def _controlled(feature: Floats, scores: Floats) -> LengthControlled:
    penalty = _penalty(feature, scores)
    intercept, coefficient = _fit(feature, scores, penalty)
    rate = _sigmoid(intercept)
    draws = np.concatenate(list(bootstrap.weights(len(scores), _RESAMPLES)))
    drawn = np.array([_drawn(feature, scores, penalty, weights) for weights in draws])
    low, high = bootstrap.interval(drawn)
    raw = float(scores.mean())
    min_difference, max_difference = bootstrap.interval(drawn - draws @ scores / len(scores))
    is_large = abs(rate - raw) > _MIN_DIFFERENCE or (rate - 0.5) * (raw - 0.5) < 0
    parted = bool(is_large and (min_difference > 0 or max_difference < 0))
    return LengthControlled(rate, low, high, coefficient, parted)


def prefers_longer(
    outcomes: Sequence[Winner], words_a: Sequence[int], words_b: Sequence[int]
) -> tuple[int, int]:
    """(Wins of the longer response, dialogues with a winner and responses of different length)."""
    decided = [
        (winner == "b") == (b > a)
        for winner, a, b in zip(outcomes, words_a, words_b, strict=True)
        if winner in ("a", "b") and a != b
    ]
    return sum(decided), len(decided)


def _drawn(feature: Floats, scores: Floats, penalty: float, weights: NDArray[np.int_]) -> float:
    """The rate in a resample. If one side won everything, the raw rate: no odds can be fitted."""
    raw = float(np.average(scores, weights=weights))
    return _sigmoid(_fit(feature, scores, penalty, weights)[0]) if 0 < raw < 1 else raw


def _penalty(feature: Floats, scores: Floats) -> float:
    """The penalty with the smallest log-loss on held-out dialogues."""
    from sklearn.model_selection import KFold

    losses = dict.fromkeys(_PENALTIES, 0.0)
    for train, test in KFold(_FOLDS, shuffle=True, random_state=0).split(feature):
        if not 0 < scores[train].sum() < len(train):
            continue
        for penalty in _PENALTIES:
            intercept, coefficient = _fit(feature[train], scores[train], penalty)
            odds = intercept + coefficient * feature[test]
            losses[penalty] += float((np.logaddexp(0, odds) - scores[test] * odds).sum())
    return min(_PENALTIES, key=lambda penalty: losses[penalty])


def _fit(
    feature: Floats, scores: Floats, penalty: float, weights: NDArray[np.int_] | None = None
) -> tuple[float, float]:
    """Intercept and coefficient. Each dialogue counts as a win and a loss, weighted by its score."""
    from sklearn.linear_model import LogisticRegression

    once = np.ones(len(scores)) if weights is None else weights
    x = np.concatenate([feature, feature])[:, None]
    y = np.concatenate([np.ones(len(scores)), np.zeros(len(scores))])
    weight = np.concatenate([once * scores, once * (1 - scores)])
    kept = weight > 0
    model = LogisticRegression(C=penalty, tol=_TOLERANCE).fit(x[kept], y[kept], weight[kept])
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def _sigmoid(odds: float) -> float:
    return float(1 / (1 + np.exp(-odds)))
