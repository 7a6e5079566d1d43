"""GenerateContentResponse, live and as lines of a batch's result file, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import msgspec

from core.teachers.http import bodies, error_text, token_usage
from core.teachers.protocol import FailedRequest, Finish, Reply, TransientError

_FILTERED = (
    "SAFETY",
    "RECITATION",
    "LANGUAGE",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "MODEL_ARMOR",
    "IMAGE_SAFETY",
)
_FINISH: dict[str | None, Finish] = {"MAX_TOKENS": "length", **dict.fromkeys(_FILTERED, "filtered")}
#: gRPC's number, HTTP's number and the name of an invalid request, which would be rejected again.
_INVALID_ARGUMENT = ("3", "400", "INVALID_ARGUMENT")
_NULL = msgspec.Raw(b"null")


class _Part(msgspec.Struct):
    text: str | None = None
    thought: bool | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _LogprobsCandidate(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float | None = None


class _TopCandidates(msgspec.Struct):
    candidates: list[_LogprobsCandidate] | None = None


class _LogprobsResult(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_LogprobsCandidate] | None = None
    top_candidates: list[_TopCandidates] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    logprobs_result: msgspec.Raw = _NULL


class _PromptFeedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _UsageMetadata(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    total_token_count: int | None = None


class GenerateContentResponse(msgspec.Struct, rename="camel"):
    """A response of the model."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _PromptFeedback | None = None
    usage_metadata: _UsageMetadata | None = None


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    status: str | None = None


class ResultLine(msgspec.Struct):
    """One line of a batch's result file."""

    key: str
    response: msgspec.Raw = _NULL
    error: _Error | None = None


class InputLine(msgspec.Struct):
    """One line of a batch's input file; only what identifies the request."""

    key: str


def reply_of(response: GenerateContentResponse) -> Reply:
    """The first candidate of a response. Tokens of thinking count as output.

    Raises `TransientError` if there is no candidate although the prompt was not blocked.
    """
    usage = None
    if response.usage_metadata is not None:
        counts = response.usage_metadata
        usage = token_usage.billed(
            counts.prompt_token_count,
            counts.cached_content_token_count,
            # Zeros are left out.
            (counts.candidates_token_count or 0) + (counts.thoughts_token_count or 0),
            counts.total_token_count,
        )
    if not response.candidates:
        if response.prompt_feedback is not None and response.prompt_feedback.block_reason is not None:
            return Reply("", "filtered", usage)
        raise TransientError("the response has no candidates", code="body")
    candidate = response.candidates[0]
    parts = [] if candidate.content is None else candidate.content.parts or []
    text = "".join(part.text or "" for part in parts if not part.thought)
    finish = _FINISH.get(candidate.finish_reason, "stop")
    return Reply(text, finish, usage, _logprobs(candidate.logprobs_result))


def result_of(line: ResultLine, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`."""
    if line.error is not None:
        code = str(line.error.code or line.error.status or "error")
        code = "invalid_request" if code in _INVALID_ARGUMENT else code
        message = error_text.redacted(line.error.message or "", key)
        return FailedRequest(code, error_text.with_logprobs_hint(message))
    if bytes(line.response) == b"null":
        return FailedRequest("body", "the line has neither a response nor an error")
    try:
        return reply_of(bodies.decode(line.response, GenerateContentResponse))
    except TransientError as error:
        return FailedRequest(error.code, str(error))


def _logprobs(content: msgspec.Raw) -> dict[str, float] | None:
    result = bodies.decode_optional(content, _LogprobsResult)
    if result is None:
        return None
    positions = [top.candidates or [] for top in result.top_candidates or []]
    # Without the chosen tokens, take the most likely ones.
    chosen = result.chosen_candidates or [candidates[0] for candidates in positions if candidates]
    return bodies.first_word_logprobs(
        (token.token, {c.token: c.log_probability for c in candidates if c.log_probability is not None})
        for token, candidates in zip(chosen, positions, strict=False)
    )
