"""The bodies of Gemini's API as it documents them, and what they mean in the words of the protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from google.genai import errors, types

from core.teachers import wire
from core.teachers.protocol import (
    BatchInfo,
    BatchStatus,
    Fault,
    Finish,
    RejectedError,
    Reply,
    Request,
    TransientError,
    Usage,
)
from core.teachers.wire import Endpoint

_PREFIX = "empathy-tui "
#: Characters of a workspace's name in a batch's display name.
_MAX_NAME = 200
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
#: States without their beginning, which is JOB_STATE_ or BATCH_STATE_.
_STATES: dict[str, BatchStatus] = {
    "UNSPECIFIED": "validating",
    "QUEUED": "validating",
    "PENDING": "validating",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLING": "cancelling",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
#: Seconds after which a batch that has not ended expires.
_WINDOW_S = 48 * 3600.0
#: Statuses that say something about one request, unless the words below are with them.
_ONE_REQUEST = frozenset({400, 413, 422})
_EVERY_REQUEST = ("API_KEY_INVALID", "API key", "FAILED_PRECONDITION")


#: gRPC's and HTTP's numbers and the name of a request that would be refused again.
_INVALID = ("3", "400", "INVALID_ARGUMENT")
#: gRPC's and HTTP's numbers of a quota that is used up, and its name.
_EXHAUSTED = ("8", "429", "RESOURCE_EXHAUSTED")
_NOTHING = msgspec.Raw(b"null")

log = logging.getLogger(__name__)


class _Part(msgspec.Struct):
    text: str | None = None
    thought: bool | None = None


class _Content(msgspec.Struct):
    parts: list[_Part] | None = None


class _Likely(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float | None = None


class _Likeliest(msgspec.Struct):
    candidates: list[_Likely] | None = None


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Likely] | None = None
    top_candidates: list[_Likeliest] | None = None


class _Candidate(msgspec.Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None
    logprobs_result: msgspec.Raw = _NOTHING


class _Feedback(msgspec.Struct, rename="camel"):
    block_reason: str | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class GoogleAnswer(msgspec.Struct, rename="camel"):
    """GenerateContentResponse."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: _Feedback | None = None
    usage_metadata: _Usage | None = None


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    status: str | None = None


class _Stats(msgspec.Struct, rename="camel"):
    request_count: int | None = None
    successful_request_count: int = 0
    failed_request_count: int = 0


class _Metadata(msgspec.Struct, rename="camel"):
    batch_stats: _Stats | None = None


class Told(msgspec.Struct):
    """What the API says of a batch and the client leaves out: its counts, and why it failed."""

    metadata: _Metadata | None = None
    error: _Error | None = None


class Line(msgspec.Struct):
    """One line of a result file."""

    key: str
    response: msgspec.Raw = _NOTHING
    error: _Error | None = None


class Asked(msgspec.Struct):
    """One line of an input file."""

    key: str


