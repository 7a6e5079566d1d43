"""What a server that is compatible with OpenAI's answers, and a client's settings for it."""

from __future__ import annotations

from typing import Any

from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import (
    Message,
    Request,
)
from tests.support.servers.scripted_server import Server

KEY = "sk-verysecret-0123456789"
REQUEST = Request(
    "0" * 32, "d1", (Message("user", "hello"), Message("assistant", "hi"), Message("user", "ä"))
)


def completion(content: str | None = "well", **changes: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, "refusal": changes.pop("refusal", None)}
    choice = {"index": 0, "message": message, "finish_reason": changes.pop("finish_reason", "stop")}
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 4},
    }
    return {"id": "c", "object": "chat.completion", "choices": [choice], "usage": usage, **changes}


def endpoint(server: Server) -> Endpoint:
    return Endpoint(model="m", key=KEY, base_url=f"{server.url}/v1", timeout_s=5, max_output_tokens=77)
