"""A teacher's answers: which replies can be used, and files of answers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from core.dialogues.records import MAX_WORDS
from core.domain.submissions import Outcome
from core.jobs import files
from core.teachers.protocol import Reply

_LABEL = re.compile(
    r"\A(?:\*\*)?(?:(?:improved|revised|rewritten|final|new)\s+)?response:(?:\*\*)?\s*", re.IGNORECASE
)
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"))


class Line(msgspec.Struct, frozen=True):
    """One line of answers.jsonl."""

    dialog_id: str
    text: str
    original: str = ""
    """The response that was improved; empty if there was none."""


def classify(reply: Reply) -> tuple[Outcome, str]:
    """Whether a reply can be used, and its text without the label and quotes that models add."""
    text = _without_label_and_quotes(reply.text)
    if reply.finish == "refusal":
        return "refused", text
    if reply.finish == "filtered":
        return "filtered", text
    if reply.finish == "length":
        return "cut", text
    if not text:
        return "empty", text
    return ("long" if len(text.split()) > MAX_WORDS else "ok"), text


def write(path: Path, lines: Iterable[Line]) -> None:
    """Write answers to a file, in full or not at all."""
    encoder = msgspec.json.Encoder()
    with files.replacing(path) as file:
        for line in lines:
            file.write(encoder.encode(line) + b"\n")


def read(path: Path) -> dict[str, str]:
    """The responses in an answers.jsonl or a responses.jsonl, by dialogue, in the file's order."""
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        return {line.dialog_id: line.text for line in map(decoder.decode, file)}


def _without_label_and_quotes(text: str) -> str:
    text = _LABEL.sub("", text.strip()).strip()
    for left, right in _QUOTES:
        inner = text[1:-1]
        if (
            len(text) > 1
            and text[0] == left
            and text[-1] == right
            and left not in inner
            and right not in inner
        ):
            return inner.strip()
    return text
