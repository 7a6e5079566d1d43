"""Calls of a client for single requests."""

from __future__ import annotations

from core.teachers.protocol import LiveTeacher, Reply, Request


async def last_reply(live: LiveTeacher, request: Request) -> Reply:
    """The reply to a request, after which the client is closed."""
    try:
        return await live.complete(request)
    finally:
        await live.close()
