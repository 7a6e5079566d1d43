"""Pairs of responses and the verdicts of judges on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

#: Which of the two responses the judge was shown first.
Order = Literal["ab", "ba"]
Winner = Literal["a", "b", "tie", "invalid"]
#: Each order, and each winner, as it is once a and b change places.
REVERSED: dict[Order, Order] = {"ab": "ba", "ba": "ab"}
MIRRORED: dict[Winner, Winner] = {"a": "b", "b": "a", "tie": "tie", "invalid": "invalid"}
#: A kind of empathy in which a judge may name the better response, beside overall.
Dimension = Literal["cognitive", "affective", "compassionate"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)
#: The form in which a judge's answer names a response: a digit or a letter alone; a label such as `Answer: 1`
#: or `Response 1`; a JSON object; LaTeX's `\boxed`; `[[A]]`; a tag such as `<answer>`; a sentence; a verdict
#: with a reason before or after it.
AnswerForm = Literal[
    "digit", "letter", "label", "JSON", "boxed", "brackets", "tag", "sentence", "with reason"
]


@dataclass(frozen=True)
class Verdict:
    """A judge's answer on one pair in one order."""

    judge: str
    """The judge."""
    order: Order
    """Which response it was shown first."""
    winner: Winner
    """The better response by its answer."""
    raw: str
    """Its answer, word for word."""
    number: int = 1
    """Counts the repeats of the same question, from 1."""
    probability_b: float | None = None
    """Probability that b is the better one, by the log-probabilities of the answer; None without these."""
    dimensions: Mapping[Dimension, Winner] = field(default_factory=dict, hash=False)
    """The better response in each dimension of empathy; empty unless the judge reports them."""


@dataclass(frozen=True)
class Pair:
    """Two responders' responses to one test dialogue, and every verdict on them."""

    dialog_id: str
    """The dialogue."""
    emotion: str
    """The speaker's emotion."""
    situation: str
    """The situation the speaker is in."""
    utterance: str
    """What the responses answer."""
    response_a: str | None
    """a's response; None until there is one."""
    response_b: str | None
    """b's response; None until there is one."""
    verdicts: tuple[Verdict, ...]
    """Of all judges."""
    sentiment: str = ""
    """The speaker's sentiment; empty where the data has none."""
