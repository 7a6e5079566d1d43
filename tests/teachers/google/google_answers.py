"""What Gemini's API answers, and a client's settings for it."""

from __future__ import annotations

from typing import Any

from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import Message, Request
from tests.support.servers.scripted_server import Server

KEY = "AIzaVerySecret0123456789"
REQUEST = Request(
    "0" * 32, "d1", (Message("user", "hello"), Message("assistant", "hi"), Message("user", "ä"))
)
#: What is said of an answer that was cut, of the tokens in `answer`.
USED_UP = "reasoning used most of its token limit"
METADATA = {"workspace": "my/space", "job": "generate-1", "token": "t1"}


def answer(*texts: str, finish: str | None = "STOP", **changes: Any) -> dict[str, Any]:
    parts = [{"text": text} for text in texts]
    usage = {
        "promptTokenCount": 10,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 20,
        "totalTokenCount": 33,
    }
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": finish}
    return {"candidates": [candidate], "usageMetadata": usage, **changes}


def batch(
    state: str, name: str = "batches/1", title: str = "empathy-tui my/space/generate-1/t1", **changes: Any
) -> dict[str, Any]:
    metadata = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "displayName": title,
        "state": f"BATCH_STATE_{state}",
        "createTime": "2026-01-01T00:00:00Z",
        "output": {"responsesFile": "files/out"} if state == "SUCCEEDED" else None,
        "batchStats": {"requestCount": "5", "successfulRequestCount": "3", "pendingRequestCount": "2"},
    }
    return {"name": name, "metadata": metadata, **changes}


def refusal(status: str, message: str = "no", *details: dict[str, Any], code: int = 0) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": list(details)}}


def endpoint(server: Server) -> Endpoint:
    return Endpoint(model="gemini-x", key=KEY, base_url=server.url, timeout_s=5, max_output_tokens=77)
