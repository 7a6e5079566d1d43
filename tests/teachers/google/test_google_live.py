from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from core.teachers.google.client import GoogleBatches, GoogleLive
from core.teachers.protocol import (
    RejectedError,
    Reply,
    TransientError,
    Usage,
)
from tests.support.servers.scripted_server import HttpReply, Server
from tests.teachers.google.google_answers import KEY, REQUEST, USED_UP, answer, endpoint, refusal
from tests.teachers.live.live_calls import last_reply

USUAL_ANSWER = answer("well")


@pytest.fixture
async def live(server: Server) -> AsyncIterator[GoogleLive]:
    teacher = GoogleLive(endpoint(server))
    yield teacher
    await teacher.close()


async def test_a_reply_with_its_usage(server: Server, live: GoogleLive) -> None:
    assert await live.complete(REQUEST) == Reply("well", "stop", Usage(10, 4, 23, 20))
    asked = server.requests[0]
    assert asked.path.endswith("/v1beta/models/gemini-x:generateContent")
    assert asked.headers["x-goog-api-key"] == KEY
    assert asked.json() == {
        "contents": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"text": "hi"}]},
            {"role": "user", "parts": [{"text": "ä"}]},
        ],
        "generationConfig": {"maxOutputTokens": 77},
    }


async def test_a_batch_asks_exactly_what_a_live_call_asks(server: Server) -> None:
    extra: dict[str, Any] = {
        "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}},
        "safetySettings": [],
    }
    asked = replace(endpoint(server), temperature=0.5, top_p=0.9, seed=3, extra_body=extra)
    teacher = GoogleLive(asked)
    await teacher.complete(REQUEST)
    await teacher.close()
    line = json.loads(GoogleBatches(asked).line(REQUEST))
    assert line == {"key": REQUEST.key, "request": server.requests[0].json()}
    assert line["request"]["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "seed": 3,
        "maxOutputTokens": 77,
        "thinkingConfig": {"thinkingBudget": 0},
    }


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (answer("one ", "two"), Reply("one two", "stop", Usage(10, 4, 23, 20))),
        (answer("cut", finish="MAX_TOKENS"), Reply("cut", "length", Usage(10, 4, 23, 20), ending=USED_UP)),
        (answer(finish="SAFETY"), Reply("", "filtered", Usage(10, 4, 23, 20), ending="it ended as SAFETY")),
        (answer("so", finish="stop"), Reply("so", "stop", Usage(10, 4, 23, 20))),
        (
            answer("odd", finish="SOMETHING_NEW", usageMetadata=None),
            Reply("odd", "unknown", None, ending="it ended as SOMETHING_NEW"),
        ),
        (
            answer("odd", finish=None, usageMetadata=None),
            Reply("odd", "unknown", None, ending="it reports no finishReason"),
        ),
        (
            {"promptFeedback": {"blockReason": "SAFETY"}},
            Reply("", "filtered", None, ending="the prompt was blocked: SAFETY"),
        ),
        ({}, Reply("", "filtered", None, ending="it has no candidates")),
        ({"candidates": []}, Reply("", "filtered", None, ending="it has no candidates")),
        ({"candidates": [{"finishReason": "SPII"}]}, Reply("", "filtered", None, ending="it ended as SPII")),
        (
            {
                "candidates": [
                    {
                        "content": {"parts": [{"text": "hm", "thought": True}, {"text": "so"}]},
                        "finishReason": "STOP",
                    }
                ]
            },
            Reply("so", "stop", None, has_thinking=True),
        ),
    ],
)
async def test_how_an_answer_ended(
    server: Server, live: GoogleLive, body: dict[str, Any], reply: Reply
) -> None:
    server.answer = lambda asked: HttpReply(body)
    assert await live.complete(REQUEST) == reply


@pytest.mark.parametrize("body", [b"", b'{"error": "x"}'])
async def test_a_body_that_is_none(server: Server, live: GoogleLive, body: bytes) -> None:
    server.answer = lambda asked: HttpReply(body)
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.code == "body"


