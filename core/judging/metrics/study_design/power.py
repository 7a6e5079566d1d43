"""How many dialogues show a difference. It needs no numpy, because the home screen uses it."""

from __future__ import annotations

import math
from statistics import NormalDist

from core.domain.evaluation.win_rates import ALPHA

#: The power of a plan that names none.
POWER = 0.8
#: The smallest fraction of p (1 − p) that a variance is taken to be.
MIN_FRACTION = 0.02

_quantile = NormalDist().inv_cdf


def dialogues(variance: float, detect: float, power: float) -> int:
    """Dialogues that show with this power that a win rate of ½ + `detect` differs from ½.

    `variance` is a fraction of p (1 − p). From the normal approximation, with as many more as the exact test
    needs because a win rate moves in steps.
    """
    even, real = 0.5, math.sqrt((0.5 + detect) * (0.5 - detect))
    quantiles = _quantile(1 - ALPHA / 2) * even + _quantile(power) * real
    return _in_steps(variance * (quantiles / detect) ** 2, detect)


def dialogues_paired(variance: float, shared: float, detect: float, power: float) -> int:
    """Dialogues that show that two win rates over the same baseline, near ½, differ by `detect`."""
    quantiles = _quantile(1 - ALPHA / 2) + _quantile(power)
    spread = max(MIN_FRACTION, 2 * variance - 2 * shared) / 4
    return _in_steps(spread * (quantiles / detect) ** 2, detect)


def detectable(variance: float, n: int, power: float) -> float | None:
    """The smallest difference from ½, in thousandths, that so many dialogues show; None if none does."""
    return next((step / 1000 for step in range(1, 500) if dialogues(variance, step / 1000, power) <= n), None)


def fraction_of_counts(wins_a: int, wins_b: int, ties: int) -> float:
    """The variance of dialogues' scores as a fraction of p (1 − p), where each is won, tied or lost.

    1 without ties; also where all scores are the same, since a variance of 0 would say that one dialogue is
    enough.
    """
    n = wins_a + wins_b + ties
    mean = (wins_b + ties / 2) / n if n else 0.0
    chance = mean * (1 - mean)
    if chance <= 0:
        return 1.0
    variance = (wins_b + ties / 4) / n - mean**2
    return max(MIN_FRACTION, variance / chance) if variance > 0 else 1.0


def _in_steps(n: float, detect: float) -> int:
    """With the correction for continuity (Fleiss, Levin and Paik, "Statistical methods for rates and
    proportions", 2003, section 2.3)."""
    return math.ceil(n / 4 * (1 + math.sqrt(1 + 2 / (n * detect))) ** 2)
