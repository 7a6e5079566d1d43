"""Win rates, their intervals, and what orders say of a judge."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.pipeline.journal import Order, Winner

WILSON = "Wilson 95 %"
CLUSTERED = "Student's t 95 %, clustered by dialogue"

_RESAMPLES = 9_999


@dataclass(frozen=True)
class WinRate:
    """How two responders fared over `n` dialogues.

    `win_rate_b` is (wins of b + half the ties) / n: a dialogue without a valid verdict is in n and
    is nobody's win. `interval` names how `ci_low` and `ci_high` were found. The bootstrap over
    dialogues, a percentile interval, stands beside it where each was judged in both orders.
    """

    n: int
    wins_a: int
    wins_b: int
    ties: int
    invalid: int
    win_rate_b: float
    ci_low: float
    ci_high: float
    interval: str
    bootstrap_low: float | None
    bootstrap_high: float | None


@dataclass(frozen=True)
class Orders:
    """What the orders say of a judge.

    `prefers_first` is the share of `placed` valid verdicts with a winner that name the response shown
    first. `flip_rate` is the share of the `paired` dialogues with two valid verdicts in which they
    disagree. None where there is nothing to count.
    """

    prefers_first: float | None
    placed: int
    flip_rate: float | None
    paired: int


def outcome(winners: Sequence[Winner]) -> Winner:
    """One dialogue's outcome from its verdicts, one an order: orders that disagree are a tie.

    Invalid verdicts say nothing; without any other the outcome is invalid.
    """
    valid = {winner for winner in winners if winner != "invalid"}
    if not valid:
        return "invalid"
    return valid.pop() if len(valid) == 1 else "tie"


def win_rate(outcomes: Sequence[Winner], orders: int = 1) -> WinRate:
    """The win rate over one outcome a dialogue, each from verdicts in so many `orders`.

    One order: Wilson's score interval ("Probable inference, the law of succession, and statistical
    inference", JASA 22, 1927), with half the ties counted as wins. Both orders: a dialogue scores 0, ½ or
    1, and the interval is Student's over dialogues: verdicts of one dialogue are no independent
    draws. Raises `ValueError` for no outcome.
    """
    n = len(outcomes)
    if n == 0:
        raise ValueError("no outcomes")
    scores = [{"b": 1.0, "tie": 0.5}.get(outcome, 0.0) for outcome in outcomes]
    low, high, interval = _wilson(sum(scores), n) if orders == 1 else _students(scores)
    boot_low, boot_high = (None, None) if orders == 1 else _bootstrap(scores)
    return WinRate(
        n,
        outcomes.count("a"),
        outcomes.count("b"),
        outcomes.count("tie"),
        outcomes.count("invalid"),
        sum(scores) / n,
        low,
        high,
        interval,
        boot_low,
        boot_high,
    )


def orders(verdicts: Iterable[Sequence[tuple[Order, Winner]]]) -> Orders:
    """What the verdicts of each dialogue, with the order of each, say of the judge."""
    first = placed = flips = paired = 0
    for found in verdicts:
        valid = [(order, winner) for order, winner in found if winner != "invalid"]
        for order, winner in valid:
            if winner != "tie":
                placed += 1
                first += winner == order[0]
        if len({order for order, _ in valid}) == 2:
            paired += 1
            flips += len({winner for _, winner in valid}) > 1
    return Orders(first / placed if placed else None, placed, flips / paired if paired else None, paired)


def _wilson(score: float, n: int) -> tuple[float, float, str]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(score, n, alpha=0.05, method="wilson")
    return float(low), float(high), WILSON


def _students(scores: Sequence[float]) -> tuple[float, float, str]:
    from statsmodels.stats.weightstats import DescrStatsW

    if len(set(scores)) < 2:
        # There is no variance to estimate.
        return _wilson(sum(scores), len(scores))
    low, high = DescrStatsW(scores).tconfint_mean(alpha=0.05)
    return max(0.0, float(low)), min(1.0, float(high)), CLUSTERED


def _bootstrap(scores: Sequence[float]) -> tuple[float, float]:
    """A percentile interval of the mean, the same for the same scores."""
    import numpy as np

    drawn = np.random.default_rng(0).choice(np.asarray(scores), size=(_RESAMPLES, len(scores)))
    low, high = np.quantile(drawn.mean(axis=1), (0.025, 0.975))
    return float(low), float(high)
