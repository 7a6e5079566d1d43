"""What influences a judge besides the better response: position, and length."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from core.domain.evaluation.verdicts import Order, Winner
from core.judging.metrics.inference import intervals
from core.judging.metrics.inference.intervals import ShareInterval


class BiasCounts(NamedTuple):
    """What the verdicts on one dialogue say of the judge."""

    first: float = 0
    """Those of `placed` that name the response shown first."""
    placed: float = 0
    """Verdicts with a winner, where the order could matter."""
    flips: float = 0
    """The share of pairs of verdicts, one from each order, that disagree: its expected value is the same for
    any number of repeats."""
    paired: float = 0
    """1 if both orders have a valid verdict on two different texts; else 0."""
    longer: float = 0
    """Those of `lengths` that name the longer response."""
    lengths: float = 0
    """Verdicts with a winner where one response has more words."""

    def __add__(self, other: object) -> BiasCounts:
        if not isinstance(other, BiasCounts):
            return NotImplemented
        return BiasCounts(*(one + more for one, more in zip(self, other, strict=True)))


@dataclass(frozen=True)
class JudgeBias:
    """A judge's biases, with intervals clustered by dialogue; an estimate is None if its count is 0."""

    prefers_first: ShareInterval | None
    """The share of `placed` that name the response shown first."""
    placed: int
    """Verdicts with a winner, where the order could matter."""
    flip_rate: ShareInterval | None
    """The mean over `paired` of the share of pairs of verdicts, one from each order, that disagree."""
    paired: int
    """Dialogues with different responses and a valid verdict in both orders."""
    prefers_longer: ShareInterval | None
    """The share of `lengths` that name the longer response."""
    lengths: int
    """Verdicts with a winner where one response has more words."""


def word_counts(a: str | None, b: str | None) -> tuple[int, int] | None:
    """The numbers of words of two responses; None if one is unknown."""
    return None if a is None or b is None else (len(a.split()), len(b.split()))


def disagreement(one: Sequence[object], other: Sequence[object]) -> float:
    """The share of pairs of verdicts, one from each order, that disagree."""
    return sum(x != y for x in one for y in other) / (len(one) * len(other))


def counts(
    verdicts: Sequence[tuple[Order, Winner]], words: tuple[int, int] | None, *, placed: bool, identical: bool
) -> BiasCounts:
    """The counts of one dialogue.

    `words` are the numbers of words of both responses, None if unknown. `placed` is whether the order could
    matter. `identical` texts are ties without a verdict, and cannot flip.
    """
    named = [(order, winner) for order, winner in verdicts if winner in ("a", "b")]
    first = sum(winner == order[0] for order, winner in named)
    longer = None if words is None or words[0] == words[1] else "b" if words[1] > words[0] else "a"
    in_order: dict[Order, list[Winner]] = {"ab": [], "ba": []}
    for order, winner in verdicts:
        if winner != "invalid":
            in_order[order].append(winner)
    one, other = in_order["ab"], in_order["ba"]
    paired = bool(one and other) and placed and not identical
    return BiasCounts(
        first=first if placed else 0,
        placed=len(named) if placed else 0,
        flips=disagreement(one, other) if paired else 0,
        paired=int(paired),
        longer=0 if longer is None else sum(winner == longer for _, winner in named),
        lengths=0 if longer is None else len(named),
    )


def judge_bias(found: Iterable[BiasCounts]) -> JudgeBias:
    """The biases from the counts of each dialogue."""
    rows = list(found)
    prefers_first, placed = _share([(row.first, row.placed) for row in rows])
    flip_rate, paired = _share([(row.flips, row.paired) for row in rows])
    prefers_longer, lengths = _share([(row.longer, row.lengths) for row in rows])
    return JudgeBias(prefers_first, placed, flip_rate, paired, prefers_longer, lengths)


def _share(found: Sequence[tuple[float, float]]) -> tuple[ShareInterval | None, int]:
    known = [(part, of) for part, of in found if of]
    if not known:
        return None, 0
    return intervals.of_ratio(*zip(*known, strict=True)), round(sum(of for _, of in known))
