"""Chat completions, live and as lines of a batch's result files, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from core.teachers.http import bodies, error_text, json_values, token_usage
from core.teachers.protocol import FailedRequest, Finish, Reply, TransientError, Usage

#: Every ending that is known, in lower case and with underscores. Only those of `stop` are good.
_ENDINGS: dict[Finish, tuple[str, ...]] = {
    "stop": ("stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete"),
    "length": (
        *("length", "max_tokens", "max_output_tokens", "max_length", "model_length"),
        "model_context_window_exceeded",
    ),
    "refusal": ("refusal",),
    "filtered": (
        *("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist"),
        *("spii", "sensitive", "guardrail_intervened", "blocked", "moderation", "error_toxic"),
    ),
}
_FINISH = {ending: finish for finish, endings in _ENDINGS.items() for ending in endings}
#: Types of the parts of a message that hold thinking.
_THINKING = ("thinking", "reasoning", "redacted_thinking", "thought", "reasoning_content")
#: Members of a message, beside its content, that hold thinking.
_THINKING_MEMBERS = ("reasoning_content", "reasoning", "thinking")

_Object = Mapping[str, object]


def reply_of(body: _Object) -> Reply:
    """The first choice of a completion. Raises `TransientError` if the body is an error."""
    usage = usage_of(body.get("usage"))
    choice = next(iter(json_values.items(body.get("choices"))), None)
    if not isinstance(choice, Mapping):
        if body.get("error"):
            raise TransientError(f"the provider answered with an error: {_words(body['error'])}", code="body")
        if "choices" in body and not body["choices"]:
            return Reply("", "filtered", usage, ending="it has no choices")
        return _unreadable(body, usage, "it has no choices")
    message = choice.get("message") or choice.get("delta") or {"content": choice.get("text")}
    content = message.get("content") if isinstance(message, Mapping) else message
    text, has_thinking = _text(content)
    has_thinking = has_thinking or any(json_values.member(message, name) for name in _THINKING_MEMBERS)
    refusal = json_values.text(json_values.member(message, "refusal"))
    if refusal is not None:
        return Reply(text or refusal, "refusal", usage)
    ending = choice.get("finish_reason")
    finish = _finish(ending)
    if text is None and finish != "filtered":
        return _unreadable(body, usage, "its message has no text that is understood")
    reason = None
    if finish == "unknown":
        reason = _ending(ending, choice.get("error"))
    elif finish == "filtered":
        reason = f"it ended as {ending}"
    return Reply(text or "", finish, usage, _logprobs(choice), reason, has_thinking)


def usage_of(value: object) -> Usage | None:
    """The usage in a completion; None unless the tokens of both prompt and completion are known."""
    return token_usage.billed(
        json_values.count(json_values.member(value, "prompt_tokens")),
        json_values.count(json_values.member(value, "prompt_tokens_details", "cached_tokens")),
        json_values.count(json_values.member(value, "completion_tokens")),
        json_values.count(json_values.member(value, "total_tokens")),
    )


def result_of(line: _Object, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`.

    A line with an answer is an answer, whatever else it has.
    """
    response, error = line.get("response"), line.get("error")
    status = json_values.count(json_values.member(response, "status_code"))
    body = _body(response)
    if isinstance(body, Mapping) and "choices" in body and (body["choices"] or not _words(error)):
        return reply_of(body)
    if _words(error):
        code = json_values.text(json_values.member(error, "code"))
        message = json_values.text(json_values.member(error, "message"))
        message = message if isinstance(error, Mapping) else _words(error)
        return FailedRequest(code or "error", _message(message or "", key))
    if not response:
        return FailedRequest("body", "the line has neither a response nor an error")
    if status not in (None, 200) or not isinstance(body, Mapping):
        return FailedRequest(str(status or "body"), _message(_error_message(body), key))
    try:
        return reply_of(body)
    except TransientError as failure:
        return FailedRequest(failure.code, _message(str(failure), key))


def _body(response: object) -> object:
    """The completion in a line's response: its body, perhaps as text, or the response itself."""
    body = json_values.member(response, "body")
    if body is None and isinstance(response, Mapping) and "choices" in response:
        return response
    if isinstance(body, str):
        try:
            return json_values.parse(body)
        except ValueError:
            return body
    return body


def _unreadable(body: _Object, usage: Usage | None, reason: str) -> Reply:
    return Reply("", "unreadable", usage, ending=reason, raw=json.dumps(body))


def _finish(ending: object) -> Finish:
    if not isinstance(ending, str):
        return "unknown"
    word = ending.rpartition(".")[2].strip().casefold().replace("-", "_").replace(" ", "_")
    return _FINISH.get(word, "unknown")


def _ending(ending: object, error: object) -> str:
    if not ending:
        return "it reports no finish_reason"
    words = _words(error)
    return f"it ended as {json_values.text(ending)}" + (f": {words}" if words else "")


def _text(content: object) -> tuple[str | None, bool]:
    """The text of a message's content, a text or a list of parts, and whether there is thinking beside it.

    None if it is in no form that is understood.
    """
    if content is None or isinstance(content, str):
        return content or "", False
    parts = json_values.items(content)
    found: list[str] = []
    has_thinking = False
    for part in parts:
        if isinstance(part, Mapping) and str(part.get("type")).casefold() in _THINKING:
            has_thinking = True
            continue
        text = part if isinstance(part, str) else json_values.member(part, "text")
        text = json_values.member(text, "value") if isinstance(text, Mapping) else text
        if isinstance(text, str):
            found.append(text)
    is_understood = bool(found) or has_thinking or content == []
    return ("".join(found) if is_understood else None), has_thinking


def _logprobs(choice: _Object) -> dict[str, float] | None:
    return bodies.first_word_logprobs(_positions(json_values.member(choice.get("logprobs"), "content")))


def _positions(content: object) -> Iterator[tuple[str, dict[str, float]]]:
    for position in json_values.items(content):
        found = {}
        for top in json_values.items(json_values.member(position, "top_logprobs")):
            token = json_values.text(json_values.member(top, "token"))
            logprob = json_values.number(json_values.member(top, "logprob"))
            if token is not None and logprob is not None:
                found[token] = logprob
        yield json_values.text(json_values.member(position, "token")) or "", found


def _message(text: str, key: str) -> str:
    return error_text.with_logprobs_hint(error_text.redacted(text, key))


def _error_message(body: object) -> str:
    """The message in an error response's body; the whole body if it has another format."""
    return _words(json_values.member(body, "error")) or json.dumps(body)


def _words(error: object) -> str:
    """What an error says; empty if it says nothing."""
    if isinstance(error, Mapping):
        parts = (json_values.text(error.get(name)) for name in ("code", "message"))
        return ": ".join(part for part in parts if part)
    return json_values.text(error) or ""
