"""The file format in which jobs pass on generated responses, both a teacher's and a responder's.

Responses are also in the journal, so that a crash loses none, and in the store, for the screens. Other jobs
read this file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from core.jobs import files


class GeneratedResponse(msgspec.Struct, frozen=True):
    """A model's response to a dialogue."""

    dialog_id: str
    """The dialogue that it answers."""
    text: str
    """The response."""
    original: str = ""
    """The response that a teacher improved; empty if there was none."""
    finish: Literal["stop", "length"] = "stop"
    """`length` when the limit of new tokens cut it."""
    left_out: str = ""
    """Why there is no usable response: the outcome of the request, such as `filtered`; else empty."""


def write(path: Path, responses: Iterable[GeneratedResponse]) -> None:
    """Write one response per line."""
    files.write_json_lines(path, responses)


def read(path: Path) -> dict[str, str]:
    """The texts by dialogue, in the order of the file, without dialogues that are left out."""
    return {response.dialog_id: response.text for response in responses(path) if not response.left_out}


def left_out(path: Path) -> set[str]:
    """The dialogues that are left out, because their request got no usable response."""
    return {response.dialog_id for response in responses(path) if response.left_out}


def responses(path: Path) -> Iterator[GeneratedResponse]:
    """All responses in the order of the file, those that are left out as well."""
    return files.read_json_lines(path, GeneratedResponse)
