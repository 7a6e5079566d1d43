"""Win rates and their intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.pipeline.journal import Winner

INTERVAL = "Wilson 95 %"


@dataclass(frozen=True)
class WinRate:
    """How two responders fared over `n` dialogues.

    `win_rate_b` is (wins of b + half the ties) / n: a dialogue without a valid verdict is in n and
    is nobody's win.
    """

    n: int
    wins_a: int
    wins_b: int
    ties: int
    invalid: int
    win_rate_b: float
    ci_low: float
    ci_high: float


def outcome(winners: Sequence[Winner]) -> Winner:
    """One dialogue's outcome from its verdicts, one an order: orders that disagree are a tie.

    Invalid verdicts say nothing; without any other the outcome is invalid.
    """
    valid = {winner for winner in winners if winner != "invalid"}
    if not valid:
        return "invalid"
    return valid.pop() if len(valid) == 1 else "tie"


def win_rate(outcomes: Sequence[Winner]) -> WinRate:
    """The win rate over one outcome a dialogue, with Wilson's score interval.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927),
    with half the ties counted as wins. Raises `ValueError` for no outcome.
    """
    from statsmodels.stats.proportion import proportion_confint

    n = len(outcomes)
    if n == 0:
        raise ValueError("no outcomes")
    wins_b, ties = outcomes.count("b"), outcomes.count("tie")
    score = wins_b + ties / 2
    low, high = proportion_confint(score, n, alpha=0.05, method="wilson")
    return WinRate(
        n, outcomes.count("a"), wins_b, ties, outcomes.count("invalid"), score / n, float(low), float(high)
    )
