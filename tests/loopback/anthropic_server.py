"""Claude's API over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.loopback.anthropic_api import AnthropicApi, AnthropicError, AnthropicFaults
from tests.loopback.openai_server import Handler, served


@contextmanager
def running(faults: AnthropicFaults | None = None, **settings: Any) -> Iterator[AnthropicApi]:
    """An API at `api.url` for as long as the block lasts."""
    api = AnthropicApi(faults, **settings)
    with served(type("AnthropicHandler", (AnthropicHandler,), {"api": api})) as url:
        api.url = url
        yield api


class AnthropicHandler(Handler):
    api: AnthropicApi

    def account(self) -> str:
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        key = self.headers.get("x-api-key") or bearer
        if key not in self.api.keys:
            raise AnthropicError(401, "invalid x-api-key")
        if not self.headers.get("anthropic-version"):
            raise AnthropicError(400, "anthropic-version: header is required")
        return key

    def broken(self) -> AnthropicError:
        return AnthropicError(500, "Internal server error")

    def route(self, method: str, path: str, query: dict[str, list[str]], account: str, body: bytes) -> bytes:
        found = self._found(method, path, query, account, body)
        return found if isinstance(found, bytes) else json.dumps(found).encode()

    def _found(
        self, method: str, path: str, query: dict[str, list[str]], account: str, body: bytes
    ) -> bytes | dict[str, Any]:
        api, faults = self.api, self.api.faults
        match method, *path.strip("/").split("/"):
            case "POST", "v1", "messages":
                answer = api.message(_object(body))
                self.reply_headers |= {
                    "anthropic-ratelimit-requests-remaining": "40",
                    "anthropic-ratelimit-tokens-remaining": "40000",
                    "anthropic-ratelimit-tokens-reset": "2030-01-01T00:00:00Z",
                }
                time.sleep(faults.latency_s)
                return answer
            case "POST", "v1", "messages", "batches":
                found = api.create(account, len(body), _object(body))
                if faults.lose_creates > 0:
                    faults.lose_creates -= 1
                    raise ConnectionAbortedError
                return found
            case "GET", "v1", "messages", "batches":
                return api.listed(account, query)
            case "GET", "v1", "messages", "batches", batch:
                return api.retrieve(account, batch)
            case "POST", "v1", "messages", "batches", batch, "cancel":
                return api.cancel(account, batch)
            case "GET", "v1", "messages", "batches", batch, "results":
                return api.content(account, batch)
        raise AnthropicError(404, f"{method} {path} was not found")


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError as error:
        raise AnthropicError(400, "The request body is not valid JSON") from error
    if not isinstance(found, dict):
        raise AnthropicError(400, "The request body is not an object")
    return found
