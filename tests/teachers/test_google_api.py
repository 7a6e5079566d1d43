from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.teachers.google.client import GoogleBatches, GoogleLive, is_queue_full
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import (
    FailedRequest,
    Message,
    QueueFullError,
    RejectedError,
    Reply,
    Request,
    TransientError,
    UnidentifiedError,
    UnreadableError,
    Usage,
)
from tests.support.scripted_server import HttpReply, HttpRequest, Server, serving

KEY = "AIzaVerySecret0123456789"
REQUEST = Request(
    "0" * 32, "d1", (Message("user", "hello"), Message("assistant", "hi"), Message("user", "ä"))
)
METADATA = {"workspace": "my/space", "job": "teach-1", "token": "t1"}


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
    state: str, name: str = "batches/1", title: str = "empathy-tui my/space/teach-1/t1", **changes: Any
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


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda asked: HttpReply(answer("well"))) as found:
        yield found


@pytest.fixture
async def live(server: Server) -> AsyncIterator[GoogleLive]:
    teacher = GoogleLive(endpoint(server))
    yield teacher
    await teacher.close()


@pytest.fixture
def batches(server: Server) -> GoogleBatches:
    return GoogleBatches(endpoint(server))


def endpoint(server: Server) -> Endpoint:
    return Endpoint(model="gemini-x", key=KEY, base_url=server.url, timeout_s=5, max_output_tokens=77)


async def test_a_reply_with_its_usage(server: Server, live: GoogleLive) -> None:
    assert await live.complete(REQUEST) == Reply("well", "stop", Usage(10, 4, 23))
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
        (answer("one ", "two"), Reply("one two", "stop", Usage(10, 4, 23))),
        (answer("cut", finish="MAX_TOKENS"), Reply("cut", "length", Usage(10, 4, 23))),
        (answer(finish="SAFETY"), Reply("", "filtered", Usage(10, 4, 23), ending="it ended as SAFETY")),
        (answer("so", finish="stop"), Reply("so", "stop", Usage(10, 4, 23))),
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


@pytest.mark.parametrize("body", [b"", b"[]", b'{"error": "x"}'])
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
        teacher = GoogleLive(replace(endpoint(server), base_url=url, timeout_s=0.2))
        with pytest.raises(TransientError) as error:
            await teacher.complete(REQUEST)
        assert error.value.code == "connection"
        mute.listen()
        with pytest.raises(TransientError) as error:
            await teacher.complete(REQUEST)
        assert error.value.code == "timeout"
        await teacher.close()


def test_upload_and_finding_it_again(server: Server, batches: GoogleBatches, tmp_path: Path) -> None:
    path = tmp_path / "token.jsonl"
    path.write_bytes(batches.line(REQUEST))

    def files(asked: HttpRequest) -> HttpReply:
        if asked.method == "GET":
            last = "pageToken=next" in asked.path
            name = "token.jsonl" if last else "other.jsonl"
            found = {"name": f"files/{2 if last else 1}", "displayName": name, "state": "ACTIVE"}
            return HttpReply({"files": [found], **({} if last else {"nextPageToken": "next"})})
        if asked.headers["x-goog-upload-command"] == "start":
            return HttpReply({}, headers={"x-goog-upload-url": f"{server.url}/there"})
        return HttpReply({"file": {"name": "files/2"}}, headers={"x-goog-upload-status": "final"})

    server.answer = files
    assert batches.upload(path) == "files/2"
    start, content = server.requests
    assert start.json()["file"]["display_name"] == "token.jsonl"
    assert content.body == path.read_bytes()
    assert batches.custom_ids(path) == {REQUEST.key}
    server.answer = lambda asked: HttpReply({})
    with pytest.raises(TransientError):
        batches.upload(path)


def test_create_names_the_batch_after_its_token(server: Server, batches: GoogleBatches) -> None:
    server.answer = lambda asked: HttpReply(batch("PENDING"))
    info = batches.create("files/2", METADATA)
    assert (info.id, info.status, info.metadata) == ("batches/1", "validating", METADATA)
    assert info.created_at == 1767225600
    assert server.requests[0].path.endswith("/models/gemini-x:batchGenerateContent")
    assert server.requests[0].json() == {
        "batch": {"displayName": "empathy-tui my/space/teach-1/t1", "inputConfig": {"fileName": "files/2"}}
    }


