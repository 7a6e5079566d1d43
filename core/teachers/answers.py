"""A teacher's answers: what can be used of a reply, and the file in which a set of them lies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from core.domain.dialogues import MAX_WORDS
from core.jobs import files
from core.jobs.journal import Outcome
from core.teachers.protocol import Reply

_LABEL = re.compile(
    r"\A(?:\*\*)?(?:(?:improved|revised|rewritten|final|new)\s+)?response:(?:\*\*)?\s*", re.IGNORECASE
)
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"))


class Line(msgspec.Struct, frozen=True):
    """One line of answers.jsonl; `original` is the response that was improved, empty if there was none."""

    dialog_id: str
    text: str
    original: str = ""


def judge(reply: Reply) -> tuple[Outcome, str]:
    """Whether a reply can be used, and its text without what the model put around it."""
    text = _bare(reply.text)
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
    encoder = msgspec.json.Encoder()
    with files.replacing(path) as file:
        for line in lines:
            file.write(encoder.encode(line) + b"\n")


def read(path: Path) -> dict[str, str]:
    """The texts of an answers.jsonl, or of a responder's responses.jsonl, by dialogue in its order."""
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as file:
        return {line.dialog_id: line.text for line in map(decoder.decode, file)}


def _bare(text: str) -> str:
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
