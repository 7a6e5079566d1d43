from __future__ import annotations

import asyncio
import email.utils
import hashlib
import json
import socket
import threading
import time
import traceback
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.teachers.http import headers as rate_headers
from core.teachers.http.endpoint import Endpoint
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.openai.client import OpenAIBatches, OpenAILive, is_queue_full
from core.teachers.protocol import (
    FINAL,
    FailedRequest,
    Message,
    QueueFullError,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    TransientError,
    Usage,
)
from tests import loopback
from tests.support import waiting
from tests.support.scripted_server import HttpReply, HttpRequest, Server, serving

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


def batch(**changes: Any) -> dict[str, Any]:
    return {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "input_file_id": "file-1",
        "status": "in_progress",
        "created_at": 1000,
        "request_counts": {"total": 5, "completed": 2, "failed": 1},
        "metadata": {"token": "t1"},
        **changes,
    }


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda asked: HttpReply(completion())) as found:
        yield found


@pytest.fixture
async def live(server: Server) -> AsyncIterator[OpenAILive]:
    teacher = OpenAILive(endpoint(server))
    yield teacher
    await teacher.close()


@pytest.fixture
def batches(server: Server) -> OpenAIBatches:
    return OpenAIBatches(endpoint(server))


def endpoint(server: Server) -> Endpoint:
    return Endpoint(model="m", key=KEY, base_url=f"{server.url}/v1", timeout_s=5, max_output_tokens=77)


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
    [b"", b'{"error": "x"}', b'{"choices": [], "error": "x"}', b"[]", b"\xff", b'{"choices": ['],
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
    told = {
        "x-ratelimit-remaining-requests": "5",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-requests": "20ms",
        "x-ratelimit-reset-tokens": "6m0.5s",
    }
    server.answer = lambda asked: HttpReply(completion(), headers=told)
    await live.complete(REQUEST)
    assert live.limits == RateLimits(5, 0, 0.02, 360.5)
    server.answer = lambda asked: HttpReply(b"", 429, {**told, "x-ratelimit-remaining-requests": "0"})
    with pytest.raises(TransientError):
        await live.complete(REQUEST)
    assert live.limits.remaining_requests == 0


async def test_nobody_listens_and_a_slow_server() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        url = f"http://someone:{KEY}@127.0.0.1:{mute.getsockname()[1]}/v1"
        teacher = OpenAILive(Endpoint(model="m", key=KEY, base_url=url, timeout_s=0.2))
        with pytest.raises(TransientError) as error:
            await teacher.complete(REQUEST)
        assert error.value.code == "connection"
        assert KEY not in str(error.value)
        mute.listen()
        with pytest.raises(TransientError) as error:
            await teacher.complete(REQUEST)
        assert error.value.code == "timeout"
        assert KEY not in teacher.account.base_url
        await teacher.close()


async def test_an_answer_that_only_trickles() -> None:
    async def trickle(workspace: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while not writer.is_closing() and not workspace.at_eof():
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


def test_upload_and_create(server: Server, batches: OpenAIBatches, tmp_path: Path) -> None:
    path = tmp_path / "token.jsonl"
    path.write_bytes(batches.line(REQUEST))
    server.answer = lambda asked: HttpReply({"id": "file-1", "object": "file", "filename": "token.jsonl"})
    assert batches.upload(path) == "file-1"
    sent = server.requests[0]
    assert sent.path == "/v1/files"
    assert b'filename="token.jsonl"' in sent.body
    assert b'name="purpose"\r\n\r\nbatch' in sent.body
    assert batches.line(REQUEST) in sent.body
    assert batches.custom_ids(path) == {REQUEST.key}
    server.answer = lambda asked: HttpReply(
        batch(status="validating", request_counts={"total": 0, "completed": 0, "failed": 0})
    )
    info = batches.create("file-1", {"token": "t1", "workspace": "w" * 600})
    assert (info.id, info.status, info.total, info.input_file) == ("batch_1", "validating", None, "file-1")
    assert server.requests[1].json() == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"token": "t1", "workspace": "w" * 512},
    }


def test_a_batch_as_it_is_told(server: Server, batches: OpenAIBatches) -> None:
    errors = {"data": [{"code": "invalid_json_line", "line": 3, "message": f"bad {KEY}"}, {"message": "odd"}]}
    server.answer = lambda asked: HttpReply(batch(errors=errors, output_file_id="file-2", expires_at=2000))
    info = batches.retrieve("batch_1")
    assert (info.completed, info.failed, info.total) == (2, 1, 5)
    assert (info.output_file, info.error_file) == ("file-2", None)
    assert info.errors == ("line 3: invalid_json_line: bad [key]", "error: odd")
    assert (info.created_at, info.expires_at, info.metadata) == (1000, 2000, {"token": "t1"})
    assert not is_queue_full(info)


