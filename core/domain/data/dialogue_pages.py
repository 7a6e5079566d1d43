"""Dialogues as lists show them: filters, orders, pages, and the responses to one dialogue.

They are apart from `dialogues`, because defining them takes time and the first screen shows none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Who answers: a base student, a run, a teacher, or a source in the data.
ResponderKind = Literal["base", "run", "teacher", "source"]


@dataclass(frozen=True)
class DialogueFilter:
    """Conditions that a dialogue must meet; a condition left at its default always holds."""

    emotion: str | None = None
    """Its emotion; None for any."""
    split: Literal["train", "test"] | None = None
    """Its split; None for either."""
    ratings: tuple[tuple[str | None, tuple[int, ...]], ...] = ()
    """Sources, each with the ratings that its response may have; None as a source stands for any one
    source."""
    text: str = ""
    """Text to find in its id and all its texts, ignoring case (of ASCII letters alone, if it has no others);
    empty for any."""

    def __bool__(self) -> bool:
        return self != DialogueFilter()


@dataclass(frozen=True)
class DialogueOrder:
    """How dialogues are sorted; equal ones keep the order of the file."""

    by: Literal["position", "emotion", "split", "rating"] = "position"
    """What they are sorted by; `position` is the order of the file."""
    source: str = ""
    """Whose rating counts when sorted by rating; a dialogue without one comes last in either direction."""
    is_reversed: bool = False
    """Whether the order is reversed."""


@dataclass(frozen=True)
class DialogueLine:
    """A dialogue in a list."""

    position: int
    """Counts from 0 in the file's order."""
    dialog_id: str
    """Its id in the file."""
    split: str
    """`train` or `test`."""
    emotion: str
    """The speaker's emotion."""
    utterance: str
    """The beginning of the utterance."""
    ratings: dict[str, int]
    """The ratings of its responses by source, 1 to 3."""


@dataclass(frozen=True)
class DialoguePage:
    """Some of the dialogues that meet a filter, in an order."""

    lines: tuple[DialogueLine, ...]
    """The dialogues of this page."""
    first: int
    """Number of the page's first dialogue among those found, from 1."""
    found: int
    """Dialogues that meet the filter."""
    total: int
    """All dialogues."""

    @property
    def last(self) -> int:
        """The number of the last dialogue, `first` - 1 when there is none."""
        return self.first + len(self.lines) - 1


@dataclass(frozen=True)
class Decided:
    """A judge's outcome on one dialogue, from the side of the responder."""

    judge: str
    """The judge."""
    baseline: str
    """The responder that it was compared with."""
    outcome: Literal["won", "lost", "tie", "invalid"]
    """How the responder fared."""
    flips: bool
    """Whether the judge's orders or repeats name different winners."""


@dataclass(frozen=True)
class Response:
    """A responder's response to one dialogue."""

    responder: str
    """Its name."""
    kind: ResponderKind
    """What it is."""
    text: str | None
    """The response; None until there is one."""
    rating: int | None = None
    """People's rating of a source's response, 1 to 3; None for all other responders."""
    decided: tuple[Decided, ...] = ()
    """The outcomes of its comparisons on this dialogue."""
