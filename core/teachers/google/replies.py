"""GenerateContentResponse, live and as lines of a batch's result file, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from core.teachers.http import bodies, error_text, json_values, token_usage
from core.teachers.protocol import FailedRequest, Finish, Reply, TransientError, Usage

#: Every ending that is known. Only STOP is good.
_FINISH: dict[str, Finish] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        (
            *("SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"),
            *("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
        ),
        "filtered",
    ),
}
#: gRPC's number, HTTP's number and the name of an invalid request, which would be rejected again.
_INVALID_ARGUMENT = ("3", "400", "INVALID_ARGUMENT")
_Object = Mapping[str, object]


def reply_of(response: _Object) -> Reply:
    """The first candidate of a response. Tokens of thinking count as output.

    A response without a candidate was filtered. Raises `TransientError` if it is an error.
    """
    usage = usage_of(response.get("usageMetadata"))
    candidates = response.get("candidates")
    candidate = next(iter(json_values.items(candidates)), None)
    if not isinstance(candidate, Mapping):
        if response.get("error"):
            message = f"the provider answered with an error: {_words(response['error'])}"
            raise TransientError(message, code="body")
        if candidates:
            return _unreadable(response, usage, "its candidates are in no form that is understood")
        blocked = json_values.text(json_values.member(response.get("promptFeedback"), "blockReason"))
        ending = f"the prompt was blocked: {blocked}" if blocked else "it has no candidates"
        return Reply("", "filtered", usage, ending=ending)
    finish = _finish(candidate.get("finishReason"))
    text, has_thinking = _text(candidate.get("content"))
    if text is None and finish != "filtered":
        return _unreadable(response, usage, "its content is in no form that is understood")
    reason: str | None = None
    if finish in ("unknown", "filtered"):
        words = json_values.text(candidate.get("finishMessage"))
        named = json_values.text(candidate.get("finishReason"))
        reason = "it reports no finishReason" if named is None else f"it ended as {named}"
        reason += f": {words}" if words else ""
    return Reply(text or "", finish, usage, _logprobs(candidate.get("logprobsResult")), reason, has_thinking)


def usage_of(value: object) -> Usage | None:
    """The usage in a response; None unless it has the tokens of the prompt."""
    prompt, cached, text, thoughts, total = (
        json_values.count(json_values.member(value, f"{name}TokenCount"))
        for name in ("prompt", "cachedContent", "candidates", "thoughts", "total")
    )
    # Zeros are left out.
    return token_usage.billed(prompt, cached, (text or 0) + (thoughts or 0), total)


def result_of(line: _Object, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`.

    A line with an answer is an answer, whatever else it has.
    """
    response, error = line.get("response"), line.get("error")
    if isinstance(response, Mapping) and (response.get("candidates") or not _words(error)):
        try:
            return reply_of(response)
        except TransientError as failure:
            return FailedRequest(failure.code, _message(str(failure), key))
    if _words(error):
        named = (json_values.text(json_values.member(error, name)) for name in ("code", "status"))
        code = next((name for name in named if name is not None), "error")
        code = "invalid_request" if code in _INVALID_ARGUMENT else code
        message = json_values.text(
            json_values.member(error, "message") if isinstance(error, Mapping) else error
        )
        return FailedRequest(code, _message(message or "", key))
    return FailedRequest("body", "the line has neither a response nor an error")


def _unreadable(response: _Object, usage: Usage | None, reason: str) -> Reply:
    return Reply("", "unreadable", usage, ending=reason, raw=json.dumps(response))


def _finish(ending: object) -> Finish:
    if not isinstance(ending, str):
        return "unknown"
    return _FINISH.get(ending.rpartition(".")[2].strip().upper(), "unknown")


def _text(content: object) -> tuple[str | None, bool]:
    """The text of a candidate's content without thoughts, and whether there are thoughts.

    None if it is in no form that is understood.
    """
    if content is None:
        return "", False
    parts = content if isinstance(content, str) else json_values.member(content, "parts")
    if isinstance(parts, str):
        return parts, False
    if parts is None:
        return ("" if isinstance(content, Mapping) else None), False
    found: list[str] = []
    thoughts: list[str] = []
    for part in json_values.items(parts):
        text = part if isinstance(part, str) else json_values.member(part, "text")
        if isinstance(text, str):
            (thoughts if json_values.member(part, "thought") is True else found).append(text)
    is_understood = bool(found or thoughts) or parts == []
    return ("".join(found) if is_understood else None), any(thoughts)


def _logprobs(result: object) -> dict[str, float] | None:
    return bodies.first_word_logprobs(_positions(result))


def _positions(result: object) -> Iterator[tuple[str, dict[str, float]]]:
    tops = json_values.items(json_values.member(result, "topCandidates"))
    positions = [json_values.items(json_values.member(top, "candidates")) for top in tops]
    # Without the chosen tokens, take the most likely ones.
    chosen = json_values.items(json_values.member(result, "chosenCandidates"))
    chosen = chosen or [candidates[0] for candidates in positions if candidates]
    for one, candidates in zip(chosen, positions, strict=False):
        found = {}
        for candidate in candidates:
            token = json_values.text(json_values.member(candidate, "token"))
            logprob = json_values.number(json_values.member(candidate, "logProbability"))
            if token is not None and logprob is not None:
                found[token] = logprob
        yield json_values.text(json_values.member(one, "token")) or "", found


def _message(text: str, key: str) -> str:
    return error_text.with_logprobs_hint(error_text.redacted(text, key))


def _words(error: object) -> str:
    """What an error says; empty if it says nothing."""
    if isinstance(error, Mapping):
        parts = (json_values.text(error.get(name)) for name in ("code", "status", "message"))
        return ": ".join(part for part in parts if part and part != "0")
    return json_values.text(error) or ""
