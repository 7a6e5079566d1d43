"""Which of a teacher's replies can be used."""

from __future__ import annotations

import re

from core.domain.dialogues import MAX_WORDS
from core.domain.submissions import Outcome
from core.teachers.protocol import Reply

_LABEL = re.compile(
    r"\A(?:\*\*)?(?:(?:improved|revised|rewritten|final|new)\s+)?response:(?:\*\*)?\s*", re.IGNORECASE
)
_QUOTES = (('"', '"'), ("“", "”"), ("'", "'"), ("«", "»"))


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
