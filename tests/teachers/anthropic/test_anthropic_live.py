from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.teachers.anthropic.client import AnthropicBatches, AnthropicLive
from core.teachers.http.accepted_parameters import AcceptedParameters
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import (
    AnswerSchema,
    FailedRequest,
    Message,
    QueueFullError,
    RejectedError,
    Reply,
    Request,
    TransientError,
    UnreadableError,
    Usage,
)
from tests.support.servers.scripted_server import HttpReply, HttpRequest, Server

KEY = "sk-ant-verysecret-0123456789"
REQUEST = Request(
    "0" * 32, "d1", (Message("user", "hello"), Message("assistant", "hi"), Message("user", "ä"))
)
USAGE = {
    "input_tokens": 3,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 5,
    "output_tokens": 9,
}
COUNTED = Usage(10, 5, 9, None, 2)


def message(*blocks: dict[str, Any], reason: str | None = "end_turn", **changes: Any) -> dict[str, Any]:
    return {"type": "message", "content": list(blocks), "stop_reason": reason, "usage": USAGE, **changes}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


USUAL_ANSWER = message(text("well"))


def endpoint(server: Server, **changes: Any) -> Endpoint:
    made = Endpoint(model="claude-x", key=KEY, base_url=server.url, timeout_s=5, max_output_tokens=77)
    return replace(made, **changes)


@pytest.fixture
async def live(server: Server) -> AsyncIterator[AnthropicLive]:
    found = AnthropicLive(endpoint(server))
    yield found
    await found.close()


async def sent(server: Server, **settings: Any) -> dict[str, Any]:
    """The body of a call, which is that of a batch's line too."""
    made = endpoint(server, **settings)
    found = AnthropicLive(made)
    await found.complete(REQUEST)
    await found.close()
    body: dict[str, Any] = server.requests[-1].json()
    assert json.loads(AnthropicBatches(made).line(REQUEST)) == {"custom_id": REQUEST.key, "params": body}
    return body


@pytest.mark.parametrize("ending", ["", "/", "/v1", "/v1/"])
async def test_what_is_sent(server: Server, ending: str) -> None:
    extra = {"system": "Be kind.", "output_config": {"effort": "max"}}
    settings = {"temperature": 0.5, "top_p": 0.9, "extra_body": extra}
    assert await sent(server, base_url=server.url + ending, **settings) == {
        "model": "claude-x",
        "max_tokens": 77,
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": "ä"},
        ],
        "temperature": 0.5,
        "top_p": 0.9,
        **extra,
    }
    (asked,) = server.requests
    assert asked.path == "/v1/messages"
    assert KEY in (asked.headers.get("x-api-key"), asked.headers.get("authorization", "")[len("Bearer ") :])
    assert asked.headers["anthropic-version"]


@pytest.mark.parametrize(
    ("settings", "thinking", "config"),
    [
        ({}, None, None),
        ({"thinking_budget": 0}, {"type": "disabled"}, None),
        ({"thinking_budget": -1}, {"type": "adaptive"}, None),
        ({"thinking_budget": 2000}, {"type": "enabled", "budget_tokens": 2000}, None),
        ({"reasoning_effort": "none"}, {"type": "disabled"}, None),
        ({"reasoning_effort": "low"}, {"type": "adaptive"}, {"effort": "low"}),
    ],
)
async def test_reasoning(server: Server, settings: dict[str, Any], thinking: Any, config: Any) -> None:
    body = await sent(server, **settings)
    assert (body.get("thinking"), body.get("output_config")) == (thinking, config)


async def test_structured_output(server: Server, live: AnthropicLive) -> None:
    schema = AnswerSchema("verdict", ("better",), ("1", "2"))
    await live.complete(Request("0" * 32, "d1", REQUEST.messages, schema))
    form = server.requests[0].json()["output_config"]["format"]
    assert form["type"] == "json_schema"
    assert form["schema"]["properties"] == {"better": {"type": "string", "enum": ["1", "2"]}}


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (message(text("one "), text("two")), Reply("one two", "stop", COUNTED)),
        (message(text("cut"), reason="max_tokens"), Reply("cut", "length", COUNTED)),
        (
            message({"type": "thinking", "thinking": "hm", "signature": "s"}, text("so")),
            Reply("so", "stop", COUNTED, has_thinking=True),
        ),
        (
            message({"type": "redacted_thinking", "data": "x"}, reason="max_tokens"),
            Reply("", "length", COUNTED, None, "reasoning used up its token limit", has_thinking=True),
        ),
        (
            message(reason="refusal", stop_details={"type": "refusal", "explanation": "It harms."}),
            Reply("It harms.", "refusal", COUNTED, ending="It harms."),
        ),
        (
            message(text("ha"), reason="pause_turn"),
            Reply("ha", "unknown", COUNTED, ending="it ended as pause_turn"),
        ),
        (
            message(text("ha"), reason=None),
            Reply("ha", "unknown", COUNTED, ending="it reports no stop_reason"),
        ),
        (message(), Reply("", "stop", COUNTED)),
        (message(text("well"), usage=None), Reply("well", "stop", None)),
    ],
)
async def test_replies(server: Server, live: AnthropicLive, body: dict[str, Any], reply: Reply) -> None:
    server.answer = lambda asked: HttpReply(body)
    assert await live.complete(REQUEST) == reply


