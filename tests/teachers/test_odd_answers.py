"""Answers in every form that compatible servers send: what is paid is read, and bought once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.domain.errors import UserError
from core.teachers.google import replies as google_replies
from core.teachers.http import json_values
from core.teachers.openai import batch_objects, replies
from core.teachers.protocol import Reply, TransientError, UnreadableError
from tests.support.odd_answers_server import (
    DIALOGUES,
    PROMPTS,
    SAID,
    OddServer,
    answers,
    completion,
    errors,
    generate,
    texts,
)
from tests.support.scripted_server import HttpReply, serving


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-made-0123456789")
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-made-0123456789")


@pytest.fixture
def server() -> Iterator[tuple[OddServer, str]]:
    odd = OddServer()
    with serving(odd) as found:
        yield odd, f"{found.url}/v1"


def usage(**changes: Any) -> dict[str, Any]:
    return completion() | {"usage": {"prompt_tokens": 120, "completion_tokens": 20} | changes}


SORRY = "I am so sorry"
READABLE: list[tuple[dict[str, Any] | bytes, str]] = [
    (completion(f"<think>\n\n</think>\n\n{SAID}"), SAID),
    (completion(f"They are sad.\n</think>\n\n{SAID}"), SAID),
    (completion(f"{SAID}<|im_end|>"), SAID),
    (completion(f'Sure! Here is a more empathetic version:\n\n"{SAID}"'), SAID),
    (completion([{"type": "thinking", "thinking": [{"text": "hm"}]}, {"text": SAID}]), SAID),
    (completion([{"type": "output_text", "text": {"value": SAID}}]), SAID),
    (completion(SAID, finish_reason="Stop"), SAID),
    (completion(SAID, finish_reason="eos_token"), SAID),
    (completion() | {"usage": None}, SAID),
    (completion() | {"usage": ""}, SAID),
    (completion() | {"usage": [1]}, SAID),
    (completion() | {"error": None, "id": 7, "created": "soon", "model": None}, SAID),
    (usage(completion_tokens=None), SAID),
    (usage(completion_tokens="20", prompt_tokens=120.0, prompt_tokens_details=[]), SAID),
    (usage(completion_tokens=-5), SAID),
    (b'{"choices":[{"message":{"content":"I am so sorry \\ud83d"},"finish_reason":"stop"}]}', SORRY),
    (json.dumps(completion(logprobs={"content": [{"token": "x"}]})).replace("120", "NaN").encode(), SAID),
    (json.dumps(completion()).replace("120", "-Infinity").encode(), SAID),
    (b"\xef\xbb\xbf" + json.dumps(completion()).encode(), SAID),
]


def test_what_is_paid_is_read_and_bought_once(tmp_path: Path, server: tuple[OddServer, str]) -> None:
    odd, url = server
    bodies = dict(zip(PROMPTS, READABLE, strict=False))
    odd.answer = lambda asked: bodies[asked][0] if asked in bodies else completion()
    result = generate(tmp_path, url)
    assert (result.answers, result.left_out) == (len(DIALOGUES), 0)
    found = dict(zip(PROMPTS, texts(tmp_path), strict=True))
    assert {asked: found[asked] for asked in bodies} == {asked: text for asked, (_, text) in bodies.items()}
    assert sorted(odd.asked) == sorted(PROMPTS)


def test_what_was_taken_off_is_counted_and_shown(tmp_path: Path, server: tuple[OddServer, str]) -> None:
    odd, url = server
    raw = f"<think>hm</think>“{SAID}”"
    odd.answer = lambda asked: completion(raw if asked == PROMPTS[3] else SAID)
    result = generate(tmp_path, url)
    assert result.cleaned == {"thinking": 1, "quotes": 1}
    assert result.cleaned_examples["quotes"] == raw
    assert Counter(answer.raw for answer in answers(tmp_path)) == {None: len(DIALOGUES) - 1, raw: 1}


#: A body, the outcome, and what is shown of it.
UNUSABLE: list[tuple[dict[str, Any], str, str]] = [
    (completion("<think>hm"), "empty", "<think>hm"),
    (completion("<think>hm", finish_reason="length"), "cut", "<think>hm"),
    (completion(None, finish_reason="length"), "cut", ""),
    (
        completion("I am so sor", finish_reason="error", error={"code": 502, "message": "gone"}),
        "unfinished",
        "it ended as error: 502: gone",
    ),
    (completion("I am so sor", finish_reason="tool_calls"), "unfinished", "it ended as tool_calls"),
    (completion("I am so sor", finish_reason=None), "unfinished", "it reports no finish_reason"),
    (completion("x", finish_reason="CONTENT_FILTER"), "filtered", "it ended as CONTENT_FILTER"),
    (
        {"choices": [], "usage": {"prompt_tokens": 120, "completion_tokens": 0}},
        "filtered",
        "it has no choices",
    ),
    ({"choices": None}, "filtered", "it has no choices"),
    (completion(7), "unreadable", "its message has no text"),
    ({"id": "x", "object": "chat.completion"}, "unreadable", "it has no choices"),
]


def test_an_answer_that_cannot_be_used_has_an_outcome(tmp_path: Path, server: tuple[OddServer, str]) -> None:
    odd, url = server
    bodies = dict(zip(PROMPTS, UNUSABLE, strict=False))
    odd.answer = lambda asked: bodies[asked][0] if asked in bodies else completion()
    result = generate(tmp_path, url, max_left_out=0.5, tries=2)
    assert result.answers == len(DIALOGUES) - len(UNUSABLE)
    assert result.left_out_as == Counter(outcome for _, outcome, _ in UNUSABLE)
    newest = {answer.dialog_id: answer for answer in answers(tmp_path)}
    for dialogue, asked in zip(DIALOGUES, bodies, strict=False):
        body, outcome, shown = bodies[asked]
        answer = newest[dialogue.dialog_id]
        assert answer.outcome == outcome
        assert shown in (answer.error or answer.raw or answer.text)
        # In the same form it would come again.
        assert odd.asked.count(asked) == (1 if outcome == "unreadable" else 2)
        if outcome == "unreadable":
            assert json.loads(answer.raw or answer.text) == body
    assert result.left_out_examples["filtered"].startswith("made:6: it ended as CONTENT_FILTER")


def test_one_filtered_dialogue_never_fails_a_job(tmp_path: Path, server: tuple[OddServer, str]) -> None:
    odd, url = server
    odd.answer = lambda asked: {"choices": []} if asked == PROMPTS[3] else completion()
    result = generate(tmp_path, url, max_left_out=0.001)
    assert (result.left_out, result.left_out_as) == (1, {"filtered": 1})
    with pytest.raises(UserError, match="1 of 24 answers cannot be used"):
        generate(tmp_path / "none", url, max_left_out=0.0, tries=1)


def test_too_many_that_cannot_be_used_fail_the_job_and_show_one(
    tmp_path: Path, server: tuple[OddServer, str]
) -> None:
    odd, url = server
    odd.answer = lambda asked: completion("<think>Let me see", finish_reason="length")
    with pytest.raises(UserError) as error:
        generate(tmp_path, url, tries=1)
    for part in ("24 cut", "raise it in config.toml", "<think>Let me see"):
        assert part in str(error.value)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, {"code": "content_filter", "message": "The response was filtered due to the prompt."}),
        (403, {"code": 403, "message": "Your input was flagged by the moderation of the provider."}),
    ],
)
def test_a_prompt_that_a_filter_rejects_is_filtered(
    tmp_path: Path, server: tuple[OddServer, str], status: int, error: dict[str, Any]
) -> None:
    odd, url = server
    odd.answer = lambda asked: HttpReply({"error": error}, status) if asked == PROMPTS[3] else completion()
    assert generate(tmp_path, url, tries=1).left_out_as == {"filtered": 1}


def test_gemini_without_a_candidate(tmp_path: Path) -> None:
    candidate = {"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP"}

    def answer(request: Any) -> HttpReply:
        asked = request.json()["contents"][-1]["parts"][0]["text"]
        usage = {"usageMetadata": {"promptTokenCount": 120}}
        return HttpReply(usage | ({} if asked == PROMPTS[3] else {"candidates": [candidate]}))

    with serving(answer) as found:
        result = generate(tmp_path, found.url, tries=1, provider="google")
    assert (result.answers, result.left_out_as) == (len(DIALOGUES) - 1, {"filtered": 1})


# Batches


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
    ],
)
def test_batches_in_odd_forms(
    tmp_path: Path, server: tuple[OddServer, str], batch: dict[str, Any], line: Any
) -> None:
    odd, url = server
    odd.batch, odd.line = batch, line
    result = generate(tmp_path, url, "batch")
    assert result.answers == len(DIALOGUES)
    assert (odd.creates, len(odd.asked)) == (1, len(DIALOGUES))


FOREIGN: list[dict[str, Any]] = [
    {"id": 7},
    {"status": "completed"},
    {"id": "batch_9", "status": 3, "metadata": "x", "input_file_id": "file-9", "created_at": "soon"},
]


@pytest.mark.parametrize("metadata", [{"token": "of another"}, None])
@pytest.mark.parametrize("status", [504, 200])
def test_a_lost_reply_to_a_creation_buys_nothing_twice(
    tmp_path: Path, server: tuple[OddServer, str], status: int, metadata: dict[str, str] | None
) -> None:
    """The list of batches has others in odd forms, and no metadata: the input file tells the batch."""
    odd, url = server
    odd.created = HttpReply(b"<html>gateway</html>" if status == 504 else b'{"object": "batch"}', status)
    others = [*FOREIGN, {"id": "batch_8", "status": "completed", "metadata": metadata, "input_file_id": "f"}]
    odd.listing = [*others, {"id": "batch_1", "status": "validating", "input_file_id": "file-in"}]
    result = generate(tmp_path, url, "batch")
    assert result.answers == len(DIALOGUES)
    assert (odd.creates, odd.uploads, len(odd.asked)) == (1, 1, len(DIALOGUES))
    if status == 200:
        assert any("answer cannot be read" in error for error in errors(tmp_path))


def test_a_batch_that_the_list_tells_nothing_of_is_looked_at(
    tmp_path: Path, server: tuple[OddServer, str]
) -> None:
    odd, url = server
    odd.created = HttpReply(b"", 504)
    odd.listing = [{"id": "batch_1", "status": "validating"}]
    assert generate(tmp_path, url, "batch").answers == len(DIALOGUES)
    assert odd.creates == 1


def test_a_batch_that_cannot_be_told_is_not_bought_again_unasked(
    tmp_path: Path, server: tuple[OddServer, str]
) -> None:
    odd, url = server
    odd.created = HttpReply(b"", 504)
    odd.listing = [{"id": "batch_1", "status": "validating"}]
    odd.batch = {"input_file_id": None}
    with pytest.raises(UserError, match="batches adopt ID"):
        generate(tmp_path, url, "batch")
    assert odd.creates == 1
    assert any("perhaps created" in error and "batch_1" in error for error in errors(tmp_path))


def test_a_creation_without_a_status_is_followed_by_its_id(
    tmp_path: Path, server: tuple[OddServer, str]
) -> None:
    odd, url = server
    odd.created = HttpReply({"id": "batch_1"})
    odd.listing = []
    assert generate(tmp_path, url, "batch").answers == len(DIALOGUES)
    assert errors(tmp_path) == ["the provider reports no status of this batch"]


# Parsers

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "\ud83d", "stop", "STOP", "12", "NaN", "2026-11-28T14:00:00Z", "length"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                (
                    *("choices", "message", "content", "text", "finish_reason", "usage", "error", "code"),
                    *("prompt_tokens", "completion_tokens", "logprobs", "top_logprobs", "token", "logprob"),
                    *("candidates", "parts", "finishReason", "thought", "usageMetadata", "promptTokenCount"),
                )
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(VALUES, VALUES, VALUES)
def test_an_answer_in_any_surroundings_is_read(first: Any, second: Any, third: Any) -> None:
    body = completion(logprobs=first) | {"usage": second, "id": third, "error": None}
    reply = replies.reply_of(body)
    assert (reply.text, reply.finish) == (SAID, "stop")
    line = {"custom_id": "k", "response": {"status_code": 200, "body": body, "x": first}, "error": second}
    assert replies.result_of(line, "key") == reply
    candidate = {"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP", "logprobsResult": first}
    response = {"candidates": [candidate], "usageMetadata": second, "promptFeedback": third}
    found = google_replies.reply_of(response)
    assert (found.text, found.finish) == (SAID, "stop")


@given(st.dictionaries(st.sampled_from(["choices", "candidates", "usage", "error", "message"]), VALUES))
def test_any_object_is_a_reply_or_an_error(body: dict[str, Any]) -> None:
    for read in (replies.reply_of, google_replies.reply_of):
        try:
            reply = read(body)
        except TransientError:
            assert body.get("error")
        else:
            assert isinstance(reply, Reply)
            assert (reply.raw is not None) == (reply.finish == "unreadable")


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "errors",
                "request_counts",
                "metadata",
                "created_at",
                "expires_at",
                "status",
                "endpoint",
                "object",
            ]
        ),
        VALUES,
    )
)
def test_a_batch_needs_only_its_id(body: dict[str, Any]) -> None:
    info = batch_objects.batch_info({"id": "batch_1", "input_file_id": "file-1", **body}, "key")
    assert (info.id, info.input_file, info.output_file) == ("batch_1", "file-1", None)
    # What goes into the journal can be written.
    json.dumps([info.errors, info.metadata, info.created_at, info.total], allow_nan=False).encode()
    "".join([*info.errors, *info.metadata.values()]).encode()


@pytest.mark.parametrize(
    "odd", [{"id": 7}, {"id": ""}, {"id": "b", "output_file_id": 3}, {"id": "b", "error_file_id": ["f"]}]
)
def test_ids_are_strict(odd: dict[str, Any]) -> None:
    with pytest.raises(UnreadableError):
        batch_objects.batch_info(odd, "key")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1795870000, 1795870000.0),
        ("1795870000", 1795870000.0),
        (1795870000123, 1795870000.123),
        ("2026-11-28T14:00:00+00:00", 1795874400.0),
        ("2026-11-28T14:00:00Z", 1795874400.0),
        ("2026-11-28 14:00:00", 1795874400.0),
        ("", None),
        ("soon", None),
        (float("nan"), None),
        (float("-inf"), None),
        (0, None),
        (True, None),
        ([], None),
    ],
)
def test_moments(value: object, seconds: float | None) -> None:
    assert json_values.seconds(value) == seconds
