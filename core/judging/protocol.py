"""The one protocol of judges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.domain.dialogues import Dialogue
from core.domain.verdicts import Order, Winner
from core.jobs.records import VerdictRecord


@dataclass(frozen=True)
class Contest:
    """Two responses to one dialogue, to be shown in `order`: `ab` shows response_a first. `number` counts
    the times that the judge is asked the same."""

    dialog_id: str
    situation: str
    utterance: str
    response_a: str
    response_b: str
    order: Order
    number: int = 1


@dataclass(frozen=True)
class Ruling:
    """The judge's answer: who won, whatever the order was, and its raw words or scores.

    `probability_b` is how likely it found b to be the better one, None where that is not known.
    """

    winner: Winner
    raw: str
    probability_b: float | None = None


class Judge(Protocol):
    """What picks the better of two responses.

    `orders` are those in which each pair must be judged: one where order cannot matter, else both.
    `label` says how far the judge agrees with people, and stands wherever its verdicts do.
    """

    orders: tuple[Order, ...]
    label: str

    def judge(self, contests: Sequence[Contest]) -> Iterator[Ruling]:
        """A ruling for each contest, in their order."""
        ...


def contests(
    dialogues: Iterable[Dialogue],
    a: Mapping[str, str],
    b: Mapping[str, str],
    orders: Sequence[Order],
    repeats: int = 1,
) -> list[Contest]:
    """The responses of `a` and `b`, by dialogue, `repeats` times in each of the orders."""
    return [
        Contest(d.dialog_id, d.situation, d.utterance, a[d.dialog_id], b[d.dialog_id], order, number)
        for d in dialogues
        for order in orders
        for number in range(1, repeats + 1)
    ]


def verdict(contest: Contest, ruling: Ruling) -> VerdictRecord:
    """The journal's record of a ruling."""
    return VerdictRecord(
        contest.dialog_id, contest.order, ruling.winner, ruling.raw, contest.number, ruling.probability_b
    )
