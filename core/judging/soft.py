"""How sure a judge was, from the log-probabilities of its answer's first tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.pipeline.journal import Order

_AROUND = " \t\r\n\"'*()[]`.:"


def probability_b(logprobs: Mapping[str, float] | None, order: Order) -> float | None:
    """How likely the judge was to name b, by the tokens that are `1` or `2` but for white space, quotes,
    asterisks and brackets around; None where neither was told.

    Normalised over the two. Where only one was told, the other one is as likely as the least likely token
    that was, at most: so much is certain, and no more.
    """
    if not logprobs:
        return None
    mass = {"1": 0.0, "2": 0.0}
    for token, logprob in logprobs.items():
        digit = token.strip(_AROUND)
        if digit in mass:
            mass[digit] += math.exp(logprob)
    told = [digit for digit, found in mass.items() if found]
    if not told:
        return None
    if len(told) == 1:
        (other,) = mass.keys() - set(told)
        mass[other] = min(math.exp(min(logprobs.values())), mass[told[0]])
    second = mass["2"] / (mass["1"] + mass["2"])
    return second if order == "ab" else 1 - second
