from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.teachers.google.client import GoogleBatches, is_queue_full
from core.teachers.protocol import (
    FailedRequest,
    QueueFullError,
    RejectedError,
    Reply,
    TransientError,
    UnidentifiedError,
    UnreadableError,
    Usage,
)
from tests.support.servers.scripted_server import HttpReply, HttpRequest, Server
from tests.teachers.google.google_answers import (
    KEY,
    METADATA,
    REQUEST,
    USED_UP,
    answer,
    batch,
    endpoint,
    refusal,
)

USUAL_ANSWER = answer("well")


@pytest.fixture
def batches(server: Server) -> GoogleBatches:
    return GoogleBatches(endpoint(server))


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
        "batch": {"displayName": "empathy-tui my/space/generate-1/t1", "inputConfig": {"fileName": "files/2"}}
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
    found = batch(state)
    found["metadata"]["state"] = beginning + state
    server.answer = lambda asked: HttpReply(found)
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
    # The API does not say whose it is: it may be anybody's.
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

    def kept(raw: str) -> Reply:
        return Reply("", "unreadable", None, ending="its line in output.jsonl is damaged", raw=raw)

    def odd(line: dict[str, Any]) -> Reply:
        reason = "its line has neither a response nor an error"
        return Reply("", "unreadable", None, ending=reason, raw=json.dumps(line))

    assert list(batches.results([path])) == [
        (None, odd({})),
        ("a", Reply("one", "stop", Usage(10, 4, 23, 20))),
        ("b", FailedRequest("500", "INTERNAL: internal [key]")),
        ("g", FailedRequest("400", "bad")),
        ("c", Reply("", "filtered", None, ending="the prompt was blocked: OTHER")),
        ("d", Reply("", "filtered", None, ending="it has no candidates")),
        ("e", odd({"key": "e"})),
        ("a", Reply("two", "length", Usage(10, 4, 23, 20), ending=USED_UP)),
        (None, kept("ÿ")),
        ("half", kept('{"key": "half", "resp')),
    ]
