"""The one file format in which a job hands on responses to dialogues: a teacher's and a responder's alike.

The journal holds a response as it comes, so that a crash loses none; the store holds it for the screens,
which page through it in SQL. This file is what other jobs read.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec

from core.jobs import files


class GeneratedResponse(msgspec.Struct, frozen=True):
    """A response that a model wrote to a dialogue."""

    dialog_id: str
    """The dialogue that it answers."""
    text: str
    """The response."""
    original: str = ""
    """The response that a teacher improved; empty if there was none."""
    finish: Literal["stop", "length"] = "stop"
    """`length` when the limit of new tokens cut it."""


def write(path: Path, responses: Iterable[GeneratedResponse]) -> None:
    """Write responses one a line."""
    encoder = msgspec.json.Encoder()
    with files.replacing(path) as file:
        for response in responses:
            file.write(encoder.encode(response) + b"\n")


def read(path: Path) -> dict[str, str]:
    """The texts by dialogue, in the file's order."""
    decoder = msgspec.json.Decoder(GeneratedResponse)
    # Of bytes: a response may hold U+2028 and the like, which end a line for str.splitlines.
    with path.open("rb") as file:
        return {response.dialog_id: response.text for response in map(decoder.decode, file)}