async def test_a_reply_in_no_known_form_is_kept(server: Server, live: AnthropicLive) -> None:
    server.answer = lambda asked: HttpReply(message({"type": "tool_use", "id": "t"}))
    reply = await live.complete(REQUEST)
    assert (reply.finish, reply.usage) == ("unreadable", COUNTED)
    assert "tool_use" in (reply.raw or "")


def refusal(kind: str, words: str = "no") -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": words}, "request_id": "r"}


@pytest.mark.parametrize(
    ("status", "kind", "throttled"),
    [
        (429, "rate_limit_error", True),
        (529, "overloaded_error", True),
        (500, "api_error", False),
        (504, "timeout_error", False),
    ],
)
async def test_what_may_pass(
    server: Server, live: AnthropicLive, status: int, kind: str, throttled: bool
) -> None:
    server.answer = lambda asked: HttpReply(refusal(kind, f"no, {KEY}"), status, {"retry-after": "7"})
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert (error.value.throttled, error.value.retry_after) == (throttled, 7)
    assert str(error.value) == f"{status}: {kind}: no, [key]"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind", "words", "fatal", "remedy"),
    [
        (401, "authentication_error", "invalid x-api-key", True, "key"),
        (400, "invalid_request_error", "Your credit balance is too low", True, "credit"),
        (403, "permission_error", "no", True, None),
        (404, "not_found_error", "model: claude-x", True, None),
        (413, "request_too_large", "too large", False, None),
        (400, "invalid_request_error", "prompt is too long", False, None),
        (
            400,
            "invalid_request_error",
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive".',
            True,
            "parameter",
        ),
    ],
)
async def test_what_never_passes(
    server: Server, live: AnthropicLive, status: int, kind: str, words: str, fatal: bool, remedy: str | None
) -> None:
    server.answer = lambda asked: HttpReply(refusal(kind, words), status)
    with pytest.raises(RejectedError, match=words[:9]) as error:
        await live.complete(REQUEST)
    assert (error.value.fatal, error.value.remedy) == (fatal, remedy)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("words", "settings", "left_out"),
    [
        ("`temperature` is deprecated for this model.", {"temperature": 0.5}, "temperature"),
        ("adaptive thinking is not supported on this model", {"reasoning_effort": "low"}, "thinking"),
        ("This model does not support the effort parameter.", {"reasoning_effort": "low"}, "output_config"),
    ],
)
async def test_what_a_model_refuses_is_learned(
    server: Server, tmp_path: Path, words: str, settings: dict[str, Any], left_out: str
) -> None:
    def refusing(asked: HttpRequest) -> HttpReply:
        is_sent = left_out in asked.json()
        return HttpReply(refusal("invalid_request_error", words), 400) if is_sent else HttpReply(USUAL_ANSWER)

    server.answer = refusing
    accepted = AcceptedParameters(tmp_path / "endpoints.json", "here claude-x")
    body = await sent(server, accepted=accepted, **settings)
    assert left_out not in body
    assert len(server.requests) == 2
    # All lines of a batch that was sent before fail alike, and go into the next one.
    batches = AnthropicBatches(endpoint(server, accepted=accepted, **settings))
    assert batches.learn(FailedRequest("400", words))


async def test_rate_limits(server: Server, live: AnthropicLive) -> None:
    names = {"requests-remaining": "4", "tokens-remaining": "0", "tokens-reset": "2999-01-01T00:00:00Z"}
    headers = {f"anthropic-ratelimit-{name}": value for name, value in names.items()}
    server.answer = lambda asked: HttpReply(USUAL_ANSWER, headers=headers)
    await live.complete(REQUEST)
    assert (live.limits.remaining_requests, live.limits.remaining_tokens) == (4, 0)
    assert (live.limits.reset_tokens_s or 0) > 1e6


def test_a_creation_without_a_readable_answer_is_not_certain(server: Server, tmp_path: Path) -> None:
    batches = AnthropicBatches(endpoint(server))
    path = tmp_path / "token.jsonl"
    path.write_bytes(batches.line(REQUEST))
    file = batches.upload(path)
    for reply in (HttpReply(b"<html>gateway</html>"), HttpReply({"type": "message_batch"}), HttpReply(b"")):
        server.answer = lambda asked, reply=reply: reply  # type: ignore[misc]
        with pytest.raises(UnreadableError):
            batches.create(file, {"token": "ab"})
    server.answer = lambda asked: HttpReply(refusal("rate_limit_error"), 429)
    with pytest.raises(QueueFullError):
        batches.create(file, {"token": "ab"})
    assert server.requests[-1].json()["requests"][0]["custom_id"] == f"{REQUEST.key}-ab"


@pytest.mark.parametrize("name", ["batches/1", "../files", "", "a?b"])
def test_an_id_that_is_none_is_refused(server: Server, name: str) -> None:
    batches = AnthropicBatches(endpoint(server))
    for call in (batches.retrieve, batches.cancel):
        with pytest.raises(RejectedError, match="is not the id of a batch"):
            call(name)
    assert server.requests == []
