"""Errors of the openai client, as errors of the protocol."""

from __future__ import annotations

from collections.abc import Mapping

import openai

from core.teachers.http import error_text, headers
from core.teachers.protocol import RejectedError, TransientError

_TRANSIENT = frozenset({408, 409, 429})
#: Statuses that reject one request; any other rejection would meet every request.
_ONE_REQUEST = frozenset({400, 413, 422})
#: Codes that come with such a status and still concern every request.
_EVERY_REQUEST = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "model_not_found"}
)
#: The code of a 429 that does not go away with time: the account is out of credit.
_NO_CREDIT = "insufficient_quota"


def protocol_error(error: openai.APIError, key: str) -> TransientError | RejectedError:
    """The protocol's error for an error of the client; its message never contains `key`."""
    if isinstance(error, openai.APITimeoutError):
        return TransientError("the call timed out", code="timeout")
    if not isinstance(error, openai.APIStatusError):
        cause = error.__cause__ or error
        message = error_text.redacted(f"{type(cause).__name__}: {cause}", key)
        return TransientError(message, code="connection")
    status = error.status_code
    codes = {error.code, error.type}
    parts = (str(status), error.code, _message(error))
    message = error_text.redacted(": ".join(filter(None, parts)), key)
    if status >= 500 or (status in _TRANSIENT and _NO_CREDIT not in codes):
        return TransientError(
            message,
            code=str(status),
            throttled=status == 429,
            retry_after=headers.retry_after(error.response.headers),
        )
    fatal = (
        status not in _ONE_REQUEST
        or error_text.concerns_logprobs(message)
        or not _EVERY_REQUEST.isdisjoint(codes)
    )
    return RejectedError(error_text.with_logprobs_hint(message), code=str(status), fatal=fatal)


def _message(error: openai.APIStatusError) -> str:
    if isinstance(error.body, Mapping):
        return str(error.body.get("message") or error.body.get("detail") or error.body)
    return str(error.body or error.message)
