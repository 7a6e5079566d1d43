"""Judging until it is decided who is better: a betting e-process and its confidence sequence.

Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", arXiv 2010.09686, hedged
grid Kelly: for each candidate mean m, a gambler bets fixed fractions of the wealth on scores above m, another
on scores below it. The mean over all their wealths is an e-process: if m is the true mean it is at least 1/α,
at any time, with a probability of at most α. The means with less wealth are the confidence sequence, which
covers the true mean at all times together, so that judging may stop at any of them.

The package `confseq` has it too, but builds C++ and requires Matplotlib and pandas.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from core.domain.evaluation.win_rates import ALPHA
from core.judging.metrics.inference.intervals import Bounds, ShareInterval

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

INTERVAL = "betting confidence sequence 95 %, anytime-valid"
TEST = "betting e-process"
#: The seed of the order in which dialogues are judged: the same for all comparisons, which then share most of
#: their dialogues.
SEED = 42

#: The fractions of their wealth that gamblers bet.
_FRACTIONS = tuple(number / 21 for number in range(1, 21))
#: Candidate means between 0 and 1.
_CANDIDATES = 999


def in_order(dialog_ids: Iterable[str], seed: int = SEED) -> list[str]:
    """The dialogues in the random order in which they are judged; it follows from the seed alone."""
    return sorted(dialog_ids, key=lambda name: hashlib.sha256(f"{seed}\0{name}".encode()).digest())


def e_values(scores: Sequence[float]) -> list[float]:
    """The wealth against a mean of ½ after each score."""
    import numpy as np

    return [float(value) for value in np.exp(_log_wealth(np.asarray(scores, dtype=np.float64), 0.5))]


def is_decided(scores: Sequence[float]) -> bool:
    """Whether ½ was ever outside the confidence sequence."""
    return any(value >= 1 / ALPHA for value in e_values(scores))


def p_value(scores: Sequence[float]) -> float:
    """The anytime-valid p-value of a mean of ½."""
    # Before the first score the wealth is 1.
    return 1 / max([1.0, *e_values(scores)])


def confidence_sequence(scores: Sequence[float]) -> list[tuple[float, float]]:
    """The interval after each score; each lies within the one before it.

    Ends are on a grid, rounded outwards.
    """
    import numpy as np

    means = np.arange(1, _CANDIDATES + 1) / (_CANDIDATES + 1)
    fractions = np.array(_FRACTIONS)[:, None]
    above, below = (np.ones((len(_FRACTIONS), _CANDIDATES)) for _ in range(2))
    low, high = 0.0, 1.0
    found = []
    for score in scores:
        # What is too large for a float is infinite, which is as decided.
        with np.errstate(over="ignore"):
            above *= 1 + fractions * (score / means - 1)
            below *= 1 + fractions * ((1 - score) / (1 - means) - 1)
            wealth = (above.mean(axis=0) + below.mean(axis=0)) / 2
        inside = np.flatnonzero(wealth < 1 / ALPHA)
        if len(inside):
            first, last = int(inside[0]), int(inside[-1])
            new_low = max(low, float(means[first - 1]) if first else 0.0)
            new_high = min(high, float(means[last + 1]) if last + 1 < _CANDIDATES else 1.0)
            # Sequences that have left each other, which is as rare as a miss, keep the last interval.
            if new_low < new_high:
                low, high = new_low, new_high
        found.append((low, high))
    return found


def estimate(scores: Sequence[float]) -> ShareInterval:
    """The mean of the scores with the newest interval. Raises `ValueError` if there are none."""
    if not scores:
        raise ValueError("no dialogues")
    low, high = confidence_sequence(scores)[-1]
    return ShareInterval(sum(scores) / len(scores), low, high, INTERVAL)


def bounds(found: Sequence[float | None]) -> Bounds | None:
    """The means if a, or b, had won the invalid dialogues, None among `found`, with the outer ends of both
    confidence sequences; None if none is invalid."""
    if None not in found:
        return None
    worst, best = (estimate([value if score is None else score for score in found]) for value in (0.0, 1.0))
    return Bounds(worst.share, best.share, worst.low, best.high)


def _log_wealth(scores: Floats, mean: float) -> Floats:
    """The log of the wealth against one candidate mean after each score."""
    import numpy as np

    fractions = np.array(_FRACTIONS)[:, None]
    above = np.log1p(fractions * (scores / mean - 1)).cumsum(axis=1)
    below = np.log1p(fractions * ((1 - scores) / (1 - mean) - 1)).cumsum(axis=1)
    found: Floats = np.logaddexp(_log_mean(above), _log_mean(below)) - math.log(2)
    return found


def _log_mean(logs: Floats) -> Floats:
    """The log of the mean of the exponentials over the first axis."""
    import numpy as np

    found: Floats = np.logaddexp.reduce(logs, axis=0) - math.log(len(logs))
    return found
