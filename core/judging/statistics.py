"""Win rates with confidence intervals, significance tests, and the position bias of a judge."""

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
    """The outcomes of a comparison over `n` dialogues.

    `win_rate_b` is (wins of b + half the ties) / n. A dialogue with an invalid outcome counts in n, as a win
    of neither. If all are invalid, the rate and its intervals are None. `interval` names the method behind
    `ci_low` and `ci_high`. The bootstrap over dialogues is a percentile interval, given if dialogues were
    judged more than once.
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
    """Two responders on the same dialogues: the dialogues in which each scored higher, the mean of b's score
    minus a's, and the p-value of the exact sign test."""

    better_a: int
    better_b: int
    difference: float
    p: float


@dataclass(frozen=True)
class PositionBias:
    """How the order of the responses affects a judge.

    `placed` is the number of valid verdicts with a winner; `prefers_first` is the share of them that name the
    response shown first. `paired` is the number of dialogues with valid verdicts in both orders; `flip_rate`
    is the share of them in which the orders disagree. A share is None if its count is 0.
    """

    prefers_first: float | None
    placed: int
    flip_rate: float | None
    paired: int


def score(winner: Winner) -> float:
    """The score of b: 1 for a win, ½ for a tie, 0 for a loss or an invalid outcome."""
    return {"b": 1.0, "tie": 0.5}.get(winner, 0.0)


def outcome(verdicts: Sequence[tuple[Order, Winner]]) -> Winner:
    """The outcome of one dialogue from its verdicts, each with its order.

    Within an order the majority of the repeats counts. If the orders disagree, the outcome is a tie. With an
    invalid verdict it is invalid: the verdicts of a single order could reflect position bias alone.
    """
    if not verdicts or any(winner == "invalid" for _, winner in verdicts):
        return "invalid"
    found = {_majority([w for o, w in verdicts if o == order]) for order in {order for order, _ in verdicts}}
    return found.pop() if len(found) == 1 else "tie"


def win_rate(outcomes: Sequence[Winner], clustered: bool, *, with_bootstrap: bool = True) -> OutcomeCounts:
    """The win rate over dialogues, from one outcome each; `clustered` if an outcome has several verdicts.

    Not clustered: Wilson's score interval ("Probable inference, the law of succession, and statistical
    inference", JASA 22, 1927), with half the ties counted as wins. Clustered: the interval is Student's over
    the dialogues' scores, because verdicts on one dialogue are not independent. The bootstrap interval is
    computed if `with_bootstrap`. Raises `ValueError` if there are no outcomes.
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
    """The two-sided p-value of the exact sign test without ties; 1 if all are ties."""
    from scipy.stats import binomtest

    return float(binomtest(better_b, better_a + better_b).pvalue) if better_a + better_b else 1.0


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values with Holm's correction for multiple tests ("A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979)."""
    # Implemented here because statsmodels takes a second to import; a test compares the two.
    corrected, previous = [0.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        previous = max(previous, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = previous
    return corrected


def paired(scores_a: Sequence[float] | Floats, scores_b: Sequence[float] | Floats) -> Paired:
    """The exact sign test over dialogues with a score of both. Raises `ValueError` if there are none."""
    import numpy as np

    if not len(scores_a):
        raise ValueError("no dialogue in common")
    more = np.asarray(scores_b) - np.asarray(scores_a)
    better_a, better_b = int((more < 0).sum()), int((more > 0).sum())
    return Paired(better_a, better_b, float(more.mean()), sign_test(better_a, better_b))


def mean_interval(scores: Sequence[float]) -> tuple[float, float, str]:
    """Student's t interval for the mean of the dialogues' scores, and the method's name.

    Wilson's interval if all scores are equal, because there is no variance to estimate. Raises `ValueError`
    if there are no scores.
    """
    from statsmodels.stats.weightstats import DescrStatsW

    if not scores:
        raise ValueError("no scores")
    if len(set(scores)) < 2:
        return _wilson(sum(scores), len(scores))
    low, high = DescrStatsW(scores).tconfint_mean(alpha=0.05)
    return max(0.0, float(low)), min(1.0, float(high)), CLUSTERED


def position_bias(verdicts: Iterable[Sequence[tuple[Order, Winner]]]) -> PositionBias:
    """The judge's position bias, from the verdicts on each dialogue with their orders."""
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
    return PositionBias(
        first / placed if placed else None, placed, flips / paired if paired else None, paired
    )


def _majority(winners: Sequence[Winner]) -> Winner:
    a, b = winners.count("a"), winners.count("b")
    return "a" if a > b else "b" if b > a else "tie"


def _wilson(score: float, n: int) -> tuple[float, float, str]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(score, n, alpha=0.05, method="wilson")
    return float(low), float(high), WILSON


def _bootstrap(scores: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """A percentile interval of the mean, reproducible; None if all scores are equal."""
    import numpy as np

    if len(set(scores)) < 2:
        return None, None
    return bootstrap.share_interval(np.array(scores), np.ones(len(scores)))