@pytest.mark.filterwarnings("ignore:.*is not a valid JobState")
@pytest.mark.parametrize("beginning", ["BATCH_STATE_", "JOB_STATE_"])
@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("PENDING", "validating"),
        ("RUNNING", "in_progress"),
        ("SOMETHING_NEW", "in_progress"),
        ("SUCCEEDED", "completed"),
        ("PARTIALLY_SUCCEEDED", "completed"),
        ("FAILED", "failed"),
        ("CANCELLED", "cancelled"),
        ("EXPIRED", "expired"),
        ("UNSPECIFIED", "validating"),
    ],
)
def test_states(server: Server, batches: GoogleBatches, state: str, status: str, beginning: str) -> None:
    told = batch(state)
    told["metadata"]["state"] = beginning + state
    server.answer = lambda asked: HttpReply(told)
    info = batches.retrieve("batches/1")
    assert info.status == status
    assert info.output_file == ("files/out" if state == "SUCCEEDED" else None)
    assert (info.completed, info.failed, info.total) == (3, 0, 5)
    assert info.created_at is not None
    assert info.expires_at == info.created_at + 48 * 3600
    assert not is_queue_full(info)


def test_why_a_batch_failed(server: Server, batches: GoogleBatches) -> None:
    error = {"code": 3, "message": f"line 7 of {KEY}"}
    server.answer = lambda asked: HttpReply(batch("FAILED", error=error))
    info = batches.retrieve("batches/1")
    assert info.errors == ("3: line 7 of [key]",)
    assert not is_queue_full(info)
    server.answer = lambda asked: HttpReply(batch("FAILED", error={"code": 8, "message": "too much"}))
    info = batches.retrieve("batches/1")
    assert info.errors == ("RESOURCE_EXHAUSTED: too much",)
    assert is_queue_full(info)
    # Counts that are none do no harm.
    odd = batch("RUNNING")
    odd["metadata"]["batchStats"] = ["many"]
    server.answer = lambda asked: HttpReply(odd)
    info = batches.retrieve("batches/1")
    assert (info.status, info.total, info.errors) == ("in_progress", None, ())


def test_finding_a_batch_among_others(server: Server, batches: GoogleBatches) -> None:
    def page(asked: HttpRequest) -> HttpReply:
        if "pageToken=next" in asked.path:
            return HttpReply({"operations": [batch("RUNNING", "batches/3")]})
        others = [
            batch("RUNNING", "batches/2", "empathy-tui w/j/t2"),
            batch("RUNNING", "batches/4", "mine/x/t1"),
        ]
        return HttpReply({"operations": others, "nextPageToken": "next"})

    server.answer = page
    found = batches.find("t1", since=0)
    assert found is not None
    assert (found.id, found.metadata) == ("batches/3", METADATA)
    assert batches.find("never", since=0) is None


@pytest.mark.filterwarnings("ignore:.*is not a valid JobState")
def test_batches_in_odd_forms(server: Server, batches: GoogleBatches) -> None:
    odd = batch("succeeded", error="", done="yes")
    odd["metadata"] |= {
        "createTime": "soon",
        "state": "batch_state_succeeded",
        "batchStats": {"requestCount": 5},
    }
    odd["metadata"]["output"] = {"responsesFile": "files/out"}
    server.answer = lambda asked: HttpReply(odd)
    info = batches.retrieve("batches/1")
    assert (info.status, info.output_file, info.created_at, info.errors) == (
        "completed",
        "files/out",
        None,
        (),
    )
    assert (info.completed, info.failed, info.total) == (0, 0, 5)
    server.answer = lambda asked: HttpReply({"metadata": {"state": "BATCH_STATE_PENDING"}})
    with pytest.raises(UnreadableError):
        batches.create("files/2", METADATA)


def test_a_batch_is_found_by_its_input_file(server: Server, batches: GoogleBatches) -> None:
    mine = batch("RUNNING", "batches/5", "")
    mine["metadata"]["inputConfig"] = {"fileName": "files/2"}
    foreign: list[Any] = [3, {"name": ["odd"]}, {"metadata": "x"}, batch("RUNNING", "batches/4", "mine/x/t1")]
    foreign[3]["metadata"]["createTime"] = "soon"
    server.answer = lambda asked: HttpReply({"operations": [*foreign, mine]})
    found = batches.find("t1", since=0, file="files/2")
    assert found is not None
    assert found.id == "batches/5"
    # Of whom the API tells nothing, it may be anybody's.
    del mine["metadata"]["inputConfig"]
    with pytest.raises(UnidentifiedError, match="batches/5"):
        batches.find("t1", since=0, file="files/2")


