"""Errors of the google-genai client, as errors of the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.genai import errors

from core.teachers.http import error_text, headers
from core.teachers.protocol import RejectedError, TransientError

#: Statuses that reject one request, unless the error contains one of the words below.
_ONE_REQUEST = frozenset({400, 413, 422})
_EVERY_REQUEST = ("API_KEY_INVALID", "API key", "FAILED_PRECONDITION")


def protocol_error(error: errors.APIError, key: str) -> TransientError | RejectedError:
    """The protocol's error for an error of the client; its message never contains `key`."""
    message = error_text.redacted(f"{error.code} {error.status or ''}: {error.message or error.details}", key)
    if error.code in (408, 409, 429) or error.code >= 500:
        return TransientError(
            message, code=str(error.code), throttled=error.code == 429, retry_after=_retry_after(error)
        )
    fatal = (
        error.code not in _ONE_REQUEST
        or error_text.concerns_logprobs(message)
        or any(words in f"{error.status} {error.details}" for words in _EVERY_REQUEST)
    )
    return RejectedError(error_text.with_logprobs_hint(message), code=str(error.code), fatal=fatal)


def _retry_after(error: errors.APIError) -> float | None:
    """Seconds of the `Retry-After` header, or of the RetryInfo in the error's details."""
    response_headers = getattr(error.response, "headers", None)
    seconds = None if response_headers is None else headers.retry_after(response_headers)
    if seconds is not None:
        return seconds
    delays = (headers.parse_duration(text) for text in _retry_delays(error.details))
    return next((delay for delay in delays if delay is not None), None)


def _retry_delays(details: object) -> Iterator[str]:
    body = details.get("error", details) if isinstance(details, Mapping) else None
    found = body.get("details") if isinstance(body, Mapping) else None
    for detail in found if isinstance(found, list) else ():
        if isinstance(detail, Mapping) and isinstance(detail.get("retryDelay"), str):
            yield detail["retryDelay"]
