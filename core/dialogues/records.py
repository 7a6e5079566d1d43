"""A dialogue with its rated responses, and the JSON Lines file in which jobs read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from core.jobs import files

HUMAN = "human"
#: Words that the prompts allow a response.
MAX_WORDS = 97
Split = Literal["train", "test"]


class Rated(msgspec.Struct, frozen=True):
    """A response and its rating: 1 bad, 2 okay, 3 good."""

    text: str
    rating: int


class Dialogue(msgspec.Struct, frozen=True):
    """One row of the data; `responses` by source, such as `human` or `chatgpt`."""

    dialog_id: str
    emotion: str
    sentiment: str
    plutchik: str
    situation: str
    utterance: str
    split: Split
    responses: dict[str, Rated]


def write(path: Path, dialogues: Iterable[Dialogue]) -> None:
    """Write dialogues one a line; the same dialogues give the same bytes."""
    encoder = msgspec.json.Encoder(order="deterministic")
    with files.replacing(path) as file:
        for dialogue in dialogues:
            file.write(encoder.encode(dialogue) + b"\n")


def read(path: Path) -> Iterator[Dialogue]:
    """The dialogues of a file that `write` made, in its order."""
    decoder = msgspec.json.Decoder(Dialogue)
    with path.open("rb") as file:
        for line in file:
            yield decoder.decode(line)
