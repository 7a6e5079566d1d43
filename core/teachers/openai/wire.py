"""The bodies of OpenAI's API as it documents them, and what they mean in the words of the protocol."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import openai

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

BASE_URL = "https://api.openai.com/v1"

#: Hosts that want `max_completion_tokens`; most other servers know only the older `max_tokens`.
_OWN_HOSTS = ("openai.com", "openai.azure.com")
_LENGTHS = frozenset({"max_tokens", "max_completion_tokens"})
_FINISH: dict[str | None, Finish] = {"length": "length", "content_filter": "filtered"}
_TRANSIENT = frozenset({408, 409, 429})
#: Statuses that say something about one request; any other refusal would meet every request.
_ONE_REQUEST = frozenset({400, 413, 422})
#: Codes that come with such a status and yet would meet every request.
_EVERY_REQUEST = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "model_not_found"}
)
#: The code of a 429 that does not go away by waiting.
_NO_MONEY = "insufficient_quota"

T = TypeVar("T")


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prompt_tokens_details: _Details | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _Likely(msgspec.Struct):
    token: str
    logprob: float


class _Step(msgspec.Struct):
    token: str
    top_logprobs: list[_Likely] = []


class _Logprobs(msgspec.Struct):
    content: list[_Step] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class Completion(msgspec.Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None
    line: int | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")


class Line(msgspec.Struct):
    """One line of an output or error file."""

    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


class Asked(msgspec.Struct):
    """One line of an input file."""

    custom_id: str


class File(msgspec.Struct):
    id: str
    filename: str | None = None


class _Counts(msgspec.Struct):
    completed: int
    failed: int
    total: int


class _Errors(msgspec.Struct):
    data: list[_Error] | None = None


class OpenAIBatch(msgspec.Struct):
    id: str
    status: BatchStatus
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Errors | None = None
    request_counts: _Counts | None = None
    metadata: dict[str, str] | None = None
    created_at: float | None = None
    expires_at: float | None = None


class Batches(msgspec.Struct):
    data: list[OpenAIBatch]
    has_more: bool = False


def body(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """The body of a chat completion; what `extra_body` says of the length takes the place of ours."""
    asked: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
    }
    if _LENGTHS.isdisjoint(endpoint.extra_body):
        asked[_length(endpoint.base_url)] = endpoint.max_output_tokens
    sampling = {"temperature": endpoint.temperature, "top_p": endpoint.top_p, "seed": endpoint.seed}
    asked.update({name: value for name, value in sampling.items() if value is not None})
    if endpoint.top_logprobs is not None:
        asked |= {"logprobs": True, "top_logprobs": endpoint.top_logprobs}
    asked.update(endpoint.extra_body)
    return asked


def decoded(content: bytes | msgspec.Raw, kind: type[T]) -> T:
    """Raises `TransientError` when `content` is not what it should be."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TransientError(f"the answer is not what the API documents: {error}", code="body") from error


def reply(completion: Completion) -> Reply:
    """Raises `TransientError` when there is no choice."""
    if not completion.choices:
        raise TransientError("the answer holds no choice", code="body")
    choice = completion.choices[0]
    usage = None
    if completion.usage is not None:
        details = completion.usage.prompt_tokens_details
        usage = Usage(
            completion.usage.prompt_tokens,
            0 if details is None else details.cached_tokens or 0,
            completion.usage.completion_tokens,
        )
    if choice.message.refusal:
        return Reply(choice.message.content or choice.message.refusal, "refusal", usage)
    finish = _FINISH.get(choice.finish_reason, "stop")
    return Reply(choice.message.content or "", finish, usage, _logprobs(choice))


def _logprobs(choice: _Choice) -> dict[str, float] | None:
    told = wire.decoded_or_none(choice.logprobs, _Logprobs)
    steps = None if told is None else told.content
    return wire.first_word(
        (step.token, {likely.token: likely.logprob for likely in step.top_logprobs}) for step in steps or []
    )


def result(line: Line, key: str) -> Reply | Fault:
    """What a line of a result file says of its request; its words never hold `key`."""
    if line.error is not None:
        return Fault(str(line.error.code or "error"), _refusal(line.error.message or "", key))
    if line.response is None:
        return Fault("body", "neither a response nor an error")
    if line.response.status_code != 200:
        return Fault(str(line.response.status_code), _refusal(_told(line.response.body), key))
    try:
        return reply(decoded(line.response.body, Completion))
    except TransientError as error:
        return Fault(error.code, str(error))


def _refusal(told: str, key: str) -> str:
    return wire.with_remedy(wire.words(told, key))[0]


def info(batch: OpenAIBatch, key: str) -> BatchInfo:
    """The batch in the words of the protocol."""
    counts = batch.request_counts
    if batch.status == "validating" and counts is not None and counts.total == 0:
        counts = None
    errors = [] if batch.errors is None else batch.errors.data or []
    return BatchInfo(
        id=batch.id,
        status=batch.status,
        completed=None if counts is None else counts.completed,
        failed=None if counts is None else counts.failed,
        total=None if counts is None else counts.total,
        input_file=batch.input_file_id,
        output_file=batch.output_file_id,
        error_file=batch.error_file_id,
        errors=tuple(wire.words(_said(error), key) for error in errors),
        metadata=batch.metadata or {},
        created_at=batch.created_at,
        expires_at=batch.expires_at,
    )


def translated(error: openai.APIError, key: str) -> TransientError | RejectedError:
    """The client's error in the words of the protocol; they never hold `key`."""
    if isinstance(error, openai.APITimeoutError):
        return TransientError("the call timed out", code="timeout")
    if not isinstance(error, openai.APIStatusError):
        cause = error.__cause__ or error
        return TransientError(wire.words(f"{type(cause).__name__}: {cause}", key), code="connection")
    status = error.status_code
    codes = {error.code, error.type}
    told = wire.words(": ".join(filter(None, (str(status), error.code, _words(error)))), key)
    if status >= 500 or (status in _TRANSIENT and _NO_MONEY not in codes):
        return TransientError(
            told,
            code=str(status),
            throttled=status == 429,
            retry_after=wire.retry_after(error.response.headers),
        )
    told, is_of_logprobs = wire.with_remedy(told)
    fatal = status not in _ONE_REQUEST or is_of_logprobs or not _EVERY_REQUEST.isdisjoint(codes)
    return RejectedError(told, code=str(status), fatal=fatal)


def _length(base_url: str | None) -> str:
    """The name under which the server wants the limit of an answer's tokens."""
    host = urlsplit(base_url or BASE_URL).hostname or ""
    own = any(host == name or host.endswith(f".{name}") for name in _OWN_HOSTS)
    return "max_completion_tokens" if own else "max_tokens"


def _said(error: _Error) -> str:
    place = "" if error.line is None else f"line {error.line}: "
    return f"{place}{error.code or 'error'}: {error.message or ''}"


def _told(content: msgspec.Raw) -> str:
    """The words of an error's body."""
    try:
        error = msgspec.json.decode(content, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return bytes(content).decode(errors="replace")
    if isinstance(error, str):
        return error
    return ": ".join(str(part) for part in (error.code, error.message) if part)


def _words(error: openai.APIStatusError) -> str:
    if isinstance(error.body, Mapping):
        return str(error.body.get("message") or error.body.get("detail") or error.body)
    return str(error.body or error.message)
