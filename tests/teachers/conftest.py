"""Servers that the clients of providers talk to."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers.odd_answers_server import OddServer
from tests.support.servers.scripted_server import HttpReply, Server, serving


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that answers every request with the test module's `USUAL_ANSWER`."""
    with serving(lambda asked: HttpReply(request.module.USUAL_ANSWER)) as found:
        yield found


@pytest.fixture
def odd_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[OddServer, str]]:
    """A server of odd answers, and its URL as an API of OpenAI's; keys for it are set."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-0123456789")
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-made-0123456789")
    odd = OddServer()
    with serving(odd) as found:
        yield odd, f"{found.url}/v1"
