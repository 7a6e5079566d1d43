"""Whether a comparison is decided, and how many more dialogues would decide it."""

from __future__ import annotations

import math

import msgspec

from core.domain.evaluation.win_rates import Decision, WinRate
from core.judging.metrics.study_design import power

#: Differences from one half below this take tens of thousands of dialogues.
_SMALLEST = 0.005


def decided(rate: WinRate) -> WinRate:
    """The win rate with its decision, and the number of dialogues that are missing for one."""
    decision = _decision(rate)
    more = _more_dialogues(rate) if decision == "undecided" else None
    return msgspec.structs.replace(rate, decision=decision, more_dialogues=more)


def _interval(rate: WinRate) -> tuple[float, float] | None:
    """The interval that also covers what the invalid dialogues could have been."""
    if rate.bounds_low is not None and rate.bounds_high is not None:
        return rate.bounds_low, rate.bounds_high
    if rate.ci_low is not None and rate.ci_high is not None:
        return rate.ci_low, rate.ci_high
    return None


def _decision(rate: WinRate) -> Decision | None:
    interval = _interval(rate)
    if interval is None:
        return None
    low, high = interval
    return "leads" if low > 0.5 else "loses" if high < 0.5 else "undecided"


def _more_dialogues(rate: WinRate) -> int | None:
    """Further valid dialogues that decide it with the power of a plan, if it stays as it is."""
    interval = _interval(rate)
    counts = (rate.wins_a, rate.wins_b, rate.ties)
    if rate.win_rate_b is None or interval is None or None in counts:
        return None
    difference = abs(rate.win_rate_b - 0.5)
    if difference < _SMALLEST or _is_open(rate):
        return None
    wins_a, wins_b, ties = (count or 0 for count in counts)
    valid = wins_a + wins_b + ties
    needed = power.dialogues(power.fraction_of_counts(wins_a, wins_b, ties), difference, power.POWER)
    # At least as many as bring the interval, whose width falls with their root, to one half.
    reach = max(interval[1] - rate.win_rate_b, rate.win_rate_b - interval[0])
    return max(needed, math.ceil(valid * (reach / difference) ** 2)) - valid or 1


def _is_open(rate: WinRate) -> bool:
    """Whether the invalid dialogues alone could turn it, however many others there are."""
    low, high = rate.min_win_rate_b, rate.max_win_rate_b
    return low is not None and high is not None and low <= 0.5 <= high
