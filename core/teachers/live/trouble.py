"""Why nothing is answered, in words."""

from __future__ import annotations

from core.teachers.protocol import TransientError, UnreadableError


def kind_of(error: TransientError) -> str:
    """What kind of trouble an error is, for people."""
    if error.throttled:
        return "the provider is overloaded" if error.code == "529" else "rate limited"
    if isinstance(error, UnreadableError):
        return "the provider's answers cannot be read"
    return "the server cannot be reached" if error.unreachable else "the server does not answer"