def test_finding_goes_through_the_pages_and_ends_at_older_ones(
    server: Server, batches: OpenAIBatches
) -> None:
    def page(asked: HttpRequest) -> HttpReply:
        number = (
            1
            if "after=" not in asked.path
            else int(asked.path.partition("after=batch_")[2].partition("&")[0]) + 1
        )
        found = batch(id=f"batch_{number}", created_at=1000 - 100 * number, metadata={"token": f"t{number}"})
        return HttpReply({"object": "list", "data": [found], "has_more": True})

    server.answer = page
    found = batches.find("t3", since=0)
    assert found is not None
    assert found.id == "batch_3"
    server.requests.clear()
    assert batches.find("never", since=720) is None
    assert len(server.requests) == 4


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, {"code": "token_limit_exceeded", "message": "too many"}),
        (400, {"code": None, "message": "Enqueued token limit reached for m"}),
    ],
)
def test_a_full_queue(server: Server, batches: OpenAIBatches, status: int, error: dict[str, Any]) -> None:
    server.answer = lambda asked: HttpReply({"error": error}, status)
    with pytest.raises(QueueFullError):
        batches.create("file-1", {})
    server.answer = lambda asked: HttpReply({"error": {"message": "Rate limit reached"}}, 429)
    with pytest.raises(TransientError):
        batches.create("file-1", {})
    server.answer = lambda asked: HttpReply(batch(status="failed", errors={"data": [error]}))
    assert is_queue_full(batches.retrieve("batch_1"))


def test_cancelling_a_final_batch_tells_its_state(server: Server, batches: OpenAIBatches) -> None:
    state = "completed"

    def answer(asked: HttpRequest) -> HttpReply:
        if asked.path.endswith("/cancel"):
            return HttpReply({"error": {"message": "cannot cancel"}}, 409)
        return HttpReply(batch(status=state))

    server.answer = answer
    assert batches.cancel("batch_1").status == "completed"
    state = "in_progress"
    with pytest.raises(TransientError):
        batches.cancel("batch_1")
    server.answer = lambda asked: HttpReply(batch(status="cancelling"))
    assert batches.cancel("batch_1").status == "cancelling"


def test_a_download_is_whole_or_not_there(server: Server, batches: OpenAIBatches, tmp_path: Path) -> None:
    content = b"x" * 300_000
    server.answer = lambda asked: HttpReply(content)
    batches.download("file-2", tmp_path / "output.jsonl")
    assert (tmp_path / "output.jsonl").read_bytes() == content
    assert server.requests[0].path == "/v1/files/file-2/content"
    server.answer = lambda asked: HttpReply(content, length=len(content) + 1)
    with pytest.raises(TransientError) as error:
        batches.download("file-3", tmp_path / "cut.jsonl")
    assert error.value.code == "connection"
    server.answer = lambda asked: HttpReply({"error": {"message": "No such file"}}, 404)
    with pytest.raises(RejectedError):
        batches.download("file-4", tmp_path / "none.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["output.jsonl"]


def test_results_survive_what_is_broken(batches: OpenAIBatches, tmp_path: Path) -> None:
    def line(key: str, status: int, body: Any) -> bytes:
        response = {"status_code": status, "request_id": "r", "body": body}
        return json.dumps({"id": "x", "custom_id": key, "response": response, "error": None}).encode() + b"\n"

    expired = {
        "custom_id": "c",
        "response": None,
        "error": {"code": "batch_expired", "message": f"late {KEY}"},
    }
    output, error = tmp_path / "output.jsonl", tmp_path / "error.jsonl"
    output.write_bytes(
        line("a", 200, completion("one"))
        + b"\n\xff\xfe garbage\n[1]\n{}\n"
        + line("b", 200, {"choices": []})
        + line("a", 200, completion("two"))
        + line("z", 200, completion("half"))[:60]
    )
    error.write_bytes(
        json.dumps(expired).encode()
        + b"\n"
        + line("d", 400, {"error": {"code": "content_policy", "message": "no"}})
        + line("e", 500, None)
        + b'{"custom_id": "f"}\n'
    )
    damaged = FailedRequest("damaged", "its line in output.jsonl is damaged, and is kept there")
    assert list(batches.results([output, error])) == [
        ("a", Reply("one", "stop", Usage(10, 4, 3))),
        (None, damaged),
        (None, damaged),
        (None, FailedRequest("body", "the line has neither a response nor an error")),
        ("b", Reply("", "filtered", None, ending="it has no choices")),
        ("a", Reply("two", "stop", Usage(10, 4, 3))),
        ("z", damaged),
        ("c", FailedRequest("batch_expired", "late [key]")),
        ("d", FailedRequest("400", "content_policy: no")),
        ("e", FailedRequest("500", "null")),
        ("f", FailedRequest("body", "the line has neither a response nor an error")),
    ]


def test_a_lost_or_garbled_answer_to_a_create(server: Server, batches: OpenAIBatches) -> None:
    for body in (b"", b"<html>502</html>", b'{"object": "batch"}'):
        server.answer = lambda asked, body=body: HttpReply(body)  # type: ignore[misc]
        with pytest.raises(TransientError) as error:
            batches.create("file-1", {})
        assert error.value.code == "body"
    assert len(server.requests) == 3
    server.answer = lambda asked: HttpReply(b'{"id": "batch_1"}')
    info = batches.create("file-1", {})
    assert (info.id, info.status) == ("batch_1", "validating")
    assert info.errors == ("the provider reports no status of this batch",)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "2", "retry-after-ms": "40"}, 0.04),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Mon, 01 Jan 2001 00:00:00 GMT"}, 0.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert rate_headers.retry_after(headers) == seconds


