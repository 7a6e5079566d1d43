"""What the list of dialogues shows of each pair: verdicts, disagreement, and how far the texts differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.navigation import pair_filter
from tui.navigation.pair_filter import PairOutcome

if TYPE_CHECKING:
    from core.api import Order, Pair, Verdict


@dataclass(frozen=True)
class PairLine:
    """One pair in the list; None is unknown, because a response or a valid verdict is missing."""

    number: int
    """Its place in the default order, from 1."""
    pair: Pair
    outcomes: Mapping[str, PairOutcome]
    """Each judge's outcome."""
    margin: float | None
    """The mean score of b over the judges, from -1 (a wins) to 1 (b wins)."""
    judges_differ: float | None
    """The largest difference of two judges' scores, from 0 to 1; None for fewer than two."""
    orders_differ: float | None
    """The largest difference of a judge's scores in its two orders, from 0 to 1."""
    texts_differ: float | None
    """The share of the words of both responses that the other one lacks, from 0 to 1."""
    disagrees: bool = False
    """Whether judges, or the orders of one, name different winners."""

    @property
    def is_same(self) -> bool:
        """Whether both responses are the same text."""
        return self.pair.response_a is not None and self.pair.response_a == self.pair.response_b


@dataclass(frozen=True)
class PairSet:
    """The pairs of two responders, and what takes long to find out about tens of thousands of them."""

    all: Sequence[Pair] = ()
    """The pairs, in the order of the test split."""
    lines: Mapping[str, PairLine] = field(default_factory=dict)
    """The line of each by its dialogue, in the same order."""
    judges: Sequence[str] = ()
    """The judges with a verdict on one of them."""
    same: str = ""
    """In how many both responses are the same text; empty for none."""


def pair_set(pairs: Sequence[Pair], known: PairSet) -> PairSet:
    """These pairs; the same object as `known`, those of the last time, if nothing differs."""
    if pairs is known.all or pairs == known.all:
        return known
    same, answered = pair_filter.same_answers(pairs)
    words = f"the same text in {same} of {answered}" if same else ""
    return PairSet(pairs, lines(pairs, known.lines), pair_filter.judges(pairs), words)


def lines(pairs: Sequence[Pair], known: Mapping[str, PairLine]) -> dict[str, PairLine]:
    """The line of each pair by its dialogue, in the order of the pairs; `known` are those of before."""
    found = {}
    for number, pair in enumerate(pairs, start=1):
        before = known.get(pair.dialog_id)
        is_known = before is not None and before.number == number and before.pair == pair
        found[pair.dialog_id] = before if before is not None and is_known else line(number, pair)
    return found


def line(number: int, pair: Pair) -> PairLine:
    """The line of one pair."""
    if not pair.verdicts:
        # Most of hundreds of thousands of dialogues may have none.
        return PairLine(number, pair, {}, None, None, None, _texts_differ(pair.response_a, pair.response_b))
    from core.api import score

    by_judge: dict[str, list[Verdict]] = {}
    for verdict in pair.verdicts:
        by_judge.setdefault(verdict.judge, []).append(verdict)
    scores = []
    for found in by_judge.values():
        one = score([(verdict.order, verdict.winner) for verdict in found])
        if one is not None:
            scores.append(one)
    swings = [swing for found in by_judge.values() if (swing := _swing(found)) is not None]
    return PairLine(
        number,
        pair,
        pair_filter.outcomes(pair),
        2 * sum(scores) / len(scores) - 1 if scores else None,
        max(scores) - min(scores) if len(scores) > 1 else None,
        max(swings, default=None),
        _texts_differ(pair.response_a, pair.response_b),
        pair_filter.disagree(pair),
    )


def _swing(verdicts: Sequence[Verdict]) -> float | None:
    """How far one judge's scores in both orders are apart; None unless both are known."""
    from core.api import score

    orders: tuple[Order, ...] = ("ab", "ba")
    found = [
        score([(verdict.order, verdict.winner) for verdict in verdicts if verdict.order == order])
        for order in orders
    ]
    first, second = found
    return None if first is None or second is None else abs(first - second)


def _texts_differ(a: str | None, b: str | None) -> float | None:
    if a is None or b is None:
        return None
    if a == b:
        return 0.0
    ours, theirs = Counter(a.casefold().split()), Counter(b.casefold().split())
    every = ours.total() + theirs.total()
    return 1 - 2 * (ours & theirs).total() / every if every else 0.0
