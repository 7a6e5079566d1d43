"""Response bodies and JSONL files of providers: read generously, and never trusted."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from core.teachers import answer_cleaning
from core.teachers.http import json_values
from core.teachers.protocol import FailedRequest, Reply, TransientError

#: The code of a line of a result file that is no JSON, perhaps because it was cut.
DAMAGED = "damaged"

#: Characters that may precede the first word of a response.
_BEFORE_FIRST_WORD = " \t\r\n\"'`*()[]"
#: The name of the request in a damaged line.
_KEY = re.compile(rb'"(?:custom_id|key)"\s*:\s*"([\w.:-]{1,200})"')

log = logging.getLogger(__name__)


def parse(content: bytes | str) -> Mapping[str, object]:
    """The object in a body. Raises `TransientError` if it is none: then no model has answered."""
    try:
        value = json_values.parse(content)
    except ValueError as error:
        raise TransientError(f"the response is not JSON: {error}", code="body", may_be_charged=True) from None
    if not isinstance(value, dict):
        raise TransientError("the response is not a JSON object", code="body", may_be_charged=True)
    return value


def read_lines(path: Path) -> Iterator[tuple[bytes, Mapping[str, object] | None]]:
    """The lines of a JSONL file that are not blank, each with its object; None where it is none."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield line, parse(line)
            except TransientError as error:
                log.warning("%s, line %d: %s", path.name, number, error)
                yield line, None


def keys(path: Path, name: str) -> set[str]:
    """The keys of the requests in a batch's input file, which are the members `name` of its lines."""
    found = (json_values.text(line.get(name)) for _, line in read_lines(path) if line is not None)
    return {key for key in found if key is not None}


def results(
    paths: Sequence[Path], name: str, read: Callable[[Mapping[str, object]], Reply | FailedRequest]
) -> Iterator[tuple[str | None, Reply | FailedRequest]]:
    """The results in a batch's files, each with its request's key, which is the member `name` of a line."""
    for path in paths:
        for line, value in read_lines(path):
            if value is not None:
                yield json_values.text(value.get(name)), read(value)
                continue
            key = _KEY.search(line)
            failure = FailedRequest(DAMAGED, f"its line in {path.name} is damaged, and is kept there")
            yield None if key is None else key[1].decode(), failure


def first_word_logprobs(tokens: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, float] | None:
    """The log-probabilities at the position where the first word of a response begins.

    `tokens` are the generated tokens, each with the most likely tokens at its position. Thinking, and
    positions of white space, quotes, asterisks and brackets are skipped. None if no position is left.
    """
    tokens = list(tokens)
    begin = answer_cleaning.thinking_end("".join(token for token, _ in tokens))
    at = 0
    for token, found in tokens:
        if at >= begin and token.strip(_BEFORE_FIRST_WORD) and found:
            return dict(found)
        at += len(token)
    return None
