"""95 % intervals of shares and means, over dialogues.

All are Wilson's score interval ("Probable inference, the law of succession, and statistical inference", JASA
22, 1927), whose ends stay within 0 and 1. The number of dialogues is replaced by the effective sample size
p(1 − p) / Var(p) and the normal quantile by Student's, after Franco, Little, Louis and Slud, "Comparative
study of confidence intervals for proportions in complex sample surveys", Journal of Survey Statistics and
Methodology 7, 2019.
`python -m benchmarks.statistics` prints how often these intervals cover the truth.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EFFECTIVE = "Wilson 95 %, effective sample size"

#: The confidence of an interval's ends, of one and of both.
_ONE_SIDED, _TWO_SIDED = 0.95, 0.975


@dataclass(frozen=True)
class ShareInterval:
    """A share or a mean, with its interval."""

    share: float
    """From 0 to 1."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""
    method: str
    """The interval's name."""


@dataclass(frozen=True)
class Bounds:
    """The win rates that invalid dialogues could lead to, from 0 to 1.

    `ci_low` and `ci_high` are the ends of an Imbens–Manski interval: it covers the win rate over all
    dialogues in 95 % of cases, wherever between the bounds it is.
    """

    low: float
    """If a won all of them."""
    high: float
    """If b won all of them."""
    ci_low: float
    """The lower end of the interval."""
    ci_high: float
    """The upper end of the interval."""


def of_mean(scores: Sequence[float] | Floats) -> ShareInterval:
    """The mean of scores from 0 to 1, one for each dialogue. Raises `ValueError` if there are none."""
    import numpy as np

    return of_ratio(np.asarray(scores, dtype=np.float64), np.ones(len(scores)))


def of_ratio(sums: Sequence[float] | Floats, counts: Sequence[float] | Floats) -> ShareInterval:
    """The share sum(sums) / sum(counts), with one sum and one count (above 0) for each dialogue.

    Raises `ValueError` if there are no dialogues.
    """
    import numpy as np

    x, n = np.asarray(sums, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if not len(x):
        raise ValueError("no dialogues")
    share = float(x.sum() / n.sum())
    return ShareInterval(share, *_ends(share, _effective(x, n), _quantile(_TWO_SIDED, len(x))), EFFECTIVE)


def of_variance(share: float, variance: float, freedom: int, smoothed: float | None = None) -> ShareInterval:
    """An estimate of a share with its variance, from Student's quantile with so many degrees of freedom.

    The effective sample size is p(1 − p) / variance with p the `smoothed` share, which is not 0 or 1; by
    default the share itself. A variance of 0 gives an interval without width.
    """
    if variance <= 0:
        return ShareInterval(share, share, share, EFFECTIVE)
    middle = share if smoothed is None else smoothed
    ends = _ends(share, middle * (1 - middle) / variance, _quantile(_TWO_SIDED, freedom + 1))
    return ShareInterval(share, *ends, EFFECTIVE)


def bounds(valid: Sequence[float], invalid: int) -> Bounds | None:
    """The bounds of a win rate by scores of valid dialogues and the number of invalid ones; None without any.

    After Imbens and Manski, "Confidence intervals for partially identified parameters", Econometrica 72,
    2004: one-sided ends where the bounds are far apart, two-sided ones where they meet. Both are ends of
    Wilson's interval here.
    """
    if not invalid:
        return None
    import numpy as np
    from scipy.special import stdtr

    worst = np.concatenate([np.asarray(valid, dtype=np.float64), np.zeros(invalid)])
    best = np.concatenate([np.asarray(valid, dtype=np.float64), np.ones(invalid)])
    n = len(worst)
    low, high = float(worst.mean()), float(best.mean())
    sizes = _effective(worst, np.ones(n)), _effective(best, np.ones(n))
    error = max(math.sqrt(share * (1 - share) / size) for share, size in zip((low, high), sizes, strict=True))
    freedom = max(1, n - 1)
    apart = (high - low) / error if error else math.inf

    def miss(quantile: float) -> float:
        return float(stdtr(freedom, quantile + apart) - stdtr(freedom, -quantile)) - _ONE_SIDED

    narrow, wide = _quantile(_ONE_SIDED, n), _quantile(_TWO_SIDED, n)
    if miss(narrow) >= 0:
        quantile = narrow
    else:
        from scipy.optimize import brentq

        quantile = float(brentq(miss, narrow, wide))
    return Bounds(low, high, _ends(low, sizes[0], quantile)[0], _ends(high, sizes[1], quantile)[1])


def _effective(sums: Floats, counts: Floats) -> float:
    """The effective sample size: of how many independent trials the share would be as certain.

    The variance is estimated as if a dialogue more had been won and one more had been lost. Without that,
    dialogues that are all won, but for one tie, would seem more certain than dialogues that are all won.
    """
    import numpy as np

    one = counts.mean()
    x, n = np.append(sums, (0.0, one)), np.append(counts, (one, one))
    m = len(x)
    share = x.sum() / n.sum()
    spread = m / (m - 1) * ((x - share * n) ** 2).sum() / n.sum() ** 2 * m
    return float(len(sums) * share * (1 - share) / spread)


def _quantile(confidence: float, n: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(max(1, n - 1), confidence))


def _ends(share: float, n: float, quantile: float) -> tuple[float, float]:
    """Both ends of Wilson's interval."""
    squared = quantile**2 / n
    middle = (share + squared / 2) / (1 + squared)
    half_width = quantile / (1 + squared) * math.sqrt(max(0.0, share * (1 - share)) / n + squared / (4 * n))
    return max(0.0, min(share, middle - half_width)), min(1.0, max(share, middle + half_width))
