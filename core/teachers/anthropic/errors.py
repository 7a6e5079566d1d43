"""Errors of the anthropic client, as errors of the protocol."""

from __future__ import annotations

import anthropic
import httpx2

from core.teachers.http import connection_errors, error_bodies, headers, rejections
from core.teachers.protocol import RejectedError, TransientError

#: The status of a provider that has too many requests of all its users.
OVERLOADED = 529


def protocol_error(error: anthropic.APIError, key: str, base_url: str) -> TransientError | RejectedError:
    """The protocol's error for an error of the client; its message never contains `key`."""
    if isinstance(error, anthropic.APITimeoutError):
        return connection_errors.timeout(error.__cause__ or error, base_url)
    if not isinstance(error, anthropic.APIStatusError):
        return connection_errors.dropped(error.__cause__ or error, key, base_url)
    response = error.response
    try:
        content = response.content
    except httpx2.ResponseNotRead:
        content = error.message.encode()
    found = rejections.of_error(
        error.status_code,
        error_bodies.of_response(content),
        base_url,
        key,
        retry_after=headers.retry_after(response.headers),
        version="",
    )
    if isinstance(found, TransientError):
        # The provider is as busy as under a 429: the request is sent again, and no try is lost.
        found.throttled = found.throttled or error.status_code == OVERLOADED
    elif "thinking" in str(found).lower() and found.code == "400":
        # A choice of the user that the model does not have: every request would be refused.
        hint = "thinking_budget, reasoning_effort or extra_body in config.toml sets it"
        return RejectedError(f"{found} ({hint})", code="400", fatal=True, remedy="parameter")
    return found
