"""Prediction-powered win rates as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tui.format import values as formats

if TYPE_CHECKING:
    from core.api import PredictionPoweredWinRate


#: What a win rate by votes is, if dialogues were drawn by the judge's uncertainty.
WEIGHTED = (
    "Pairs were drawn by the judge's uncertainty: the win rate is weighted for that, the counts are not."
)


_VOTER = re.compile(r"\w[\w.-]{0,39}")


def voter_problem(name: str) -> str | None:
    """Why a name cannot be a voter's; None if it can."""
    if _VOTER.fullmatch(name):
        return None
    return f"{name!r} is not a valid voter name: use up to 40 letters, digits, '.', '_' and '-'"


def brief(one: PredictionPoweredWinRate) -> str:
    """The win rate by people, or the number of votes where a rate without its interval would mislead."""
    return formats.counted(one.voted, "vote") if one.has_few else formats.percent(one.win_rate_b, 1)


def more_votes(one: PredictionPoweredWinRate) -> str:
    """How many more votes would decide who is better."""
    if one.more == 0:
        return "decided: the interval excludes 50 %"
    if one.has_few:
        return "too few votes to estimate how many decide it"
    if one.more is None:
        return f"votes on all {one.n - one.identical} dialogues would not decide it at this win rate"
    return f"about {one.more} more dialogues with votes decide it, at this win rate"


def basis(one: PredictionPoweredWinRate) -> str:
    """What the win rate is from."""
    votes = "weighted votes" if one.weighted else "votes"
    if not one.weight:
        why = "votes are too few to use the verdicts" if one.has_few else "the verdicts do not help"
        return f"{votes} on {one.voted} of {one.n} dialogues; {why}"
    strata = f" in {one.strata} groups of emotions" if one.strata > 1 else ""
    judged = f"the {one.n - one.unjudged} judged before it was decided" if one.unjudged else "all"
    votes = f"{votes} on {one.voted} of {one.n} dialogues"
    return f"{votes} and verdicts on {judged}{strata} (their weight: {one.weight:.2f})"


def warning(one: PredictionPoweredWinRate) -> str | None:
    """What could make the win rate wrong; None if nothing is known."""
    if not one.changed:
        return None
    return (
        f"The votes on {one.changed} dialogues no longer count, because a response has changed: the win rate "
        f"by people is from the {one.voted} others, which may differ from them."
    )


def sentence(one: PredictionPoweredWinRate) -> str:
    """The win rate by people in full."""
    return (
        f"Win rate by people: {formats.percent(one.win_rate_b, 1)} "
        f"({formats.span(one.ci_low, one.ci_high)}), from {basis(one)}; votes alone "
        f"{formats.percent(one.votes_win_rate_b, 1)} ({formats.span(one.votes_low, one.votes_high)}); "
        f"{more_votes(one)}."
    )
