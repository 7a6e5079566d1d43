"""How sure a judge was, from the log-probabilities of its answer's first tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.domain.verdicts import Order

_AROUND = " \t\r\n\"'*()[]`.:"


def probability_b(logprobs: Mapping[str, float] | None, order: Order) -> float | None:
    """How likely the judge was to name b, by the tokens that are `1` or `2` but for white space, quotes,
    asterisks and brackets around; None where neither was told.

    Normalised over the two. Where only one was told, the other one is at most as likely as the least likely
    token that was, and as all that was not told together: that bound stands for it.
    """
    if not logprobs:
        return None
    mass = {"1": 0.0, "2": 0.0}
    likely = {token: math.exp(min(0.0, logprob)) for token, logprob in logprobs.items()}
    for token, probability in likely.items():
        digit = token.strip(_AROUND)
        if digit in mass:
            mass[digit] += probability
    told = [digit for digit, found in mass.items() if found]
    if not told:
        return None
    if len(told) == 1:
        (other,) = mass.keys() - set(told)
        mass[other] = max(0.0, min(min(likely.values()), 1 - sum(likely.values())))
    second = mass["2"] / (mass["1"] + mass["2"])
    return second if order == "ab" else 1 - second