@pytest.mark.parametrize("status", [408, 429, 500, 503])
async def test_what_may_pass(server: Server, live: GoogleLive, status: int) -> None:
    delay = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}
    server.answer = lambda asked: HttpReply(
        refusal("X", f"no, {KEY}", {"reason": "y"}, delay, code=status), status
    )
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.code == str(status)
    assert error.value.throttled == (status == 429)
    assert error.value.retry_after == 17.5
    assert KEY not in str(error.value)
    assert len(server.requests) == 1
    server.answer = lambda asked: HttpReply(b"<html>busy</html>", status, {"Retry-After": "3"})
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.retry_after == 3
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("status", "body", "fatal"),
    [
        (400, refusal("INVALID_ARGUMENT", "too long"), False),
        (400, refusal("INVALID_ARGUMENT", "API key not valid", {"reason": "API_KEY_INVALID"}), True),
        (400, refusal("FAILED_PRECONDITION", "not in your country"), True),
        (403, refusal("PERMISSION_DENIED"), True),
        (404, refusal("NOT_FOUND"), True),
    ],
)
async def test_what_will_not_pass(
    server: Server, live: GoogleLive, status: int, body: dict[str, Any], fatal: bool
) -> None:
    server.answer = lambda asked: HttpReply(body, status)
    with pytest.raises(RejectedError) as error:
        await live.complete(REQUEST)
    assert (error.value.code, error.value.fatal) == (str(status), fatal)
    assert len(server.requests) == 1


async def test_nobody_listens_a_slow_server_and_a_cut_answer(server: Server, live: GoogleLive) -> None:
    server.answer = lambda asked: HttpReply(b'{"candidates": [', length=500)
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.code == "connection"
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        for timeout_s, code in ((60.0, "connection"), (0.2, "timeout")):
            teacher = GoogleLive(replace(endpoint(server), base_url=url, timeout_s=timeout_s))
            with pytest.raises(TransientError) as error:
                await teacher.complete(REQUEST)
            assert error.value.code == code
            await teacher.close()
            mute.listen()


LIKELY = {"token": "1", "logProbability": -0.1, "tokenId": 7}


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"chosenCandidates": [LIKELY], "topCandidates": [{"candidates": [LIKELY]}]}, {"1": -0.1}),
        ({"topCandidates": [{"candidates": [LIKELY, {"token": "2"}]}]}, {"1": -0.1}),
        ({"chosenCandidates": [LIKELY], "topCandidates": [{"candidates": [{"token": "1"}]}]}, None),
        ({"chosenCandidates": [{"token": "1", "logProbability": "much"}]}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
async def test_log_probabilities_are_reported_or_unknown_and_lose_no_answer(
    server: Server, logprobs: object, expected: dict[str, float] | None
) -> None:
    body = answer("1")
    body["candidates"][0]["logprobsResult"] = logprobs
    server.answer = lambda asked: HttpReply(body)
    live = GoogleLive(replace(endpoint(server), top_logprobs=5))
    reply = await last_reply(live, REQUEST)
    assert (reply.text, reply.logprobs) == ("1", expected)
    generation = server.requests[-1].json()["generationConfig"]
    assert (generation["responseLogprobs"], generation["logprobs"]) == (True, 5)


async def test_an_answer_is_reported_while_it_comes(server: Server, live: GoogleLive) -> None:
    pieces: list[dict[str, Any]] = [
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "hm", "thought": True}]}}]},
        {"candidates": [{"content": {"role": "model", "parts": [{"text": "we"}]}}]},
        USUAL_ANSWER | {"candidates": [{"content": {"parts": [{"text": "ll"}]}, "finishReason": "STOP"}]},
    ]
    body = "".join(f"data: {json.dumps(piece)}\r\n\r\n" for piece in pieces).encode()
    server.answer = lambda request: HttpReply(body, headers={"content-type": "text/event-stream"})
    grown: list[str] = []
    reply = await live.stream(REQUEST, grown.append)
    assert grown == ["we", "well"]
    assert (reply.text, reply.finish, reply.usage) == ("well", "stop", Usage(10, 4, 23, 20))
    assert reply.has_thinking
    asked = server.requests[0]
    assert asked.path.endswith("/v1beta/models/gemini-x:streamGenerateContent?alt=sse")
    assert asked.headers["x-goog-api-key"] == KEY
    assert json.loads(GoogleBatches(endpoint(server)).line(REQUEST))["request"] == asked.json()


async def test_a_refusal_before_the_stream_is_an_error(server: Server, live: GoogleLive) -> None:
    server.answer = lambda request: HttpReply(refusal("PERMISSION_DENIED", code=403), 403)
    with pytest.raises(RejectedError):
        await live.stream(REQUEST, lambda text: None)
