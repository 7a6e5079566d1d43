"""Win rates and significance tests, from the scores of dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from core.judging.metrics import scores
from core.judging.metrics.inference import bootstrap, intervals
from core.judging.metrics.inference.intervals import Bounds, ShareInterval

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

SIGN_TEST = "exact sign test"
SIGN_FLIP_TEST = "sign-flip permutation test"

#: Differences are put on a grid of the first of these fractions that fits all of them.
_FRACTIONS = (2, 4, 8, 12, 24, 120, 720, 5040)
#: Points of the largest grid that is used.
_MAX_POINTS = 32_000


@dataclass(frozen=True)
class ScoreCounts:
    """The scores of a comparison."""

    n: int
    """Dialogues, those without a score included."""
    wins_a: int
    """Scores below ½."""
    wins_b: int
    """Scores above ½."""
    ties: int
    """Scores of ½."""
    invalid: int
    """Dialogues without a score."""
    rate: ShareInterval | None
    """The mean score of b over valid dialogues; None if there are none."""
    bounds: Bounds | None
    """The rates that invalid dialogues could lead to; None if there are none."""
    bootstrap_low: float | None
    """The lower end of a percentile interval from resampled dialogues; None unless dialogues were judged more
    than once."""
    bootstrap_high: float | None
    """The upper end of that interval; None with it."""


@dataclass(frozen=True)
class Test:
    """A test's result."""

    p: float
    """The two-sided p-value."""
    name: str
    """The name of the test."""


def win_rate(found: Sequence[float | None], *, with_bootstrap: bool = False) -> ScoreCounts:
    """The win rate of b from the score of each dialogue, None for an invalid one.

    Invalid dialogues are missing: the rate and its interval are those of the valid ones, and the bounds show
    what the invalid ones could change. The interval is Wilson's with the effective sample size, also where
    each dialogue was judged once: Wilson's of so many trials covers less than 93 % near the edges.
    Raises `ValueError` if there are no dialogues.
    """
    if not found:
        raise ValueError("no dialogues")
    valid = [score for score in found if score is not None]
    winners = [scores.winner(score) for score in found]
    counts = len(found), winners.count("a"), winners.count("b"), winners.count("tie"), len(found) - len(valid)
    limits = intervals.bounds(valid, counts[-1])
    if not valid:
        return ScoreCounts(*counts, None, limits, None, None)
    rate = intervals.of_mean(valid)
    low, high = _bootstrap(valid) if with_bootstrap else (None, None)
    return ScoreCounts(*counts, rate, limits, low, high)


@cache
def sign_test(better_a: int, better_b: int) -> float:
    """The two-sided p-value of the exact sign test without ties; 1 if all are ties."""
    # scipy.stats, which has the test, takes most of a second to import.
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(better_a, better_b), better_a + better_b, 0.5)))


def even_test(valid: Sequence[float]) -> Test:
    """Whether a win rate differs from ½, from the scores of valid dialogues.

    If b won or lost each dialogue outright, or tied, this is the exact sign test of wins against losses;
    otherwise the sign-flip test of the scores minus ½, of which the sign test is a special case.
    """
    if set(valid) <= {0.0, 0.5, 1.0}:
        return Test(sign_test(valid.count(0.0), valid.count(1.0)), SIGN_TEST)
    return Test(sign_flip_test([score - 0.5 for score in valid]), SIGN_FLIP_TEST)


def sign_flip_test(differences: Sequence[float] | Floats) -> float:
    """The two-sided p-value of the sign-flip permutation test of a mean of 0; 1 if all differences are 0.

    The share of all ways to flip the signs of the differences whose sum is at least as far from 0 (Fisher,
    "The design of experiments", 1935, section 21). It is exact: the distribution of the sum is the product of
    the characteristic functions of each ±d. Differences must be fractions with a small denominator, as
    those of scores are; others are rounded to a grid.
    """
    import numpy as np

    return sign_flip_tests(np.asarray(differences, dtype=np.float64)[np.newaxis])[0]


def sign_flip_tests(differences: Floats) -> list[float]:
    """The p-values of the sign-flip tests of many means of 0, each of a row of differences."""
    import numpy as np

    sizes = np.abs(differences)
    sizes[sizes <= 1e-9] = 0.0
    units = _grids(sizes)
    whole = np.rint(sizes * units[:, np.newaxis]).astype(np.int_)
    observed = np.rint(np.abs(differences.sum(axis=1)) * units).astype(np.int_).tolist()
    # Many rows have the same sizes, in another order or with other signs.
    by_sizes: dict[tuple[int, ...], list[int]] = {}
    for row, found in enumerate(whole):
        by_sizes.setdefault(tuple(np.bincount(found).tolist())[1:], []).append(row)
    ps = [1.0] * len(whole)
    for counts, rows in by_sizes.items():
        for row in rows:
            if counts and (far := observed[row]):
                # No p-value is smaller than that of the two ways in which all signs agree.
                smallest = 2.0 ** (1 - sum(counts))
                ps[row] = min(1.0, max(2 * float(_sum_of_flips(counts)[far:].sum()), smallest))
    return ps


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values with Holm's correction for multiple tests ("A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979)."""
    # Implemented here because statsmodels takes a second to import; a test compares the two.
    corrected, previous = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        previous = max(previous, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = previous
    return corrected


@lru_cache(maxsize=256)
def _sum_of_flips(counts: tuple[int, ...]) -> Floats:
    """The probability of each sum, from 0 on, of `counts` times ±1, ±2, … with random signs."""
    import numpy as np

    max_sum = sum(value * count for value, count in enumerate(counts, start=1))
    # A power of two makes the transform fast.
    points = 1 << (2 * max_sum + 1).bit_length()
    angles = 2 * np.pi / points * np.arange(points // 2 + 1)
    transform = np.ones(len(angles))
    for value, count in enumerate(counts, start=1):
        if count:
            transform *= np.cos(value * angles) ** count
    chances: Floats = np.fft.irfft(transform, points)[: max_sum + 1]
    return chances


def _grids(sizes: Floats) -> Floats:
    """For each row of sizes, the whole number that 1 is on its grid."""
    import numpy as np

    units = np.full(len(sizes), float(_FRACTIONS[-1]))
    open_rows = np.arange(len(sizes))
    for unit in _FRACTIONS[:-1]:
        parts = sizes[open_rows] * unit
        fits = np.abs(parts - np.rint(parts)).max(axis=1, initial=0.0) < 1e-6
        units[open_rows[fits]] = unit
        open_rows = open_rows[~fits]
    largest = np.floor(_MAX_POINTS / 2 / np.maximum(sizes.sum(axis=1), 1e-9))
    found: Floats = np.clip(units, 2.0, np.maximum(2.0, largest))
    return found


def _bootstrap(valid: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """A percentile interval of the mean, reproducible; None if all scores are equal."""
    import numpy as np

    if len(set(valid)) < 2:
        return None, None
    return bootstrap.share_interval(np.array(valid), np.ones(len(valid)))
