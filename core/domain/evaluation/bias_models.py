"""One model of all that influences a judge: position, length, and the strengths of responders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class BiasEffect:
    """One effect on the log-odds that a judge names the response shown first, with its 95 % interval.

    At equal length and strength, the first response is named with the probability 1 / (1 + e^−position).
    """

    kind: Literal["position", "length", "strength"]
    """What has the effect."""
    responder: str | None
    """Whose strength it is; None for the other kinds."""
    log_odds: float | None
    """The effect. Of length: of a much longer response, with tanh of the difference in words, over its
    standard deviation, near 1. Of a strength: over the mean of its group. None if it cannot be estimated."""
    low: float | None
    """Lower end of the interval, clustered by dialogue; None with it."""
    high: float | None
    """Upper end of the interval; None with it."""
    group: int = 0
    """Number of the group of responders that comparisons link, from 0; strengths of different groups cannot
    be compared."""


@dataclass(frozen=True)
class BiasModel:
    """The effects on one judge over all its comparisons, each adjusted for the others."""

    judge: str
    """The judge."""
    dialogues: int
    """Dialogues with a verdict that is used, which are the clusters."""
    verdicts: int
    """Verdicts that are used: valid ones on two different texts."""
    effects: tuple[BiasEffect, ...]
    """Position, length, then strengths by group, the strongest first; empty with too few dialogues."""
    missing: tuple[str, ...]
    """Which effects the verdicts do not identify and why, in sentences."""
