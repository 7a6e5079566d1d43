"""Errors of the google-genai client, as errors of the protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from google.genai import errors

from core.teachers.http import error_bodies, error_text, headers, rejections
from core.teachers.protocol import RejectedError, TransientError


def protocol_error(error: errors.APIError, key: str, base_url: str) -> TransientError | RejectedError:
    """The protocol's error for an error of the client; its message never contains `key`."""
    found = error_bodies.of_object(error.details)
    if found is None:
        words = str(error.message or error.details or "")
        found = error_bodies.undescribed(words)
    if error.code == 400 and "thinking" in found.message.lower():
        # A choice of the user that the model does not have: every request would be refused.
        message = error_text.redacted(f"400: {found.name or 'INVALID_ARGUMENT'}: {found.message}", key)
        hint = "thinking_budget, reasoning_effort or extra_body in config.toml sets it"
        return RejectedError(f"{message} ({hint})", code="400", fatal=True, remedy="parameter")
    if error.code != 429:
        return rejections.of_error(
            error.code, found, base_url, key, retry_after=_retry_after(error), version=""
        )
    message = error_text.redacted(f"429: {found.name or 'RESOURCE_EXHAUSTED'}: {found.message}", key)
    if any(map(_is_lasting, _details(error, "violations"))) or "limit: 0" in found.message:
        # The words are the same for the quota of a minute, which comes back by itself.
        return RejectedError(message, code="429", fatal=True, remedy="credit")
    return TransientError(message, code="429", throttled=True, retry_after=_retry_after(error))


def _is_lasting(violations: object) -> bool:
    """Whether a quota was violated that does not come back within minutes."""
    return isinstance(violations, list) and any(
        isinstance(violation, Mapping)
        and ("PerDay" in str(violation.get("quotaId")) or str(violation.get("quotaValue")) == "0")
        for violation in violations
    )


def _retry_after(error: errors.APIError) -> float | None:
    """Seconds of the `Retry-After` header, or of the RetryInfo in the error's details."""
    response_headers = getattr(error.response, "headers", None)
    seconds = None if response_headers is None else headers.retry_after(response_headers)
    if seconds is not None:
        return seconds
    delays = (headers.parse_duration(str(text)) for text in _details(error, "retryDelay"))
    return next((delay for delay in delays if delay is not None), None)


def _details(error: errors.APIError, field: str) -> Iterator[object]:
    """The values of `field` in the error's details."""
    body = error.details.get("error", error.details) if isinstance(error.details, Mapping) else None
    found = body.get("details") if isinstance(body, Mapping) else None
    for detail in found if isinstance(found, list) else ():
        if isinstance(detail, Mapping) and field in detail:
            yield detail[field]
