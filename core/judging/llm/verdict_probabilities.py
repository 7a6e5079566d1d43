"""The probability of a verdict, from the log-probabilities of the answer's first token."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.domain.evaluation.verdicts import Order

_AROUND = " \t\r\n\"'*()[]`.:"


def probability_b(logprobs: Mapping[str, float] | None, order: Order) -> float | None:
    """The probability that the judge names b, normalised over the tokens `1` and `2`.

    White space, quotes, asterisks and brackets around a digit are ignored. None if neither token is listed.
    If only one is listed, the other gets its upper bound: the smaller of the lowest listed probability and
    the probability mass of all unlisted tokens.
    """
    if not logprobs:
        return None
    mass = {"1": 0.0, "2": 0.0}
    likely = {token: math.exp(min(0.0, logprob)) for token, logprob in logprobs.items()}
    for token, probability in likely.items():
        digit = token.strip(_AROUND)
        if digit in mass:
            mass[digit] += probability
    listed = [digit for digit, found in mass.items() if found]
    if not listed:
        return None
    if len(listed) == 1:
        (other,) = mass.keys() - set(listed)
        mass[other] = max(0.0, min(min(likely.values()), 1 - sum(likely.values())))
    second = mass["2"] / (mass["1"] + mass["2"])
    return second if order == "ab" else 1 - second