def test_a_full_queue(server: Server, batches: GoogleBatches) -> None:
    server.answer = lambda asked: HttpReply(refusal("RESOURCE_EXHAUSTED", code=429), 429)
    with pytest.raises(QueueFullError):
        batches.create("files/2", METADATA)


def test_cancelling(server: Server, batches: GoogleBatches) -> None:
    state, refuses = "RUNNING", False

    def cancelling(asked: HttpRequest) -> HttpReply:
        if asked.path.endswith(":cancel"):
            return HttpReply(refusal("FAILED_PRECONDITION"), 400) if refuses else HttpReply({})
        return HttpReply(batch(state))

    server.answer = cancelling
    assert batches.cancel("batches/1").status == "in_progress"
    refuses = True
    with pytest.raises(RejectedError):
        batches.cancel("batches/1")
    state = "SUCCEEDED"
    assert batches.cancel("batches/1").status == "completed"


def test_a_name_that_is_none_is_refused(server: Server, batches: GoogleBatches) -> None:
    for call in (batches.retrieve, batches.cancel):
        for name in ("batch_1", "batches/1/../../files/2", "batches/"):
            with pytest.raises(RejectedError):
                call(name)
    assert server.requests == []


def test_a_download_is_whole_or_not_there(server: Server, batches: GoogleBatches, tmp_path: Path) -> None:
    content = b"x" * 3_000_000
    server.answer = lambda asked: HttpReply(content)
    batches.download("files/out", tmp_path / "output.jsonl")
    assert (tmp_path / "output.jsonl").read_bytes() == content
    server.answer = lambda asked: HttpReply(content, length=len(content) + 1)
    with pytest.raises(TransientError) as error:
        batches.download("files/out", tmp_path / "cut.jsonl")
    assert error.value.code == "connection"
    server.answer = lambda asked: HttpReply(refusal("NOT_FOUND"), 404)
    with pytest.raises(RejectedError):
        batches.download("files/none", tmp_path / "none.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["output.jsonl"]


def test_results_survive_what_is_broken(batches: GoogleBatches, tmp_path: Path) -> None:
    path = tmp_path / "output.jsonl"
    lines = [
        {"key": "a", "response": answer("one")},
        {"key": "b", "error": {"code": 13, "message": f"internal {KEY}", "status": "INTERNAL"}},
        {"key": "g", "error": {"code": 3, "message": "bad"}},
        {"key": "c", "response": {"promptFeedback": {"blockReason": "OTHER"}}},
        {"key": "d", "response": {}},
        {"key": "e"},
        {"key": "a", "response": answer("two", finish="MAX_TOKENS")},
    ]
    text = b"\n".join(json.dumps(line).encode() for line in lines)
    path.write_bytes(b"\xff\n{}\n" + text + b'\n{"key": "half", "resp')
    damaged = FailedRequest("damaged", "its line in output.jsonl is damaged, and is kept there")
    assert list(batches.results([path])) == [
        (None, damaged),
        (None, FailedRequest("body", "the line has neither a response nor an error")),
        ("a", Reply("one", "stop", Usage(10, 4, 23))),
        ("b", FailedRequest("13", "internal [key]")),
        ("g", FailedRequest("invalid_request", "bad")),
        ("c", Reply("", "filtered", None, ending="the prompt was blocked: OTHER")),
        ("d", Reply("", "filtered", None, ending="it has no candidates")),
        ("e", FailedRequest("body", "the line has neither a response nor an error")),
        ("a", Reply("two", "length", Usage(10, 4, 23))),
        ("half", damaged),
    ]


LIKELY = {"token": "1", "logProbability": -0.1, "tokenId": 7}


@pytest.mark.parametrize(
    ("told", "expected"),
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
async def test_log_probabilities_are_told_or_unknown_and_lose_no_answer(
    server: Server, told: object, expected: dict[str, float] | None
) -> None:
    said = answer("1")
    said["candidates"][0]["logprobsResult"] = told
    server.answer = lambda asked: HttpReply(said)
    live = GoogleLive(replace(endpoint(server), top_logprobs=5))
    reply = await live.complete(REQUEST)
    await live.close()
    assert (reply.text, reply.logprobs) == ("1", expected)
    generation = server.requests[-1].json()["generationConfig"]
    assert (generation["responseLogprobs"], generation["logprobs"]) == (True, 5)
