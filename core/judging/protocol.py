"""The protocol that all judges implement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.verdicts import AnswerForm, Dimension, Order, Winner
from core.jobs.records import VerdictRecord


@dataclass(frozen=True)
class OrderedPair:
    """Two responses to one dialogue, as a judge is shown them."""

    dialog_id: str
    """The dialogue; empty in the playground."""
    situation: str
    """The situation the speaker is in; empty without one."""
    utterance: str
    """What the responses answer."""
    response_a: str
    """The response of side a."""
    response_b: str
    """The response of side b."""
    order: Order
    """`ab` shows the response of side a first."""
    number: int = 1
    """The number of the repeat, from 1."""


class Judge(Protocol):
    """Picks the better of two responses.

    `orders` are the orders in which each pair must be judged: one if the order cannot matter, otherwise both.
    `label` states the judge's agreement with human ratings; it is shown with all its results.
    """

    orders: tuple[Order, ...]
    label: str

    def judge(self, ordered_pairs: Sequence[OrderedPair]) -> Iterator[VerdictRecord]:
        """One verdict for each pair, in the same order."""
        ...


def ordered_pairs(
    dialogues: Iterable[Dialogue],
    a: Mapping[str, str],
    b: Mapping[str, str],
    orders: Sequence[Order],
    repeats: int = 1,
) -> list[OrderedPair]:
    """The pairs of the responses `a` and `b`, by dialogue: `repeats` times in each of the orders."""
    return [
        OrderedPair(d.dialog_id, d.situation, d.utterance, a[d.dialog_id], b[d.dialog_id], order, number)
        for d in dialogues
        for order in orders
        for number in range(1, repeats + 1)
    ]


def different(ordered_pairs: Iterable[OrderedPair]) -> list[OrderedPair]:
    """The pairs that a judge is shown: identical responses are a tie without it."""
    return [one for one in ordered_pairs if one.response_a != one.response_b]


def verdict(
    ordered_pair: OrderedPair,
    winner: Winner,
    raw: str,
    *,
    probability_b: float | None = None,
    form: AnswerForm | None = None,
    dimensions: Mapping[Dimension, Winner] = MappingProxyType({}),
) -> VerdictRecord:
    """The verdict on a pair; `VerdictRecord` says what its parts are."""
    return VerdictRecord(
        ordered_pair.dialog_id,
        ordered_pair.order,
        winner,
        raw,
        ordered_pair.number,
        probability_b,
        form,
        dict(dimensions),
    )
