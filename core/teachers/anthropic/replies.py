"""Claude's messages, live and as lines of a batch's results, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import json
from collections.abc import Mapping

from core.teachers.http import bodies, json_values, rejections
from core.teachers.http.json_values import JsonObject
from core.teachers.protocol import FailedRequest, Finish, RejectedError, Reply, TokenCounts, TransientError

#: Every ending that is known. Only those of `stop` are good.
_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}


def reply_of(body: JsonObject, base_url: str, key: str) -> Reply:
    """The reply in a message: its blocks of text, without those of thinking.

    Raises `TransientError` or `RejectedError` if the body is an error; their messages never contain `key`.
    """
    content = body.get("content")
    if content is None:
        error = rejections.of_object(body, base_url, key, version="")
        if error is not None:
            raise error
    counts = _counts(body.get("usage"))
    text, has_thinking = _text(content)
    reason = body.get("stop_reason")
    finish = _FINISH.get(reason, "unknown") if isinstance(reason, str) else "unknown"
    if finish == "refusal":
        words = json_values.text(json_values.member(body, "stop_details", "explanation"))
        return bodies.reply(text or words or "", finish, counts, ending=words, has_thinking=has_thinking)
    if text is None:
        return bodies.unreadable(body, "its content is in no form that is understood", counts)
    if not isinstance(reason, str | None):
        # In the same form it would come again.
        words = f"its stop_reason is in no form that is understood: {json.dumps(reason)}"
        return bodies.unreadable(body, words, counts, text)
    ending = None
    if finish == "unknown":
        named = json_values.text(reason)
        ending = "it reports no stop_reason" if named is None else f"it ended as {named}"
    return bodies.reply(text, finish, counts, ending=ending, has_thinking=has_thinking)


def result_of(line: JsonObject, base_url: str, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`.

    One in no known form is unreadable: perhaps it was paid.
    """
    result = line.get("result")
    message = json_values.member(result, "message")
    try:
        if isinstance(message, Mapping):
            return reply_of(message, base_url, key)
        match json_values.member(result, "type"):
            case "errored":
                return rejections.of_line(
                    None, json_values.member(result, "error"), base_url, key, version=""
                )
            case "expired":
                return FailedRequest("batch_expired", "the batch expired before this request was processed")
    except (TransientError, RejectedError) as failure:
        return rejections.as_failure(failure)
    return bodies.unreadable(line, "its line has neither an answer nor an error")


def is_cancelled(line: JsonObject) -> bool:
    """Whether a request was never processed, because its batch was cancelled."""
    return json_values.member(line.get("result"), "type") == "canceled"


def _counts(usage: object) -> TokenCounts:
    """The counts in the usage of a message, whose input tokens are those that are neither read from the cache
    nor written to it."""
    fresh, written, cached, output = (
        json_values.count(json_values.member(usage, name))
        for name in (
            "input_tokens",
            "cache_creation_input_tokens",
            "cache_read_input_tokens",
            "output_tokens",
        )
    )
    return TokenCounts(
        prompt=None if fresh is None else fresh + (written or 0) + (cached or 0),
        cached=cached,
        completion=output,
        total=None,
        reasoning=json_values.count(json_values.member(usage, "output_tokens_details", "thinking_tokens")),
        cache_write=written,
    )


def _text(content: object) -> tuple[str | None, bool]:
    """The text of a message's blocks, and whether there are blocks of thinking.

    None if it is in no form that is understood.
    """
    if isinstance(content, str):
        return content, False
    found: list[str] = []
    has_thinking = False
    for block in json_values.items(content):
        text = json_values.member(block, "text")
        if bodies.is_thinking(block):
            has_thinking = True
        elif isinstance(text, str):
            found.append(text)
    is_understood = bool(found) or has_thinking or content == []
    return ("".join(found) if is_understood else None), has_thinking


def request_id(content: str) -> str | None:
    """The `custom_id` in one line of a batch's results; None if it has none that can be read."""
    try:
        line = json_values.parse(content)
    except ValueError:
        return None
    found = json_values.member(line, "custom_id")
    return found if isinstance(found, str) else None
