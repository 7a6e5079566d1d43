"""OpenAI's Batch API: creating, finding, cancelling and collecting batches."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.teachers.http.endpoint import Endpoint
from core.teachers.openai.client import OpenAIBatches, is_queue_full
from core.teachers.protocol import (
    FINAL,
    FailedRequest,
    Message,
    QueueFullError,
    RejectedError,
    Reply,
    Request,
    TransientError,
    Usage,
)
from tests import loopback
from tests.support import waiting
from tests.support.servers.scripted_server import HttpReply, HttpRequest, Server
from tests.teachers.openai.openai_answers import KEY, REQUEST, completion, endpoint


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


USUAL_ANSWER = completion()


@pytest.fixture
def batches(server: Server) -> OpenAIBatches:
    return OpenAIBatches(endpoint(server))


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


def test_a_batch_as_the_provider_reports_it(server: Server, batches: OpenAIBatches) -> None:
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

    def kept(raw: str) -> Reply:
        return Reply("", "unreadable", None, ending="its line in output.jsonl is damaged", raw=raw)

    def odd(line: dict[str, Any]) -> Reply:
        reason = "its line has neither an answer nor an error"
        return Reply("", "unreadable", None, ending=reason, raw=json.dumps(line))

    assert list(batches.results([output, error])) == [
        ("a", Reply("one", "stop", Usage(10, 4, 3))),
        (None, odd({})),
        ("b", Reply("", "filtered", None, ending="it has no choices")),
        ("a", Reply("two", "stop", Usage(10, 4, 3))),
        (None, kept("ÿþ garbage")),
        (None, kept("1")),
        ("z", kept(line("z", 200, completion("half"))[:60].decode())),
        ("c", FailedRequest("batch_expired", "late [key]")),
        ("d", FailedRequest("content_filter", "400: content_policy: no")),
        ("e", FailedRequest("500", "null")),
        ("f", odd({"custom_id": "f"})),
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
    good = {key: result for key, result in results if isinstance(result, Reply) and result.raw is None}
    bad = {key: result for key, result in results if isinstance(result, FailedRequest) and key not in good}
    assert len(good) == (info.completed or 0)  # one is half a line, and one is nobody's
    assert set(bad.values()) == {FailedRequest("500", "server_error: The server had an error")}
    for request in asked:
        if isinstance(reply := good.get(request.key), Reply):
            assert reply.text == loopback.expected_answer([msgspec.to_builtins(m) for m in request.messages])


def test_a_line_that_refuses_log_probabilities_names_the_setting(server: Server, tmp_path: Path) -> None:
    body = {"error": {"message": "'logprobs' is not supported with this model."}}
    line = {"custom_id": "k", "response": {"status_code": 400, "body": body}}
    path = tmp_path / "errors.jsonl"
    path.write_text(json.dumps(line) + "\n")
    ((key, fault),) = OpenAIBatches(endpoint(server)).results([path])
    assert key == "k"
    assert isinstance(fault, FailedRequest)
    assert "top_logprobs in config.toml" in fault.message
