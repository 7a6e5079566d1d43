"""Responders that give the same answers, word for word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from core.domain.evaluation.win_rates import SameAnswers, WinRate


def find(texts: Mapping[str, Mapping[str, str]]) -> tuple[SameAnswers, ...]:
    """Every two responders with an answer in common, those with the largest share first.

    `texts` are the responses by responder and dialogue.
    """
    giving: dict[tuple[str, str], list[str]] = defaultdict(list)
    for responder, own in texts.items():
        for answer in own.items():
            giving[answer].append(responder)
    same = Counter(pair for names in giving.values() for pair in combinations(names, 2))
    found = [
        SameAnswers(a, b, number, len(texts[a].keys() & texts[b].keys())) for (a, b), number in same.items()
    ]
    return tuple(sorted(found, key=lambda one: -one.same / one.dialogues))


def add(rates: Iterable[WinRate], found: Sequence[SameAnswers]) -> tuple[WinRate, ...]:
    """The win rates with what b's answers have in common with those of other responders."""
    by_responder: dict[str, list[SameAnswers]] = defaultdict(list)
    for one in found:
        by_responder[one.a].append(SameAnswers(one.b, one.a, one.same, one.dialogues))
        by_responder[one.b].append(one)
    return tuple(replace(rate, same_as_b=tuple(by_responder[rate.b])) for rate in rates)
