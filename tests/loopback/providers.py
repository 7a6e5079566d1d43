"""The APIs of all providers, by the name that a teacher's `provider` has."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tests.loopback import anthropic_server, google_server, openai_server

#: Provider → what serves its API for as long as a block lasts.
APIS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "openai": openai_server.running,
    "google": google_server.running,
    "anthropic": anthropic_server.running,
}
