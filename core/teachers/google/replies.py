"""GenerateContentResponse, live and as lines of a batch's result file, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from core.teachers.http import bodies, error_bodies, json_values, rejections
from core.teachers.http.json_values import JsonObject
from core.teachers.protocol import FailedRequest, Finish, RejectedError, Reply, TokenCounts, TransientError

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
#: HTTP's status for gRPC's numbers.
_STATUSES = {2: 500, 3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 10: 409, 13: 500, 14: 503, 16: 401}


def reply_of(response: JsonObject, base_url: str, key: str) -> Reply:
    """The first candidate of a response. Tokens of thinking count as output.

    A response without a candidate was filtered. Raises `TransientError` or `RejectedError` if it is an error;
    their messages never contain `key`.
    """
    usage = response.get("usageMetadata")
    candidates = response.get("candidates")
    candidate = next(iter(json_values.items(candidates)), None)
    if not isinstance(candidate, Mapping):
        error = rejections.of_object(response, base_url, key, version="")
        if error is not None:
            raise error
        if candidates:
            counts = _counts(usage, has_answer=True)
            return bodies.unreadable(response, "its candidates are in no form that is understood", counts)
        blocked = json_values.text(json_values.member(response.get("promptFeedback"), "blockReason"))
        ending = f"the prompt was blocked: {blocked}" if blocked else "it has no candidates"
        return bodies.reply("", "filtered", _counts(usage, has_answer=False), ending=ending)
    finish = _finish(candidate.get("finishReason"))
    text, has_thinking = _text(candidate.get("content"))
    if text is None and finish != "filtered":
        counts = _counts(usage, has_answer=True)
        return bodies.unreadable(response, "its content is in no form that is understood", counts)
    reported = candidate.get("finishReason")
    if not isinstance(reported, str | None):
        # In the same form it would come again.
        counts = _counts(usage, has_answer=bool(text) or has_thinking)
        why = f"its finishReason is in no form that is understood: {json.dumps(reported)}"
        return bodies.unreadable(response, why, counts, text or "")
    reason: str | None = None
    if finish in ("unknown", "filtered"):
        words = json_values.text(candidate.get("finishMessage"))
        named = json_values.text(reported)
        reason = "it reports no finishReason" if named is None else f"it ended as {named}"
        reason += f": {words}" if words else ""
    counts = _counts(usage, has_answer=bool(text) or has_thinking)
    logprobs = _logprobs(candidate.get("logprobsResult"))
    return bodies.reply(text or "", finish, counts, logprobs, reason, has_thinking)


def _counts(reported: object, *, has_answer: bool) -> TokenCounts:
    """The counts in the usage of a response, from which zeros are left out."""
    prompt, cached, text, thoughts, total = (
        json_values.count(json_values.member(reported, f"{name}TokenCount"))
        for name in ("prompt", "cachedContent", "candidates", "thoughts", "total")
    )
    output = (text or 0) + (thoughts or 0)
    return TokenCounts(prompt, cached, None if has_answer and not text else output, total, thoughts)


def result_of(line: JsonObject, base_url: str, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`.

    A line with an answer is an answer, whatever else it has. One with neither an answer nor an error is
    unreadable: perhaps it was paid.
    """
    response, error = line.get("response"), line.get("error")
    if isinstance(response, Mapping) and (response.get("candidates") or not error_bodies.words(error)):
        try:
            return reply_of(response, base_url, key)
        except (TransientError, RejectedError) as failure:
            return rejections.as_failure(failure)
    if error_bodies.words(error):
        code = json_values.count(json_values.member(error, "code"))
        status = code if code is None else _STATUSES.get(code, code)
        return rejections.of_line(status, {"error": error}, base_url, key, version="")
    return bodies.unreadable(line, "its line has neither a response nor an error")


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
            (thoughts if bodies.is_thinking(part) else found).append(text)
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
