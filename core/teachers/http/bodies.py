"""Response bodies and JSONL files of providers: decoded strictly, and never trusted."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from core.teachers.protocol import TransientError

T = TypeVar("T")

#: Characters that may precede the first word of a response.
_BEFORE_FIRST_WORD = " \t\r\n\"'`*()[]"

log = logging.getLogger(__name__)


def decode(content: str | bytes | msgspec.Raw, kind: type[T]) -> T:
    """Decode a body. Raises `TransientError` if it does not match the documented format."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TransientError(
            f"the response does not match the documented format: {error}", code="body"
        ) from error


def decode_optional(content: msgspec.Raw, kind: type[T]) -> T | None:
    """Decode an optional part of a body: None if it is null or malformed, since the rest is paid for."""
    if bytes(content) == b"null":
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("ignored a part of the response that does not match the documented format: %s", error)
        return None


def read_jsonl(path: Path, kind: type[T]) -> Iterator[T]:
    """Decode the lines of a JSONL file; malformed lines are logged and skipped."""
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.warning("%s: skipped line %d: %s", path.name, number, error)


def first_word_logprobs(tokens: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, float] | None:
    """The log-probabilities at the position where the first word of a response begins.

    `tokens` are the generated tokens, each with the most likely tokens at its position. Positions of
    white space, quotes, asterisks and brackets are skipped. None if no position is left.
    """
    return next((dict(found) for token, found in tokens if token.strip(_BEFORE_FIRST_WORD) and found), None)
