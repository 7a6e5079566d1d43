"""Win rates, their intervals, and what orders say of a judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from core.domain.verdicts import Order, Winner
from core.judging import bootstrap

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

WILSON = "Wilson 95 %"
CLUSTERED = "Student's t 95 %, clustered by dialogue"


@dataclass(frozen=True)
class OutcomeCounts:
    """How two responders fared over `n` dialogues.

    `win_rate_b` is (wins of b + half the ties) / n: a dialogue without a valid outcome is in n and
    is nobody's win. Where none has one, the rate and its intervals are None. `interval` names how `ci_low`
    and `ci_high` were found. The bootstrap over dialogues, a percentile interval, stands beside it where
    each was judged more than once.
    """

    n: int
    wins_a: int
    wins_b: int
    ties: int
    invalid: int
    win_rate_b: float | None
    ci_low: float | None
    ci_high: float | None
    interval: str | None
    bootstrap_low: float | None
    bootstrap_high: float | None


@dataclass(frozen=True)
class Paired:
    """Two responders on the same dialogues: in how many which one did better, b's mean score less a's, and
    the exact sign test's p."""

    better_a: int
    better_b: int
    difference: float
    p: float


@dataclass(frozen=True)
class Orders:
    """What the orders say of a judge.

    `prefers_first` is the share of `placed` valid verdicts with a winner that name the response shown
    first. `flip_rate` is the share of the `paired` dialogues with valid verdicts in both orders in which
    the orders disagree. None where there is nothing to count.
    """

    prefers_first: float | None
    placed: int
    flip_rate: float | None
    paired: int


def score(winner: Winner) -> float:
    """What an outcome is worth to b: a win 1, a tie ½. An invalid one is nobody's win."""
    return {"b": 1.0, "tie": 0.5}.get(winner, 0.0)


def outcome(verdicts: Sequence[tuple[Order, Winner]]) -> Winner:
    """One dialogue's outcome from its verdicts, each with the order it was shown in.

    Within an order the majority of the repeats counts; orders that disagree are a tie. A dialogue with
    an invalid verdict is invalid: what is left of it may only show a liking for a place.
    """
    if not verdicts or any(winner == "invalid" for _, winner in verdicts):
        return "invalid"
    found = {_majority([w for o, w in verdicts if o == order]) for order in {order for order, _ in verdicts}}
    return found.pop() if len(found) == 1 else "tie"


def win_rate(outcomes: Sequence[Winner], clustered: bool, *, with_bootstrap: bool = True) -> OutcomeCounts:
    """The win rate over one outcome a dialogue; `clustered` when each comes from more than one verdict.

    From one verdict: Wilson's score interval ("Probable inference, the law of succession, and statistical
    inference", JASA 22, 1927), with half the ties counted as wins. From more: a dialogue scores 0, ½ or
    1, and the interval is Student's over dialogues: verdicts of one dialogue are no independent
    draws. Without `with_bootstrap` its interval is left out. Raises `ValueError` for no outcome.
    """
    n = len(outcomes)
    if n == 0:
        raise ValueError("no outcomes")
    invalid = outcomes.count("invalid")
    counts = n, outcomes.count("a"), outcomes.count("b"), outcomes.count("tie"), invalid
    if invalid == n:
        return OutcomeCounts(*counts, None, None, None, None, None, None)
    scores = [score(winner) for winner in outcomes]
    low, high, interval = mean_interval(scores) if clustered else _wilson(sum(scores), n)
    boot_low, boot_high = _bootstrap(scores) if clustered and with_bootstrap else (None, None)
    return OutcomeCounts(*counts, sum(scores) / n, low, high, interval, boot_low, boot_high)


@cache
def sign_test(better_a: int, better_b: int) -> float:
    """The two-sided p of the exact sign test, ties left out; 1 where there is nothing to test."""
    from scipy.stats import binomtest

    return float(binomtest(better_b, better_a + better_b).pvalue) if better_a + better_b else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values, corrected for their number after Holm ("A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979)."""
    # By hand: every table of win rates would wait a second for statsmodels, with which the tests compare it.
    corrected, least = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        least = max(least, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = least
    return corrected


def paired(scores_a: Sequence[float] | Floats, scores_b: Sequence[float] | Floats) -> Paired:
    """The exact sign test over dialogues on which both have a score. Raises `ValueError` for none."""
    import numpy as np

    if not len(scores_a):
        raise ValueError("no dialogue in common")
    more = np.asarray(scores_b) - np.asarray(scores_a)
    better_a, better_b = int((more < 0).sum()), int((more > 0).sum())
    return Paired(better_a, better_b, float(more.mean()), sign_test(better_a, better_b))


def mean_interval(scores: Sequence[float]) -> tuple[float, float, str]:
    """Student's interval of the mean of one score a dialogue, and its name.

    Wilson's where all scores are the same: there is no variance to estimate. Raises `ValueError` for no
    score.
    """
    from statsmodels.stats.weightstats import DescrStatsW

    if not scores:
        raise ValueError("no scores")
    if len(set(scores)) < 2:
        return _wilson(sum(scores), len(scores))
    low, high = DescrStatsW(scores).tconfint_mean(alpha=0.05)
    return max(0.0, float(low)), min(1.0, float(high)), CLUSTERED


def orders(verdicts: Iterable[Sequence[tuple[Order, Winner]]]) -> Orders:
    """What the verdicts of each dialogue, with the order of each, say of the judge."""
    first = placed = flips = paired = 0
    for found in verdicts:
        by_order: dict[Order, list[Winner]] = {}
        for order, winner in found:
            if winner == "invalid":
                continue
            by_order.setdefault(order, []).append(winner)
            if winner != "tie":
                placed += 1
                first += winner == order[0]
        if len(by_order) == 2:
            paired += 1
            flips += len({_majority(winners) for winners in by_order.values()}) > 1
    return Orders(first / placed if placed else None, placed, flips / paired if paired else None, paired)


def _majority(winners: Sequence[Winner]) -> Winner:
    a, b = winners.count("a"), winners.count("b")
    return "a" if a > b else "b" if b > a else "tie"


def _wilson(score: float, n: int) -> tuple[float, float, str]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(score, n, alpha=0.05, method="wilson")
    return float(low), float(high), WILSON


def _bootstrap(scores: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """A percentile interval of the mean, the same for the same scores; None where they are all the same."""
    import numpy as np

    if len(set(scores)) < 2:
        return None, None
    return bootstrap.share_interval(np.array(scores), np.ones(len(scores)))
