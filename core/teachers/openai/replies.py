"""Chat completions, live and as lines of a batch's result files, as `Reply` or `FailedRequest`."""

from __future__ import annotations

import msgspec

from core.teachers.http import bodies, error_text, token_usage
from core.teachers.protocol import FailedRequest, Finish, Reply, TransientError

_FINISH: dict[str | None, Finish] = {"length": "length", "content_filter": "filtered"}


class _PromptTokensDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_tokens_details: _PromptTokensDetails | None = None


class _Message(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None


class _TopLogprob(msgspec.Struct):
    token: str
    logprob: float


class _TokenLogprob(msgspec.Struct):
    token: str
    top_logprobs: list[_TopLogprob] = []


class _Logprobs(msgspec.Struct):
    content: list[_TokenLogprob] | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: str | None = None
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class Completion(msgspec.Struct):
    """A chat completion."""

    choices: list[_Choice]
    usage: _Usage | None = None


class _Error(msgspec.Struct):
    code: str | int | None = None
    message: str | None = None


class _ErrorBody(msgspec.Struct):
    error: _Error | str


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw = msgspec.Raw(b"null")


class ResultLine(msgspec.Struct):
    """One line of a batch's output or error file."""

    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


class InputLine(msgspec.Struct):
    """One line of a batch's input file; only what identifies the request."""

    custom_id: str


def reply_of(completion: Completion) -> Reply:
    """The first choice of a completion. Raises `TransientError` if there is none."""
    if not completion.choices:
        raise TransientError("the response has no choices", code="body")
    choice = completion.choices[0]
    usage = None
    if completion.usage is not None:
        details = completion.usage.prompt_tokens_details
        usage = token_usage.billed(
            completion.usage.prompt_tokens,
            None if details is None else details.cached_tokens,
            completion.usage.completion_tokens,
            completion.usage.total_tokens,
        )
    if choice.message.refusal:
        return Reply(choice.message.content or choice.message.refusal, "refusal", usage)
    finish = _FINISH.get(choice.finish_reason, "stop")
    return Reply(choice.message.content or "", finish, usage, _logprobs(choice))


def result_of(line: ResultLine, key: str) -> Reply | FailedRequest:
    """The result of one request of a batch; error messages never contain `key`."""
    if line.error is not None:
        return FailedRequest(str(line.error.code or "error"), _message(line.error.message or "", key))
    if line.response is None:
        return FailedRequest("body", "the line has neither a response nor an error")
    if line.response.status_code != 200:
        message = _message(_error_message(line.response.body), key)
        return FailedRequest(str(line.response.status_code), message)
    try:
        return reply_of(bodies.decode(line.response.body, Completion))
    except TransientError as error:
        return FailedRequest(error.code, str(error))


def _logprobs(choice: _Choice) -> dict[str, float] | None:
    logprobs = bodies.decode_optional(choice.logprobs, _Logprobs)
    tokens = None if logprobs is None else logprobs.content
    return bodies.first_word_logprobs(
        (token.token, {top.token: top.logprob for top in token.top_logprobs}) for token in tokens or []
    )


def _message(text: str, key: str) -> str:
    return error_text.with_logprobs_hint(error_text.redacted(text, key))


def _error_message(content: msgspec.Raw) -> str:
    """The message in an error response's body; the whole body if it has another format."""
    try:
        error = msgspec.json.decode(content, type=_ErrorBody).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return bytes(content).decode(errors="replace")
    if isinstance(error, str):
        return error
    return ": ".join(str(part) for part in (error.code, error.message) if part)
