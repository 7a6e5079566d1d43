"""Structured output: what is requested of each API, and what is done where an endpoint refuses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.teachers.google import requests as google_requests
from core.teachers.google.client import GoogleLive
from core.teachers.http.accepted_parameters import STRUCTURED_OUTPUT, AcceptedParameters
from core.teachers.http.endpoint import Endpoint
from core.teachers.openai import requests as openai_requests
from core.teachers.openai.client import OpenAILive
from core.teachers.protocol import AnswerSchema, Message, RejectedError, Request
from tests.support.servers.odd_answers_server import completion
from tests.support.servers.scripted_server import HttpReply, HttpRequest, serving

REQUEST = Request(
    "0" * 32, "d1", (Message("user", "which?"),), AnswerSchema("verdict", ("winner",), ("1", "2"))
)
RESPONSE_FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"winner": {"type": "string", "enum": ["1", "2"]}},
            "required": ["winner"],
            "additionalProperties": False,
        },
    },
}
RESPONSE_SCHEMA = {
    "type": "OBJECT",
    "properties": {"winner": {"type": "STRING", "enum": ["1", "2"]}},
    "required": ["winner"],
    "propertyOrdering": ["winner"],
}


def endpoint(url: str, memory: Path | None = None) -> Endpoint:
    accepted = AcceptedParameters(memory, "made")
    return Endpoint(model="m", key="made-key-0123456789", base_url=url, timeout_s=5, accepted=accepted)


def refusing(message: str, reply: Callable[[], dict[str, Any]]) -> Callable[[HttpRequest], HttpReply]:
    """A server that refuses requests for structured output."""

    def answer(asked: HttpRequest) -> HttpReply:
        body = asked.json()
        if STRUCTURED_OUTPUT in body or "responseSchema" in body.get("generationConfig", {}):
            error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}
            return HttpReply({"error": error}, 400)
        return HttpReply(reply())

    return answer


@pytest.mark.parametrize(
    "message",
    [
        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
        "This response_format type is unavailable now",
        "This model does not support response format `json_schema`.",
        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview and later",
        "Unrecognized request argument supplied: response_format",
    ],
)
async def test_an_endpoint_that_refuses_it_gets_requests_without(tmp_path: Path, message: str) -> None:
    memory = tmp_path / "endpoints.json"
    with serving(refusing(message, lambda: completion("1"))) as server:
        teacher = OpenAILive(endpoint(f"{server.url}/v1", memory))
        assert (await teacher.complete(REQUEST)).text == "1"
        assert (await teacher.complete(REQUEST)).text == "1"
        await teacher.close()
        assert [STRUCTURED_OUTPUT in asked.json() for asked in server.requests] == [True, False, False]
        assert server.requests[0].json()[STRUCTURED_OUTPUT] == RESPONSE_FORMAT
    # The workspace remembers it.
    assert STRUCTURED_OUTPUT not in openai_requests.completion_body(endpoint("http://x", memory), REQUEST)
    assert google_requests.structured_output(endpoint("http://x", memory), REQUEST) == {}


@pytest.mark.parametrize("message", ["JSON mode is not enabled for models/gemma", "responseSchema: unknown"])
async def test_gemini_gets_requests_without_it_where_a_model_has_none(message: str) -> None:
    def reply() -> dict[str, Any]:
        return {"candidates": [{"content": {"parts": [{"text": "2"}]}, "finishReason": "STOP"}]}

    with serving(refusing(message, reply)) as server:
        teacher = GoogleLive(endpoint(server.url))
        assert (await teacher.complete(REQUEST)).text == "2"
        await teacher.close()
        first, second = (asked.json()["generationConfig"] for asked in server.requests)
    assert first["responseMimeType"] == "application/json"
    assert first["responseSchema"] == RESPONSE_SCHEMA
    assert "responseSchema" not in second
    line = google_requests.batch_line(endpoint(server.url), REQUEST)["request"]["generationConfig"]
    # As live, with the limit that the client adds.
    assert line == first


async def test_another_error_is_not_mistaken_for_a_refusal() -> None:
    with serving(refusing("the prompt is too long for this model", completion)) as server:
        teacher = OpenAILive(endpoint(f"{server.url}/v1"))
        with pytest.raises(RejectedError, match="too long"):
            await teacher.complete(REQUEST)
        await teacher.close()
        assert len(server.requests) == 1


def test_requests_without_a_schema_are_what_they_were() -> None:
    plain = msgspec.structs.replace(REQUEST, schema=None)
    assert STRUCTURED_OUTPUT not in openai_requests.completion_body(endpoint("http://x"), plain)
    assert google_requests.structured_output(endpoint("http://x"), plain) == {}