def line(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """A line of an input file: the request as the REST API wants it."""
    sampling = {
        "temperature": endpoint.temperature,
        "topP": endpoint.top_p,
        "seed": endpoint.seed,
        "maxOutputTokens": endpoint.max_output_tokens,
        "responseLogprobs": None if endpoint.top_logprobs is None else True,
        "logprobs": endpoint.top_logprobs,
    }
    asked = {
        "contents": [
            {"role": _role(message.role), "parts": [{"text": message.content}]}
            for message in request.messages
        ],
        "generationConfig": {name: value for name, value in sampling.items() if value is not None},
    }
    return {"key": request.key, "request": _merged(asked, endpoint.extra_body)}


def contents(request: Request) -> list[types.ContentUnion]:
    """The same messages for the client."""
    return [
        types.Content(role=_role(message.role), parts=[types.Part(text=message.content)])
        for message in request.messages
    ]


def answer(content: str | bytes | msgspec.Raw) -> GoogleAnswer:
    """Raises `TransientError` when `content` is not what it should be."""
    try:
        return msgspec.json.decode(content, type=GoogleAnswer)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TransientError(f"the answer is not what the API documents: {error}", code="body") from error


def reply(found: GoogleAnswer) -> Reply:
    """Tokens of thinking are output. Raises `TransientError` when there is no candidate, and no reason."""
    usage = None
    if found.usage_metadata is not None:
        told = found.usage_metadata
        usage = Usage(
            told.prompt_token_count or 0,
            told.cached_content_token_count or 0,
            (told.candidates_token_count or 0) + (told.thoughts_token_count or 0),
        )
    if not found.candidates:
        if found.prompt_feedback is not None and found.prompt_feedback.block_reason is not None:
            return Reply("", "filtered", usage)
        raise TransientError("the answer holds no candidate", code="body")
    candidate = found.candidates[0]
    parts = [] if candidate.content is None else candidate.content.parts or []
    text = "".join(part.text or "" for part in parts if not part.thought)
    finish = _FINISH.get(candidate.finish_reason, "stop")
    return Reply(text, finish, usage, _logprobs(candidate.logprobs_result))


def _logprobs(content: msgspec.Raw) -> dict[str, float] | None:
    told = wire.decoded_or_none(content, _Logprobs)
    if told is None:
        return None
    steps = [likeliest.candidates or [] for likeliest in told.top_candidates or []]
    # Where it is not told which one was chosen it was most likely the first.
    chosen = told.chosen_candidates or [candidates[0] for candidates in steps if candidates]
    return wire.first_word(
        (one.token, {c.token: c.log_probability for c in candidates if c.log_probability is not None})
        for one, candidates in zip(chosen, steps, strict=False)
    )


def result(found: Line, key: str) -> Reply | Fault:
    """What a line of a result file says of its request; its words never hold `key`."""
    if found.error is not None:
        code = str(found.error.code or found.error.status or "error")
        code = "invalid_request" if code in _INVALID else code
        return Fault(code, wire.with_remedy(wire.words(found.error.message or "", key))[0])
    if bytes(found.response) == b"null":
        return Fault("body", "neither a response nor an error")
    try:
        return reply(answer(found.response))
    except TransientError as error:
        return Fault(error.code, str(error))


def display_name(metadata: Mapping[str, str]) -> str:
    """There is no metadata: the name carries workspace, job and token."""
    return f"{_PREFIX}{metadata['workspace'][:_MAX_NAME]}/{metadata['job']}/{metadata['token']}"


def told(body: bytes) -> Told:
    """What the body about a batch says; nothing if it is not as documented: it only adds to the rest."""
    try:
        # Counts are texts, as all numbers of 64 bits are.
        return msgspec.json.decode(body, type=Told, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("what is told of a batch is not what the API documents: %s", error)
        return Told()


def info(batch: types.BatchJob, more: Told, key: str) -> BatchInfo:
    """The batch in the words of the protocol; those of its error never hold `key`.

    Answers and errors are in one file. The input file is not named: it cannot be fetched.
    """
    state = batch.state.value if batch.state is not None else "UNSPECIFIED"
    stats = more.metadata.batch_stats if more.metadata is not None else None
    results = batch.dest.file_name if batch.dest is not None else None
    created_at = batch.create_time.timestamp() if batch.create_time is not None else None
    return BatchInfo(
        id=batch.name or "",
        status=_STATES.get(state.rpartition("_STATE_")[2], "in_progress"),
        completed=stats.successful_request_count if stats is not None else None,
        failed=stats.failed_request_count if stats is not None else None,
        total=stats.request_count if stats is not None else None,
        input_file=None,
        output_file=results,
        error_file=results,
        errors=(wire.words(_said(more.error), key),) if more.error is not None else (),
        metadata=_metadata(batch.display_name or ""),
        created_at=created_at,
        expires_at=created_at + _WINDOW_S if created_at is not None else None,
    )


def is_exhausted(error: str) -> bool:
    """Whether an error of a batch, as `info` tells it, is that the quota was used up."""
    return error.startswith(_EXHAUSTED[-1])


def translated(error: errors.APIError, key: str) -> TransientError | RejectedError:
    """The client's error in the words of the protocol; they never hold `key`."""
    told = wire.words(f"{error.code} {error.status or ''}: {error.message or error.details}", key)
    if error.code in (408, 409, 429) or error.code >= 500:
        return TransientError(
            told, code=str(error.code), throttled=error.code == 429, retry_after=_retry_after(error)
        )
    told, is_of_logprobs = wire.with_remedy(told)
    everyone = is_of_logprobs or any(words in f"{error.status} {error.details}" for words in _EVERY_REQUEST)
    fatal = error.code not in _ONE_REQUEST or everyone
    return RejectedError(told, code=str(error.code), fatal=fatal)


def _retry_after(error: errors.APIError) -> float | None:
    """Seconds of the `Retry-After` header, or of the RetryInfo among the details."""
    headers = getattr(error.response, "headers", None)
    seconds = None if headers is None else wire.retry_after(headers)
    if seconds is not None:
        return seconds
    return next((s for text in _delays(error.details) if (s := wire.period(text)) is not None), None)


def _delays(details: object) -> Iterator[str]:
    body = details.get("error", details) if isinstance(details, Mapping) else None
    found = body.get("details") if isinstance(body, Mapping) else None
    for detail in found if isinstance(found, list) else ():
        if isinstance(detail, Mapping) and isinstance(detail.get("retryDelay"), str):
            yield detail["retryDelay"]


def _said(error: _Error) -> str:
    code = str(error.code or error.status or "error")
    return f"{_EXHAUSTED[-1] if code in _EXHAUSTED else code}: {error.message or 'no reason given'}"


def _metadata(name: str) -> dict[str, str]:
    parts = name.removeprefix(_PREFIX).rsplit("/", 2)
    if not name.startswith(_PREFIX) or len(parts) != 3:
        return {}
    return dict(zip(("workspace", "job", "token"), parts, strict=True))


def _role(role: str) -> str:
    return "model" if role == "assistant" else role


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `more` merged into it, mapping by mapping."""
    merged = dict(base)
    for name, value in more.items():
        there = merged.get(name)
        both = isinstance(there, Mapping) and isinstance(value, Mapping)
        merged[name] = _merged(there, value) if both else value  # type: ignore[arg-type]
    return merged
