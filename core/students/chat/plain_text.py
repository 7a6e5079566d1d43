"""Encoding messages so that control tokens spelled in their text stay text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.dialogues import control_tokens


@dataclass(frozen=True)
class Part:
    """A part of a rendered conversation."""

    text: str
    """As it is rendered."""
    is_message: bool
    """Whether it is a message's text. The rest is the chat template's own, where control tokens count."""


def control_token_pattern(tokenizer: Any, template: str) -> re.Pattern[str]:
    """A pattern that matches, without consuming it, each place where a control token of `tokenizer` begins.

    These are its special tokens and those added tokens that are spelled like one, or that `template` writes.
    Added words and runs of white space are ordinary text.
    """
    found = set(tokenizer.all_special_tokens)
    for token in tokenizer.added_tokens_decoder.values():
        text = token.content
        if token.special or control_tokens.is_control_token(text) or (text in template and _is_sign(text)):
            found.add(text)
    # A single character cannot be divided.
    longest_first = sorted((t for t in found if len(t) > 1 and not t.isspace()), key=len, reverse=True)
    return re.compile(f"(?=({'|'.join(map(re.escape, longest_first))}))" if longest_first else r"(?!)")


def _is_sign(text: str) -> bool:
    return not text.isspace() and not text.isalnum()


def encode(
    tokenizer: Any, parts: Sequence[Part], pattern: re.Pattern[str], *, continues: bool = False
) -> list[int]:
    """The tokens of all parts in one text.

    A control token that a message spells is divided after its first character, so that no tokenizer
    recognises it. `continues` is whether the text goes on from another one, and does not begin it.
    """
    text = "".join(part.text for part in parts)
    cuts = [0]
    start = 0
    for part in parts:
        if part.is_message:
            cuts += [start + match.start() + 1 for match in pattern.finditer(part.text)]
        start += len(part.text)
    ids: list[int] = []
    for begin, end in zip(cuts, (*cuts[1:], len(text)), strict=True):
        piece = text[begin:end]
        if piece:
            ids += _continued(tokenizer, piece) if begin or continues else _encoded(tokenizer, piece)
    return ids


def _encoded(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer.encode(text, add_special_tokens=False)
    return found


def _continued(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text that goes on: SentencePiece would put a space before the first word."""
    line_break = _encoded(tokenizer, "\n")
    ids = _encoded(tokenizer, "\n" + text)
    if line_break and ids[: len(line_break)] == line_break:
        return ids[len(line_break) :]
    return _encoded(tokenizer, text)
