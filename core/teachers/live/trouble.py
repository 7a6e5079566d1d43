"""Why nothing is answered, in words."""

from __future__ import annotations

from dataclasses import dataclass

from core.teachers.protocol import TransientError, UnreadableError


@dataclass(frozen=True)
class Trouble:
    """Why nothing is answered. Times are Unix seconds."""

    reason: str
    since: float
    until: float | None
    """When the next request is sent; None while each request waits for a time of its own."""
    gives_up_at: float | None
    """When the sender gives up; None if the limit is known to end."""


def kind_of(error: TransientError) -> str:
    """What kind of trouble an error is, for people."""
    if error.throttled:
        return "the provider is overloaded" if error.code == "529" else "rate limited"
    if isinstance(error, UnreadableError):
        return "the provider's answers cannot be read"
    return "the server cannot be reached" if error.unreachable else "the server does not answer"
