"""The length-controlled win rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

#: Minimum number of valid dialogues for a fit.
_MIN_DIALOGUES = 20
#: Minimum difference of the two rates that counts as different.
_MIN_DIFFERENCE = 0.05
#: The largest leverage of a dialogue: one alone on its side of the lengths has all but 1.
_MAX_LEVERAGE = 0.999


@dataclass(frozen=True)
class LengthControlled:
    """The win rate of b at equal length of both responses, with 95 % intervals."""

    win_rate_b: float
    """The rate at equal length, from 0 to 1."""
    low: float
    """The lower end of its interval."""
    high: float
    """The upper end of its interval."""
    coefficient: float
    """Of tanh((words of b − words of a) / their standard deviation) in the log-odds of b's win."""
    difference: float
    """This rate minus the raw one."""
    difference_low: float
    """The lower end of the interval of the difference."""
    difference_high: float
    """The upper end of the interval of the difference."""
    differs: bool
    """Whether the two rates differ: by more than 5 points or in the side of ½, with an interval of the
    difference that excludes 0."""
    overlap: float
    """The share of dialogues in which the response that is mostly longer is not longer: the smaller it is,
    the more the rate is extrapolated."""


def length_controlled(
    scores: Sequence[float | None], words_a: Sequence[int], words_b: Sequence[int]
) -> LengthControlled | None:
    """The length-controlled win rate, from the score and both word counts of each dialogue.

    After Dubois, Galambosi, Liang and Hashimoto, "Length-controlled AlpacaEval" (2024), without its term
    for an instruction's difficulty: logistic regression of the score on the standardised difference of
    lengths, evaluated at no difference. Nothing is penalised. The intervals are Student's, on the scale of
    log-odds, by the sandwich estimator HC3 (MacKinnon and White, Journal of Econometrics 29, 1985). Invalid
    dialogues, whose score is None, are left out. None if the rate cannot be estimated: too few dialogues, the
    same score or the same difference of lengths in all of them, or lengths that separate wins from losses.
    """
    valid = [
        (score, b - a) for score, a, b in zip(scores, words_a, words_b, strict=True) if score is not None
    ]
    if len(valid) < _MIN_DIALOGUES:
        return None
    found, difference = np.array(valid, dtype=np.float64).T
    if not difference.std() or not found.std():
        return None
    feature = np.tanh(difference / difference.std())
    if _is_separated(feature, found):
        return None
    longer, shorter = int((difference > 0).sum()), int((difference < 0).sum())
    return _controlled(feature, found, 1 - max(longer, shorter) / len(found))


def _controlled(feature: Floats, scores: Floats, overlap: float) -> LengthControlled:
    from scipy.special import expit, stdtrit
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM

    n = len(scores)
    design = np.column_stack([np.ones(n), feature])
    fitted = GLM(scores, design, family=Binomial()).fit(tol=1e-10)
    intercept, coefficient = map(float, fitted.params)
    chance = expit(design @ fitted.params)
    spread = chance * (1 - chance)
    inverse = np.linalg.inv(design.T @ (design * spread[:, None]))
    leverage = np.minimum(spread * np.einsum("ni,ij,nj->n", design, inverse, design), _MAX_LEVERAGE)
    # The influence of each dialogue on the intercept, and on the difference of the two rates.
    of_intercept = (design @ inverse[:, 0]) * (scores - chance) / (1 - leverage)
    rate, raw = float(expit(intercept)), float(scores.mean())
    of_difference = rate * (1 - rate) * of_intercept - (scores - raw) / (n - 1)
    quantile = float(stdtrit(n - 2, 0.975))
    half_width = quantile * math.sqrt((of_intercept**2).sum())
    difference, difference_half_width = rate - raw, quantile * math.sqrt((of_difference**2).sum())
    is_large = abs(difference) > _MIN_DIFFERENCE or (rate - 0.5) * (raw - 0.5) < 0
    return LengthControlled(
        win_rate_b=rate,
        low=float(expit(intercept - half_width)),
        high=float(expit(intercept + half_width)),
        coefficient=coefficient,
        difference=difference,
        difference_low=difference - difference_half_width,
        difference_high=difference + difference_half_width,
        differs=bool(is_large and abs(difference) > difference_half_width),
        overlap=overlap,
    )


def _is_separated(feature: Floats, scores: Floats) -> bool:
    """Whether one length parts all wins from all losses; a coefficient would be infinite then."""
    won, lost = feature[scores > 0], feature[scores < 1]
    if not len(won) or not len(lost):
        return True
    return bool(won.min() >= lost.max() or lost.min() >= won.max())
