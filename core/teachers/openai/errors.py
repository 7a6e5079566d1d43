"""Errors of the openai client, as errors of the protocol."""

from __future__ import annotations

import httpx2
import openai

from core.teachers.http import connection_errors, error_bodies, headers, rejections
from core.teachers.protocol import RejectedError, TransientError


def protocol_error(error: openai.APIError, key: str, base_url: str) -> TransientError | RejectedError:
    """The protocol's error for an error of the client; its message never contains `key`."""
    if isinstance(error, openai.APITimeoutError):
        return connection_errors.timeout(error.__cause__ or error, base_url)
    if not isinstance(error, openai.APIStatusError):
        return connection_errors.dropped(error.__cause__ or error, key, base_url)
    response = error.response
    try:
        content = response.content
    except httpx2.ResponseNotRead:
        content = error.message.encode()
    found = error_bodies.of_response(content)
    retry_after = headers.retry_after(response.headers)
    return rejections.of_error(error.status_code, found, base_url, key, retry_after=retry_after)
