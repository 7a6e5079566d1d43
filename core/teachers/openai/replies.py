"""Chat completions, live and as lines of a batch's result files, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from core.teachers.http import bodies, error_bodies, json_values, rejections
from core.teachers.http.json_values import JsonObject
from core.teachers.protocol import FailedRequest, Finish, RejectedError, Reply, TokenCounts, TransientError

#: Every ending that is known, in lower case and with underscores. Only those of `stop` are good.
_ENDINGS: dict[Finish, tuple[str, ...]] = {
    "stop": ("stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete"),
    "length": (
        *("length", "max_tokens", "max_output_tokens", "max_new_tokens", "max_length", "model_length"),
        "model_context_window_exceeded",
    ),
    "refusal": ("refusal",),
    "filtered": (
        *("content_filter", "content_filtered", "safety", "recitation", "prohibited_content", "blocklist"),
        *("spii", "sensitive", "guardrail_intervened", "blocked", "moderation", "error_toxic"),
    ),
}
_FINISH = {ending: finish for finish, endings in _ENDINGS.items() for ending in endings}
#: What a completion says that it is.
_COMPLETION = "chat.completion"
#: Members of a message, beside its content, that hold thinking.
_THINKING_MEMBERS = ("reasoning_content", "reasoning", "thinking")
#: Members in which some servers wrap a completion.
_WRAPPERS = ("data", "result", "response", "output")


def reply_of(body: JsonObject, base_url: str, key: str) -> Reply:
    """The first choice of a completion.

    Raises `TransientError` or `RejectedError` if the body is an error; their messages never contain `key`.
    """
    body = _completion(body) or body
    choice = next(iter(json_values.items(body.get("choices"))), None)
    counts = _counts(body.get("usage") or json_values.member(choice, "usage"))
    if not isinstance(choice, Mapping):
        error = rejections.of_object(body, base_url, key)
        if error is not None:
            raise error
        is_completion = body.get("object") == _COMPLETION and counts.prompt and not counts.completion
        if not body.get("choices") and ("choices" in body or is_completion):
            return bodies.reply("", "filtered", counts, ending="it has no choices")
        return bodies.unreadable(body, "it has no choices", counts)
    message = choice.get("message") or choice.get("delta") or {"content": choice.get("text")}
    content = message.get("content") if isinstance(message, Mapping) else message
    text, has_thinking = _text(content)
    has_thinking = has_thinking or any(json_values.member(message, name) for name in _THINKING_MEMBERS)
    if not text and not has_thinking and choice.get("error"):
        error = rejections.of_object(choice, base_url, key)
        if error is not None:
            raise error
    refusal = _refusal(message, content)
    if refusal is not None:
        return bodies.reply(text or refusal, "refusal", counts)
    ending = choice.get("finish_reason")
    finish = _finish(ending)
    if text is None and finish != "filtered":
        return bodies.unreadable(body, "its message has no text that is understood", counts)
    if not isinstance(ending, str | None):
        # In the same form it would come again.
        why = f"its finish_reason is in no form that is understood: {json.dumps(ending)}"
        return bodies.unreadable(body, why, counts, text or "")
    reason = None
    if finish == "unknown":
        reason = _ending(ending, choice.get("error"))
    elif finish == "filtered":
        reason = f"it ended as {ending}"
    return bodies.reply(text or "", finish, counts, _logprobs(choice), reason, has_thinking)


def result_of(line: JsonObject, base_url: str, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`.

    A line with an answer is an answer, whatever else it has. One with neither an answer nor an error is
    unreadable: perhaps it was paid.
    """
    response, error = _decoded(line.get("response")), line.get("error")
    status = json_values.count(json_values.member(response, "status_code"))
    body = _body(line, response)
    try:
        completion = _completion(body)
        if completion is not None and (completion["choices"] or not error_bodies.words(error)):
            return reply_of(completion, base_url, key)
        if error_bodies.words(error):
            return rejections.of_line(status, {"error": error}, base_url, key)
        if status is not None and status >= 400:
            return rejections.of_line(status, body, base_url, key)
        if isinstance(body, Mapping):
            return reply_of(body, base_url, key)
    except (TransientError, RejectedError) as failure:
        return rejections.as_failure(failure)
    return bodies.unreadable(line, "its line has neither an answer nor an error")


def _counts(usage: object) -> TokenCounts:
    """The counts in the usage of a completion, under OpenAI's older or newer names."""
    prompt, completion = (
        next((name for name in names if json_values.member(usage, name) is not None), names[0])
        for names in (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))
    )
    return TokenCounts(
        json_values.count(json_values.member(usage, prompt)),
        _cached(usage, prompt),
        json_values.count(json_values.member(usage, completion)),
        json_values.count(json_values.member(usage, "total_tokens")),
        json_values.count(json_values.member(usage, f"{completion}_details", "reasoning_tokens")),
    )


def _cached(usage: object, prompt: str) -> int | None:
    """The tokens of the prompt that were cached, as OpenAI, DeepSeek or Moonshot names them."""
    names = ((f"{prompt}_details", "cached_tokens"), ("prompt_cache_hit_tokens",), ("cached_tokens",))
    found = (json_values.count(json_values.member(usage, *name)) for name in names)
    return next((count for count in found if count is not None), None)


def _decoded(value: object) -> object:
    """A value that may be JSON in a text, or the only item of a list."""
    if isinstance(value, str):
        try:
            value = json_values.parse(value)
        except ValueError:
            return value
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _completion(body: object) -> JsonObject | None:
    """The completion in a body, which some servers wrap once more; None if there is none."""
    for found in (body, *(json_values.member(body, name) for name in _WRAPPERS)):
        if isinstance(found, Mapping) and "choices" in found:
            return found
    return None


def _body(line: JsonObject, response: object) -> object:
    """The body of a line's response: where it is documented, or anywhere else where it has choices."""
    documented = _decoded(json_values.member(response, "body"))
    candidates = (documented, response, _decoded(line.get("body")), _decoded(line.get("result")), line)
    return next((found for found in candidates if _completion(found) is not None), documented)


def _finish(ending: object) -> Finish:
    if not isinstance(ending, str):
        return "unknown"
    # As in `FinishReason.STOP`, `FINISH_REASON_STOP` and `content_filter: RECITATION`.
    word = ending.partition(":")[0].rpartition(".")[2].strip().casefold()
    return _FINISH.get(word.replace("-", "_").replace(" ", "_").removeprefix("finish_reason_"), "unknown")


def _ending(ending: str | None, error: object) -> str:
    if not ending:
        return "it reports no finish_reason"
    words = error_bodies.words(error)
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
        if bodies.is_thinking(part):
            has_thinking = True
            continue
        text = part if isinstance(part, str) else json_values.member(part, "text")
        text = json_values.member(part, "content") if text is None else text
        text = json_values.member(text, "value") if isinstance(text, Mapping) else text
        if isinstance(text, str):
            found.append(text)
    is_understood = bool(found) or has_thinking or content == []
    return ("".join(found) if is_understood else None), has_thinking


def _refusal(message: object, content: object) -> str | None:
    """The words of a refusal, in a member of a message or in a part of its content."""
    found = (
        json_values.text(json_values.member(one, "refusal")) for one in (message, *json_values.items(content))
    )
    return next((words for words in found if words is not None), None)


def _logprobs(choice: JsonObject) -> dict[str, float] | None:
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
