"""OpenAI's chat completions, one by one: answers, refusals and faults of a server."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import socket
import threading
import traceback
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from core.teachers.http.endpoint import Endpoint
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.openai.client import OpenAIBatches, OpenAILive
from core.teachers.protocol import (
    Message,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    TransientError,
    Usage,
)
from tests import loopback
from tests.support.servers.scripted_server import HttpReply, Server
from tests.teachers.live.live_calls import last_reply
from tests.teachers.openai.openai_answers import KEY, REQUEST, completion, endpoint

USUAL_ANSWER = completion()


@pytest.fixture
async def live(server: Server) -> AsyncIterator[OpenAILive]:
    teacher = OpenAILive(endpoint(server))
    yield teacher
    await teacher.close()


async def test_a_reply_with_its_usage(server: Server, live: OpenAILive) -> None:
    assert await live.complete(REQUEST) == Reply("well", "stop", Usage(10, 4, 3))
    asked = server.requests[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.json() == {
        "model": "m",
        "messages": [
            {"role": "user", "content": "hello"},
            {"role": "assistant", "content": "hi"},
            {"role": "user", "content": "ä"},
        ],
        "max_tokens": 77,
    }


async def test_sampling_and_extra_body_are_sent(server: Server) -> None:
    extra: dict[str, Any] = {"max_completion_tokens": 9, "chat_template_kwargs": {"enable_thinking": False}}
    teacher = OpenAILive(replace(endpoint(server), temperature=0.0, top_p=0.5, seed=7, extra_body=extra))
    await teacher.complete(REQUEST)
    await teacher.close()
    sent = server.requests[0].json()
    assert (sent["temperature"], sent["top_p"], sent["seed"]) == (0, 0.5, 7)
    assert sent["max_completion_tokens"] == 9
    assert sent["chat_template_kwargs"] == {"enable_thinking": False}
    assert "max_tokens" not in sent


@pytest.mark.parametrize(
    ("base_url", "name"),
    [
        (None, "max_completion_tokens"),
        ("https://eu.api.openai.com/v1", "max_completion_tokens"),
        ("http://openai.com.example.org/v1", "max_tokens"),
        ("http://localhost:11434/v1", "max_tokens"),
    ],
)
def test_the_length_has_the_name_that_the_server_knows(base_url: str | None, name: str) -> None:
    line = OpenAIBatches(Endpoint(model="m", key=KEY, base_url=base_url, max_output_tokens=5)).line(REQUEST)
    body = json.loads(line)["body"]
    assert {field: body[field] for field in body if field.startswith("max_")} == {name: 5}


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        (completion("cut", finish_reason="length"), Reply("cut", "length", Usage(10, 4, 3))),
        (
            completion(None, finish_reason="content_filter"),
            Reply("", "filtered", Usage(10, 4, 3), ending="it ended as content_filter"),
        ),
        ({"choices": [], "usage": None}, Reply("", "filtered", None, ending="it has no choices")),
        ({"choices": None}, Reply("", "filtered", None, ending="it has no choices")),
        (
            completion("hal", finish_reason="error"),
            Reply("hal", "unknown", Usage(10, 4, 3), ending="it ended as error"),
        ),
        (
            completion("hal", finish_reason=None),
            Reply("hal", "unknown", Usage(10, 4, 3), ending="it reports no finish_reason"),
        ),
        (completion("STOPped", finish_reason="STOP"), Reply("STOPped", "stop", Usage(10, 4, 3))),
        (completion(None, refusal="I can't"), Reply("I can't", "refusal", Usage(10, 4, 3))),
        (completion(None, usage=None), Reply("", "stop", None)),
        (
            completion(usage={"prompt_tokens": 1, "completion_tokens": 2, "prompt_tokens_details": None}),
            Reply("well", "stop", Usage(1, 0, 2)),
        ),
    ],
)
async def test_how_an_answer_ended(
    server: Server, live: OpenAILive, body: dict[str, Any], reply: Reply
) -> None:
    server.answer = lambda asked: HttpReply(body)
    assert await live.complete(REQUEST) == reply


@pytest.mark.parametrize(
    "body",
    [b"", b" \n", b'{"error": "x"}', b'{"choices": [], "error": "x"}'],
)
async def test_a_body_that_is_none(server: Server, live: OpenAILive, body: bytes) -> None:
    server.answer = lambda asked: HttpReply(body)
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.code == "body"


@pytest.mark.parametrize(
    "message", [3, {"content": 3}, {"content": {"odd": "x"}}, {"content": [{"type": "?"}]}]
)
async def test_a_reply_in_no_known_form_is_kept(server: Server, live: OpenAILive, message: Any) -> None:
    body = completion()
    body["choices"][0]["message"] = message
    server.answer = lambda asked: HttpReply(body)
    reply = await live.complete(REQUEST)
    assert (reply.text, reply.finish, reply.usage) == ("", "unreadable", Usage(10, 4, 3))
    assert json.loads(reply.raw or "") == body


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
async def test_what_may_pass(server: Server, live: OpenAILive, status: int) -> None:
    server.answer = lambda asked: HttpReply(
        {"error": {"message": f"no, {KEY}"}}, status, {"Retry-After": "7"}
    )
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.code == str(status)
    assert error.value.throttled == (status == 429)
    assert error.value.retry_after == 7
    assert str(error.value) == f"{status}: no, [key]"
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "code", "fatal"),
    [
        (400, "context_length_exceeded", False),
        (400, "unsupported_parameter", True),
        (401, "invalid_api_key", True),
        (403, None, True),
        (404, "model_not_found", True),
        (413, None, False),
        (422, None, False),
        (429, "insufficient_quota", True),
    ],
)
async def test_what_will_not_pass(
    server: Server, live: OpenAILive, status: int, code: str | None, fatal: bool
) -> None:
    server.answer = lambda asked: HttpReply(
        {"error": {"message": "Key sk-abcd****wxyz", "code": code}}, status
    )
    with pytest.raises(RejectedError) as error:
        await live.complete(REQUEST)
    assert (error.value.code, error.value.fatal) == (str(status), fatal)
    assert "Key [key]" in str(error.value)
    assert len(server.requests) == 1


async def test_limits_are_read_from_answers_and_refusals(server: Server, live: OpenAILive) -> None:
    headers = {
        "x-ratelimit-remaining-requests": "5",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-requests": "20ms",
        "x-ratelimit-reset-tokens": "6m0.5s",
    }
    server.answer = lambda asked: HttpReply(completion(), headers=headers)
    await live.complete(REQUEST)
    assert live.limits == RateLimits(5, 0, 0.02, 360.5)
    server.answer = lambda asked: HttpReply(b"", 429, {**headers, "x-ratelimit-remaining-requests": "0"})
    with pytest.raises(TransientError):
        await live.complete(REQUEST)
    assert live.limits.remaining_requests == 0


async def test_nobody_listens_and_a_slow_server() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        url = f"http://someone:{KEY}@127.0.0.1:{mute.getsockname()[1]}/v1"
        for timeout_s, code in ((60.0, "connection"), (0.2, "timeout")):
            teacher = OpenAILive(Endpoint(model="m", key=KEY, base_url=url, timeout_s=timeout_s))
            with pytest.raises(TransientError) as error:
                await teacher.complete(REQUEST)
            assert error.value.code == code
            assert KEY not in str(error.value)
            assert KEY not in teacher.account.base_url
            await teacher.close()
            mute.listen()


async def test_an_answer_that_only_trickles() -> None:
    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing() and not reader.at_eof():
            writer.write(b" ")
            await asyncio.sleep(0.02)
        writer.close()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        teacher = OpenAILive(Endpoint(model="m", key=KEY, base_url=url, timeout_s=0.3))
        with pytest.raises(TransientError) as error:
            await teacher.complete(REQUEST)
        assert error.value.code == "timeout"
        await teacher.close()


async def test_no_traceback_tells_the_key(server: Server, live: OpenAILive) -> None:
    server.answer = lambda asked: HttpReply({"error": {"message": f"Incorrect key: {KEY}"}}, 401)
    with pytest.raises(RejectedError) as error:
        await live.complete(REQUEST)
    assert KEY not in "".join(traceback.format_exception(error.value))


async def test_a_cut_answer(server: Server, live: OpenAILive) -> None:
    server.answer = lambda asked: HttpReply(b'{"choices": [', length=500)
    with pytest.raises(TransientError) as error:
        await live.complete(REQUEST)
    assert error.value.code == "connection"


def test_the_account_tells_no_secret() -> None:
    teacher = OpenAIBatches(Endpoint(model="m", key=KEY, base_url="http://me:pass@host:8000/v1/"))
    assert teacher.account.base_url == "http://host:8000/v1"
    assert teacher.account.key_digest == hashlib.sha256(KEY.encode()).hexdigest()[:12]
    assert KEY not in repr(Endpoint(model="m", key=KEY))


async def test_live_calls_through_faults_on_the_strict_server() -> None:
    asked = [Request(f"{n:032x}", f"d{n}", (Message("user", f"hello {n}"),)) for n in range(200)]
    replies: dict[str, str] = {}
    failures: list[str] = []
    faults = loopback.Faults(fail_share=0.1, throttle=20, retry_after="0.05", cut_replies=2, break_calls=3)
    with loopback.running(faults) as api:
        teacher = OpenAILive(Endpoint(model="m", key=loopback.KEY, base_url=api.url, timeout_s=10))
        sender = Sender(teacher, LiveLimits(16), threading.Event())
        await sender.send(
            asked,
            lambda request, reply, lost: replies.update({request.key: reply.text}),
            lambda request, error, tries, lost: failures.append(str(error)),
        )
        await teacher.close()
    assert failures == []
    assert replies == {
        request.key: loopback.expected_answer([msgspec.to_builtins(m) for m in request.messages])
        for request in asked
    }


@pytest.mark.parametrize(
    ("logprobs", "expected"),
    [
        ({"content": [{"token": "1", "top_logprobs": [{"token": "1", "logprob": -0.1}]}]}, {"1": -0.1}),
        (
            {
                "content": [
                    {"token": " **", "top_logprobs": [{"token": " **", "logprob": -0.1}]},
                    {"token": "2", "top_logprobs": [{"token": "2", "logprob": -0.2}]},
                ]
            },
            {"2": -0.2},
        ),
        ({"content": None}, None),
        ({"content": [{"token": "1", "top_logprobs": None}]}, None),
        ({"content": [{"token": "1", "top_logprobs": [{"token": "1", "logprob": None}]}]}, None),
        ([], None),
        (None, None),
    ],
)
async def test_log_probabilities_are_reported_or_unknown_and_lose_no_answer(
    server: Server, logprobs: object, expected: dict[str, float] | None
) -> None:
    answer = completion("1")
    answer["choices"][0]["logprobs"] = logprobs
    server.answer = lambda asked: HttpReply(answer)
    live = OpenAILive(replace(endpoint(server), top_logprobs=5))
    reply = await last_reply(live, REQUEST)
    assert (reply.text, reply.logprobs) == ("1", expected)
    assert server.requests[-1].json()["top_logprobs"] == 5
    assert server.requests[-1].json()["logprobs"] is True


async def test_an_answer_is_reported_while_it_comes() -> None:
    with loopback.running() as api:
        live = OpenAILive(Endpoint("m", loopback.KEY, api.url, timeout_s=5, max_output_tokens=77))
        whole = await live.complete(REQUEST)
        grown: list[str] = []
        streamed = await live.stream(REQUEST, grown.append)
        await live.close()
    assert streamed == whole
    assert grown[-1] == whole.text
    assert len(grown) == len(whole.text.split())
    assert all(after.startswith(before) for before, after in itertools.pairwise(grown))


async def test_a_server_that_refuses_to_report_usage_is_not_asked_to(
    server: Server, live: OpenAILive
) -> None:
    error = {"error": {"message": "Unrecognized request argument supplied: stream_options"}}
    server.answer = lambda request: (
        HttpReply(error, 400) if "stream_options" in request.json() else HttpReply(USUAL_ANSWER)
    )
    # It does not stream either.
    assert (await live.stream(REQUEST, lambda text: None)).text == "well"
    assert ["stream_options" in request.json() for request in server.requests] == [True, False]
