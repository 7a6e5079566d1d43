"""Responders that give the same answers, word for word."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from heapq import nsmallest
from itertools import chain

import msgspec

from core.domain.evaluation.win_rates import SameAnswers, WinRate

#: So many others are kept of each responder: among thousands, most have some short answer in common.
MAX_OTHERS = 10


def find(
    texts: Mapping[str, Mapping[str, str]], known: Mapping[tuple[str, str], tuple[int, int]] | None = None
) -> tuple[SameAnswers, ...]:
    """Responders with an answer in common, those with the largest share first.

    Of each responder the `MAX_OTHERS` others with the largest share. `texts` are the responses by responder,
    then dialogue. Of two responders that are `known`, these are the same answers and the dialogues that both
    answer: their texts may be there for a part of the dialogues alone.
    """
    names = list(texts)
    counted: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
    for (a_known, b_known), counts in (known or {}).items():
        place_a, place_b = names.index(a_known), names.index(b_known)
        counted[place_a][place_b] = counted[place_b][place_a] = counts
    # Hundreds of thousands of answers, of which few are shared: no loop in Python goes through all.
    times = Counter(chain.from_iterable(own.items() for own in texts.values()))
    givers: dict[tuple[str, str], list[int]] = {answer: [] for answer, many in times.items() if many > 1}
    shared = [[*filter(givers.__contains__, own.items())] for own in texts.values()]
    for number, answers in enumerate(shared):
        for answer in answers:
            givers[answer].append(number)
    # Mostly all answer the same dialogues: one set, by its number, for them all.
    numbers: dict[frozenset[str], int] = {}
    asked = [numbers.setdefault(frozenset(own), len(numbers)) for own in texts.values()]
    sets = list(numbers)

    @cache
    def both(one: int, other: int) -> int:
        return len(sets[one] & sets[other])

    found: dict[tuple[int, int], SameAnswers] = {}
    for number, answers in enumerate(shared):
        same = Counter(chain.from_iterable(givers[answer] for answer in answers))
        del same[number]
        of = {other: both(asked[number], asked[other]) for other in same}
        if number in counted:
            for other, (times_same, dialogues) in counted[number].items():
                same[other], of[other] = times_same, dialogues
            same = +same
        for other in nsmallest(MAX_OTHERS, same, key=lambda other: (-same[other] / of[other], other)):
            a, b = min(number, other), max(number, other)
            found[a, b] = SameAnswers(names[a], names[b], same[other], of[other])
    return tuple(sorted(found.values(), key=lambda one: -one.share))


def add(rates: Iterable[WinRate], found: Sequence[SameAnswers]) -> tuple[WinRate, ...]:
    """The win rates with what b's answers have in common with those of other responders."""
    by_responder: dict[str, list[SameAnswers]] = defaultdict(list)
    for one in found:
        for mine, other in ((one.a, one.b), (one.b, one.a)):
            if len(by_responder[mine]) < MAX_OTHERS:
                by_responder[mine].append(SameAnswers(other, mine, one.same, one.dialogues))
    return tuple(msgspec.structs.replace(rate, same_as_b=tuple(by_responder[rate.b])) for rate in rates)
