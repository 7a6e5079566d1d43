"""Response bodies and JSONL files of providers: read generously, and never trusted."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from core.teachers.answers import cleaning
from core.teachers.http import error_text, json_values, token_usage
from core.teachers.protocol import FailedRequest, Finish, Reply, TokenCounts, TransientError, Usage

#: Characters that may precede the first word of a response.
_BEFORE_FIRST_WORD = " \t\r\n\"'`*()[]"
#: Names that servers have for the member with a request's key, beside the documented one.
_KEY_NAMES = ("custom_id", "customId", "customid", "key")
#: What the types of the parts of an answer that hold thinking have in common.
_THINKING_TYPE = re.compile(r"think|thought|reason", re.IGNORECASE)
#: The name of the request in a damaged line.
_KEY = re.compile(r'"(?:custom_?id|key)"\s*:\s*"\s*([\w.:-]{1,200})\s*"', re.IGNORECASE)

log = logging.getLogger(__name__)


def parse(content: bytes | str) -> Mapping[str, object]:
    """The object in a body, which may be the only one of a list. Raises `TransientError` if there is none."""
    if not content.strip():
        raise TransientError("the response is empty", code="body", may_be_charged=True)
    try:
        value = json_values.parse(content)
    except ValueError as error:
        raise TransientError(f"the response is not JSON: {error}", code="body", may_be_charged=True) from None
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    if not isinstance(value, dict):
        raise TransientError("the response is not a JSON object", code="body", may_be_charged=True)
    return value


def reply(
    text: str,
    finish: Finish,
    counts: TokenCounts,
    logprobs: dict[str, float] | None = None,
    ending: str | None = None,
    has_thinking: bool = False,
) -> Reply:
    """The reply that a body says, with the tokens that are charged for it."""
    usage = token_usage.billed(counts, has_answer=bool(text) or has_thinking)
    unknown = token_usage.incomplete(counts, usage)
    if finish == "length":
        ending = _used_up(text, usage, has_thinking)
    elif ending is not None:
        ending = error_text.shortened(ending)
    return Reply(text, finish, usage, logprobs, ending, has_thinking, counts=unknown)


def _used_up(text: str, usage: Usage | None, has_thinking: bool) -> str | None:
    """Why an answer was cut, if reasoning used most of its token limit, or all; else None.

    Without numbers, so that answers can be counted by it.
    """
    if not cleaning.clean(text).text and (has_thinking or text.strip() or (usage and usage.reasoning_tokens)):
        return "reasoning used up its token limit"
    if usage is not None and usage.reasoning_tokens and 2 * usage.reasoning_tokens >= usage.output_tokens:
        return "reasoning used most of its token limit"
    return None


def is_thinking(part: object) -> bool:
    """Whether a part of an answer is thinking: by its type, such as `reasoning.text`, or by its mark."""
    kind = json_values.member(part, "type")
    is_marked = json_values.member(part, "thought") in (True, 1, "true", "True")
    return is_marked or (isinstance(kind, str) and _THINKING_TYPE.search(kind) is not None)


def unreadable(body: object, reason: str, counts: TokenCounts | None = None, text: str = "") -> Reply:
    """The reply that is left of a body in a form that is not understood: its `text`, if that is known."""
    raw = body if isinstance(body, str) else json.dumps(body)
    usage = None if counts is None else token_usage.billed(counts, has_answer=True)
    unknown = None if counts is None else token_usage.incomplete(counts, usage)
    return Reply(text, "unreadable", usage, ending=error_text.shortened(reason), raw=raw, counts=unknown)


def _read_lines(path: Path) -> Iterator[tuple[str, Mapping[str, object] | None]]:
    """The lines of a JSONL file that are not blank, each with its object; None where it is none.

    Objects may also follow each other in one line, or be items of a JSON array, in any layout. Lines without
    one come last.
    """
    damaged: list[str] = []
    has_objects = False
    with path.open("rb") as file:
        for number, content in enumerate(file, start=1):
            line = json_values.decoded(content).replace("\0", "").strip()
            line = line.removeprefix("[").removesuffix("]").strip(", \t")
            if not line:
                continue
            try:
                found = [(line, parse(line))]
            except TransientError as error:
                log.warning("%s, line %d: %s", path.name, number, error)
                found = _objects(line)
            yield from found
            has_objects = has_objects or bool(found)
            if not found:
                damaged.append(line)
    # An array over several lines.
    whole = [] if has_objects else _objects(json_values.decoded(path.read_bytes()))
    yield from whole or ((line, None) for line in damaged)


def _objects(text: str) -> list[tuple[str, Mapping[str, object]]]:
    """The objects that follow each other in a text, or are items of a list in it; none if there is anything
    else. Each has a text that it is in."""
    try:
        values = [
            (part, item)
            for part, value in json_values.sequence(text)
            for item in (value if isinstance(value, list) else [value])
        ]
    except ValueError:
        return []
    found = [(part, item) for part, item in values if isinstance(item, Mapping)]
    return found if len(found) == len(values) else []


def keys(path: Path, name: str) -> set[str]:
    """The keys of the requests in a batch's input file, which are the members `name` of its lines."""
    found = (json_values.text(line.get(name)) for _, line in _read_lines(path) if line is not None)
    return {key for key in found if key is not None}


def results(
    paths: Sequence[Path], name: str, read: Callable[[Mapping[str, object]], Reply | FailedRequest | None]
) -> Iterator[tuple[str | None, Reply | FailedRequest]]:
    """The results in a batch's files, each with its request's key, which is the member `name` of a line.

    A line that `read` returns None of is left out. One that is damaged is an unreadable reply: it was paid.
    """
    for path in paths:
        for line, value in _read_lines(path):
            if value is not None:
                result = read(value)
                if result is not None:
                    yield _key(value, name), result
                continue
            key = _KEY.search(line)
            reply = unreadable(line, f"its line in {path.name} is damaged")
            yield None if key is None else key[1].lower(), reply


def _key(line: Mapping[str, object], name: str) -> str | None:
    named = (json_values.text(line.get(spelled)) for spelled in (name, *_KEY_NAMES))
    key = next((key for key in named if key is not None), None)
    # Keys are hexadecimal numbers.
    return None if key is None else key.strip().lower()


def first_word_logprobs(tokens: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, float] | None:
    """The log-probabilities at the position where the first word of a response begins.

    `tokens` are the generated tokens, each with the most likely tokens at its position. Thinking, and
    positions of white space, quotes, asterisks and brackets are skipped. None if no position is left.
    """
    tokens = list(tokens)
    begin = cleaning.thinking_end("".join(token for token, _ in tokens))
    at = 0
    for token, found in tokens:
        if at >= begin and token.strip(_BEFORE_FIRST_WORD) and found:
            return dict(found)
        at += len(token)
    return None
