"""The protocol that all judges implement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import AnswerForm, Dimension, Order, Winner
from core.jobs.records import VerdictRecord


@dataclass(frozen=True)
class OrderedPair:
    """Two responses to one dialogue, to be shown in `order`: `ab` shows response_a first. `number` is
    the number of the repeat, from 1."""

    dialog_id: str
    situation: str
    utterance: str
    response_a: str
    response_b: str
    order: Order
    number: int = 1


@dataclass(frozen=True)
class Ruling:
    """The judge's answer to a contest: the winner, independent of the order, and the raw text or scores."""

    winner: Winner
    raw: str
    probability_b: float | None = None
    """The probability that the judge names b; None if it is unknown."""
    form: AnswerForm | None = None
    """The form in which the answer names the winner; None where no answer was read."""
    dimensions: Mapping[Dimension, Winner] = field(default_factory=dict)
    """The better response in each dimension; empty unless the judge reports them."""


class Judge(Protocol):
    """Picks the better of two responses.

    `orders` are the orders in which each pair must be judged: one if the order cannot matter, otherwise both.
    `label` states the judge's agreement with human ratings; it is shown with all its results.
    """

    orders: tuple[Order, ...]
    label: str

    def judge(self, contests: Sequence[OrderedPair]) -> Iterator[Ruling]:
        """One ruling for each contest, in the same order."""
        ...


def contests(
    dialogues: Iterable[Dialogue],
    a: Mapping[str, str],
    b: Mapping[str, str],
    orders: Sequence[Order],
    repeats: int = 1,
) -> list[OrderedPair]:
    """The contests of the responses `a` and `b`, by dialogue: `repeats` times in each of the orders."""
    return [
        OrderedPair(d.dialog_id, d.situation, d.utterance, a[d.dialog_id], b[d.dialog_id], order, number)
        for d in dialogues
        for order in orders
        for number in range(1, repeats + 1)
    ]


def verdict(contest: OrderedPair, ruling: Ruling) -> VerdictRecord:
    """The record of a ruling for the journal."""
    return VerdictRecord(
        contest.dialog_id,
        contest.order,
        ruling.winner,
        ruling.raw,
        contest.number,
        ruling.probability_b,
        ruling.form,
        dict(ruling.dimensions),
    )
