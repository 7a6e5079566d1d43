"""What readers hand out about dialogues one by one: frozen dataclasses, as `core/views.py` has them.

Apart from those, because defining them takes time and the first screen shows none of them. `None` means
not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: Who answers: a base student, a run, a teacher, or a source in the data.
ResponderKind = Literal["base", "run", "teacher", "source"]


@dataclass(frozen=True)
class DialogueFilter:
    """What a dialogue must be like; None, and what is empty, leave it open.

    `ratings` are a source and the ratings that its response may have; None in place of a source stands
    for any one response. `text` is looked for in the id and in all texts, whatever its case.
    """

    emotion: str | None = None
    split: Literal["train", "test"] | None = None
    ratings: tuple[tuple[str | None, tuple[int, ...]], ...] = ()
    text: str = ""

    def __bool__(self) -> bool:
        return self != DialogueFilter()


@dataclass(frozen=True)
class DialogueOrder:
    """By what dialogues are sorted: their place in the file, or else that comes second.

    `source` is whose rating counts; a dialogue without one comes last in either direction.
    """

    by: Literal["position", "emotion", "split", "rating"] = "position"
    source: str = ""
    is_reversed: bool = False


@dataclass(frozen=True)
class DialogueLine:
    """A dialogue in a list: `position` counts from 0 in the file's order, `ratings` are 1–3 by source,
    `utterance` is the beginning of it."""

    position: int
    dialog_id: str
    split: str
    emotion: str
    utterance: str
    ratings: dict[str, int]


@dataclass(frozen=True)
class DialoguePage:
    """Some of the `found` dialogues that are as wanted, the first of which is number `first` (from 1);
    `total` counts all dialogues."""

    lines: tuple[DialogueLine, ...]
    first: int
    found: int
    total: int

    @property
    def last(self) -> int:
        """The number of the last dialogue, `first` - 1 when there is none."""
        return self.first + len(self.lines) - 1


@dataclass(frozen=True)
class Decided:
    """A judge's outcome of one dialogue, as the responder fared against `baseline`.

    `flips`: its orders, or its repeats, name different winners.
    """

    judge: str
    baseline: str
    outcome: Literal["won", "lost", "tie", "invalid"]
    flips: bool


@dataclass(frozen=True)
class Response:
    """What a responder answered to one dialogue; `text` is None until it did, `rating` people's, 1–3, of a
    source in the data."""

    responder: str
    kind: ResponderKind
    text: str | None
    rating: int | None = None
    decided: tuple[Decided, ...] = ()