def test_retry_after_as_a_date() -> None:
    told = rate_headers.retry_after({"retry-after": email.utils.formatdate(time.time() + 100, usegmt=True)})
    assert told is not None
    assert 0 < told <= 100


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1.5s", 1.5),
        ("6m0s", 360.0),
        ("1h2m3s", 3723.0),
        ("20ms", 0.02),
        ("8", 8.0),
        ("x1s", None),
        ("", None),
        (None, None),
    ],
)
def test_periods(text: str | None, seconds: float | None) -> None:
    assert rate_headers.parse_duration(text) == seconds


def test_the_whole_life_of_a_batch_on_the_strict_server(tmp_path: Path) -> None:
    asked = [Request(f"{n:032x}", f"d{n}", (Message("user", f"hello {n}"),)) for n in range(20)]
    with loopback.running(loopback.Faults(fail_share=0.3, corrupt=True, lose_creates=1)) as api:
        batches = OpenAIBatches(Endpoint(model="m", key=loopback.KEY, base_url=api.url, timeout_s=10))
        path = tmp_path / "token.jsonl"
        path.write_bytes(b"".join(map(batches.line, asked)))
        file = batches.upload(path)
        with pytest.raises(TransientError):
            batches.create(file, {"token": "t1"})
        info = batches.find("t1", time.time())
        assert info is not None
        identifier = info.id
        info = waiting.wait_until(
            lambda: found if (found := batches.retrieve(identifier)).status in FINAL else None,
            "the batch",
        )
        assert (info.status, info.total, info.input_file) == ("completed", 20, file)
        assert batches.cancel(info.id).status == "completed"
        found = []
        for name in filter(None, (info.output_file, info.error_file)):
            batches.download(name, tmp_path / name)
            found.append(tmp_path / name)
        results = list(batches.results(found))
        assert len(api.batches) == 1
    good = {key: result for key, result in results if isinstance(result, Reply)}
    bad = {key: result for key, result in results if isinstance(result, FailedRequest) and key not in good}
    bad = {key: result for key, result in bad.items() if result.code != "damaged"}
    assert len(good) == (info.completed or 0)  # one is half a line, and one is nobody's
    assert set(bad.values()) == {FailedRequest("500", "The server had an error")}
    for request in asked:
        if isinstance(reply := good.get(request.key), Reply):
            assert reply.text == loopback.expected_answer([msgspec.to_builtins(m) for m in request.messages])


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
    ("told", "expected"),
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
async def test_log_probabilities_are_told_or_unknown_and_lose_no_answer(
    server: Server, told: object, expected: dict[str, float] | None
) -> None:
    answer = completion("1")
    answer["choices"][0]["logprobs"] = told
    server.answer = lambda asked: HttpReply(answer)
    live = OpenAILive(replace(endpoint(server), top_logprobs=5))
    reply = await live.complete(REQUEST)
    await live.close()
    assert (reply.text, reply.logprobs) == ("1", expected)
    assert server.requests[-1].json()["top_logprobs"] == 5
    assert server.requests[-1].json()["logprobs"] is True


def test_a_line_that_refuses_log_probabilities_names_the_setting(server: Server, tmp_path: Path) -> None:
    body = {"error": {"message": "'logprobs' is not supported with this model."}}
    line = {"custom_id": "k", "response": {"status_code": 400, "body": body}}
    path = tmp_path / "errors.jsonl"
    path.write_text(json.dumps(line) + "\n")
    ((key, fault),) = OpenAIBatches(endpoint(server)).results([path])
    assert key == "k"
    assert isinstance(fault, FailedRequest)
    assert "top_logprobs in config.toml" in fault.message
