"""Batches, and lines of their results, in every form that compatible servers send: bought once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.domain.errors import UserError
from core.jobs.records import Waiting
from tests.support.records import job_attempts
from tests.support.servers.odd_answers_server import (
    DIALOGUES,
    OddServer,
    answers,
    completion,
    errors,
    generate,
)
from tests.support.servers.scripted_server import HttpReply


def _line_with_error_object(key: str, body: dict[str, Any]) -> bytes:
    response = {"status_code": 200, "body": body}
    return json.dumps(
        {"custom_id": key, "response": response, "error": {"code": None, "message": None}}
    ).encode()


def _line_with_text(key: str, body: dict[str, Any]) -> bytes:
    return json.dumps(
        {"custom_id": key, "response": {"status_code": "200", "body": json.dumps(body)}, "error": ""}
    ).encode()


def _line_without_status(key: str, body: dict[str, Any]) -> bytes:
    return json.dumps({"custom_id": key, "response": body}).encode()


def _response(key: str, body: dict[str, Any], **line: Any) -> dict[str, Any]:
    return {"custom_id": key, "response": {"status_code": 200, "body": body}, **line}


def _json(line: Callable[[str, dict[str, Any]], dict[str, Any]]) -> Callable[[str, dict[str, Any]], bytes]:
    return lambda key, body: json.dumps(line(key, body)).encode()


@pytest.mark.parametrize(
    ("batch", "line"),
    [
        ({"error_file_id": "", "errors": None}, None),
        (
            {"errors": "", "created_at": "2026-11-28T14:00:00+00:00", "expires_at": None, "metadata": None},
            None,
        ),
        ({"errors": [], "request_counts": None, "expires_at": "NaN", "metadata": []}, None),
        ({"status": "COMPLETED", "request_counts": {"total": "24", "completed": 24.0}}, None),
        ({"status": "succeeded", "created_at": 1795870000000, "request_counts": []}, None),
        ({}, _line_with_error_object),
        ({}, _line_with_text),
        ({}, _line_without_status),
        ({}, _json(lambda key, body: {"custom_id": key, "body": body})),
        ({}, _json(lambda key, body: {"custom_id": key, **body})),
        ({}, _json(lambda key, body: {"custom_id": key, "result": {"data": body}})),
        ({}, _json(lambda key, body: {"custom_id": key, "response": json.dumps({"body": body})})),
        ({}, _json(lambda key, body: {"customId": f" {key.upper()} ", "response": [{"body": body}]})),
        ({}, lambda key, body: b"[" + json.dumps(_response(key, body)).encode() + b"],\r"),
    ],
)
def test_batches_in_odd_forms(
    tmp_path: Path, odd_server: tuple[OddServer, str], batch: dict[str, Any], line: Any
) -> None:
    odd, url = odd_server
    odd.batch, odd.line = batch, line
    result = generate(tmp_path, url, "batch")
    assert result.answers == len(DIALOGUES)
    assert (odd.creates, len(odd.asked)) == (1, len(DIALOGUES))


def _array(lines: list[bytes]) -> bytes:
    return json.dumps([json.loads(line) for line in lines], indent=1).encode()


def _errors_first(lines: list[bytes]) -> bytes:
    failed = [{"custom_id": json.loads(line)["custom_id"], "error": {"message": "no"}} for line in lines]
    return b"\n".join([*(json.dumps(line).encode() for line in failed), *lines])


@pytest.mark.parametrize(
    "layout",
    [
        b"".join,
        b"\r".join,
        b"\0\n\0".join,
        _array,
        lambda lines: json.dumps([json.loads(line) for line in lines]).encode(),
        lambda lines: b"\xef\xbb\xbf" + b"\r\n".join(lines) + b"\0" * 4096,
        lambda lines: b"\n".join([lines[0][:80], *lines]),
        _errors_first,
        lambda lines: b"\n".join(reversed(_errors_first(lines).splitlines())),
    ],
)
def test_result_files_in_odd_layouts(
    tmp_path: Path, odd_server: tuple[OddServer, str], layout: Callable[[list[bytes]], bytes]
) -> None:
    odd, url = odd_server
    odd.layout = layout
    assert generate(tmp_path, url, "batch", 0.0).answers == len(DIALOGUES)
    assert (odd.creates, len(odd.asked)) == (1, len(DIALOGUES))


@pytest.mark.parametrize("content", [b"", b"\n", b"<html>Log in</html>", b'{"error": {"message": "gone"}}'])
def test_completed_requests_without_answers_are_not_bought_again(
    tmp_path: Path, odd_server: tuple[OddServer, str], content: bytes
) -> None:
    odd, url = odd_server
    odd.layout = lambda lines: content
    with pytest.raises(UserError, match=r"none of the first 24 .*\(24 unreadable\)"):
        generate(tmp_path, url, "batch")
    assert (odd.creates, len(odd.asked)) == (1, len(DIALOGUES))
    assert {answer.outcome for answer in answers(tmp_path)} == {"unreadable"}


@pytest.mark.parametrize("is_json", [True, False])
def test_a_key_that_the_server_repeats_is_in_no_file(
    tmp_path: Path, odd_server: tuple[OddServer, str], monkeypatch: pytest.MonkeyPatch, is_json: bool
) -> None:
    odd, url = odd_server
    keys = ("a-key-like-no-other", "sk-" + "a1" * 20)
    monkeypatch.setenv("OPENAI_API_KEY", keys[0])
    said = f"That sounds hard. You sent {keys[0]}, and not {keys[1]}."
    odd.answer = lambda text: completion(said)
    if not is_json:
        odd.line = lambda key, body: f'{json.dumps(_response(key, completion()))}\n{said} "'.encode()
    assert generate(tmp_path, url, "batch").answers == len(DIALOGUES)
    contents = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [content for content in contents if any(key.encode() in content for key in keys)]
    assert any(b"and not [key]." in content for content in contents)


FOREIGN: list[dict[str, Any]] = [
    {"id": 7},
    {"status": "completed"},
    {"id": "batch_9", "status": 3, "metadata": "x", "input_file_id": "file-9", "created_at": "soon"},
]


@pytest.mark.parametrize("metadata", [{"token": "of another"}, None])
@pytest.mark.parametrize("status", [504, 200])
def test_a_lost_reply_to_a_creation_buys_nothing_twice(
    tmp_path: Path, odd_server: tuple[OddServer, str], status: int, metadata: dict[str, str] | None
) -> None:
    """The list of batches has others in odd forms, and no metadata: the input file identifies the batch."""
    odd, url = odd_server
    odd.created = HttpReply(b"<html>gateway</html>" if status == 504 else b'{"object": "batch"}', status)
    others = [*FOREIGN, {"id": "batch_8", "status": "completed", "metadata": metadata, "input_file_id": "f"}]
    odd.listing = [*others, {"id": "batch_1", "status": "validating", "input_file_id": "file-in"}]
    result = generate(tmp_path, url, "batch")
    assert result.answers == len(DIALOGUES)
    assert (odd.creates, odd.uploads, len(odd.asked)) == (1, 1, len(DIALOGUES))
    if status == 200:
        assert any("answer cannot be read" in error for error in errors(tmp_path))


def lose_creation(odd: OddServer) -> None:
    """The reply to a creation is lost, and the list says nothing of the batch but its id."""
    odd.created = HttpReply(b"", 504)
    odd.listing = [{"id": "batch_1", "status": "validating"}]


@pytest.mark.parametrize("odd_file", [["file-out"], {"id": "file-out"}, 7])
def test_a_batch_with_odd_ids_of_files_is_created_once(
    tmp_path: Path, odd_server: tuple[OddServer, str], odd_file: object
) -> None:
    """It was taken for none, and created again and again, each of them paid."""
    odd, url = odd_server
    odd.batch = {"output_file_id": odd_file}
    with pytest.raises(UserError, match=r"is not an id\. Batch batch_1 continues at the provider"):
        generate(tmp_path, url, "batch", max_wait_s=0.2)
    assert odd.creates == 1


@pytest.mark.parametrize("odd_id", [7, None, ["batch_1"]])
def test_a_batch_with_an_odd_id_is_not_created_again_by_itself(
    tmp_path: Path, odd_server: tuple[OddServer, str], odd_id: object
) -> None:
    odd, url = odd_server
    odd.batch = {"id": odd_id}
    with pytest.raises(UserError, match="batches adopt ID"):
        generate(tmp_path, url, "batch")
    assert odd.creates == 1


def test_batches_that_the_provider_never_lists_are_not_created_for_ever(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    odd.created = HttpReply({"error": {"message": "try again"}}, 500)
    odd.listing = []
    with pytest.raises(UserError, match=r"3 batches in a row were sent .*500: try again"):
        generate(tmp_path, url, "batch", batch_tries=3)
    assert odd.creates == 3


def test_a_batch_that_the_list_tells_nothing_of_is_looked_at(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    lose_creation(odd)
    assert generate(tmp_path, url, "batch").answers == len(DIALOGUES)
    assert odd.creates == 1


def test_a_batch_of_unknown_state_is_not_submitted_again_by_itself(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    lose_creation(odd)
    odd.batch = {"input_file_id": None}
    with pytest.raises(UserError, match="batches adopt ID"):
        generate(tmp_path, url, "batch")
    assert odd.creates == 1
    assert any("possibly created" in error and "batch_1" in error for error in errors(tmp_path))


def test_a_creation_without_a_status_is_followed_by_its_id(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    odd.created = HttpReply({"id": "batch_1"})
    odd.listing = []
    assert generate(tmp_path, url, "batch").answers == len(DIALOGUES)
    assert errors(tmp_path) == ["the provider reports no status of this batch"]


UNREADABLE: list[Callable[[str, dict[str, Any]], bytes]] = [
    _json(lambda key, body: {"custom_id": key, "response": {"status_code": 200, "body": None}}),
    _json(lambda key, body: {"custom_id": key, "response": {"status_code": 200, "body": "oops"}}),
    _json(lambda key, body: {"custom_id": key}),
    _json(lambda key, body: {"response": {"status_code": 200, "body": body}}),
    lambda key, body: json.dumps(_response(key, body)).encode()[:-30],
]


@pytest.mark.parametrize("line", UNREADABLE)
def test_a_line_that_cannot_be_read_is_charged_and_bought_once(
    tmp_path: Path, odd_server: tuple[OddServer, str], line: Callable[[str, dict[str, Any]], bytes]
) -> None:
    odd, url = odd_server
    first: list[str] = []

    def one(key: str, body: dict[str, Any]) -> bytes:
        first.append(key)
        return line(key, body) if key == first[0] else json.dumps(_response(key, body)).encode()

    odd.line = one
    result = generate(tmp_path, url, "batch")
    assert (result.answers, result.left_out_as) == (len(DIALOGUES) - 1, {"unreadable": 1})
    assert (odd.creates, len(odd.asked)) == (1, len(DIALOGUES))
    (kept,) = [answer for answer in answers(tmp_path) if answer.outcome == "unreadable"]
    assert kept.is_estimated
    assert kept.output_tokens


def test_an_error_of_one_line_does_not_end_the_job(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    first: list[str] = []

    def one(key: str, body: dict[str, Any]) -> bytes:
        first.append(key)
        error = {"error": {"code": "model_not_found", "message": "no model"}}
        if len(first) == 1:
            return json.dumps(_response(key, {}) | {"response": {"status_code": 404, "body": error}}).encode()
        return json.dumps(_response(key, body)).encode()

    odd.line = one
    assert generate(tmp_path, url, "batch").answers == len(DIALOGUES)
    assert (odd.creates, len(odd.asked)) == (2, len(DIALOGUES) + 1)


def test_no_answer_at_all_is_no_lack_of_dialogues(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    odd.line = lambda key, body: json.dumps(
        {"custom_id": key, "response": {"status_code": 400, "body": {"error": {"message": "too long"}}}}
    ).encode()
    with pytest.raises(UserError, match=r"none of the 24 requests .*\(24 rejected\), .*too long"):
        generate(tmp_path, url, "batch", max_left_out=1.0)


@pytest.mark.parametrize("reply", [HttpReply({"id": 7}), HttpReply(b"<html>log in</html>")])
def test_a_batch_that_stays_unreadable_is_waited_for_and_given_up(
    tmp_path: Path, odd_server: tuple[OddServer, str], reply: HttpReply
) -> None:
    odd, url = odd_server
    odd.created = HttpReply({"id": "batch_1", "status": "validating"})
    odd.looked_at = reply
    with pytest.raises(UserError, match=r"cannot be read for .*max_wait_s.* Batch batch_1 continues"):
        generate(tmp_path, url, "batch", max_wait_s=0.2)
    (waiting, *_) = job_attempts.found(tmp_path / "artifacts/jobs/generate-1/1", Waiting)
    assert waiting.reason is not None
    assert waiting.reason.startswith("the provider's answers cannot be read")
    assert waiting.gives_up_at is not None


def test_a_file_of_a_rejected_batch_is_deleted(tmp_path: Path, odd_server: tuple[OddServer, str]) -> None:
    odd, url = odd_server
    odd.created = HttpReply({"error": {"message": "no batches for this model"}}, 400)
    with pytest.raises(UserError, match="no batches for this model"):
        generate(tmp_path, url, "batch")
    assert odd.deleted == ["file-in"]


def test_a_filtered_prompt_is_charged_by_its_estimate(
    tmp_path: Path, odd_server: tuple[OddServer, str]
) -> None:
    odd, url = odd_server
    odd.line = lambda key, body: json.dumps(
        {"custom_id": key, "error": {"code": "content_filter", "message": "no"}}
    ).encode()
    with pytest.raises(UserError, match="24 filtered"):
        generate(tmp_path, url, "batch", tries=1)
    found = answers(tmp_path)
    assert all(answer.is_estimated and (answer.input_tokens or 0) > 10 for answer in found)
    assert {answer.output_tokens for answer in found} == {0}
