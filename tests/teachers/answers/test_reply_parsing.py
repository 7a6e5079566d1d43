"""The parsers of replies and batches: an answer in any surroundings, any value in any place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.teachers.google import batch_jobs
from core.teachers.google import replies as google_replies
from core.teachers.http import json_values
from core.teachers.openai import batch_objects, replies
from core.teachers.protocol import RejectedError, Reply, TransientError, UnreadableError
from tests.support.servers.odd_answers_server import (
    SAID,
    completion,
)

URL = "http://h/v1"

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
    reply = replies.reply_of(body, URL, "key")
    assert (reply.text, reply.finish) == (SAID, "stop")
    line = {"custom_id": "k", "response": {"status_code": 200, "body": body, "x": first}, "error": second}
    assert replies.result_of(line, URL, "key") == reply
    candidate = {"content": {"parts": [{"text": SAID}]}, "finishReason": "STOP", "logprobsResult": first}
    response = {"candidates": [candidate], "usageMetadata": second, "promptFeedback": third}
    found = google_replies.reply_of(response, URL, "key")
    assert (found.text, found.finish) == (SAID, "stop")


@given(st.dictionaries(st.sampled_from(["choices", "candidates", "usage", "error", "message"]), VALUES))
def test_any_object_is_a_reply_or_an_error(body: dict[str, Any]) -> None:
    for read in (replies.reply_of, google_replies.reply_of):
        try:
            reply = read(body, URL, "key")
        except (TransientError, RejectedError):
            choice = next(iter(json_values.items(body.get("choices"))), None)
            assert body.get("error") or body.get("message") or json_values.member(choice, "error")
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


def test_a_new_batch_needs_no_files() -> None:
    """One whose files could not be read was created again."""
    odd = {"name": "batches/b", "metadata": {"output": {"responsesFile": ["f"]}}}
    assert batch_jobs.new_batch(odd, "key").id == "batches/b"
    assert batch_objects.new_batch({"id": "b", "output_file_id": 3}, "key").id == "b"
    for nameless in ({"id": 7}, {"name": ""}):
        with pytest.raises(UnreadableError):
            batch_objects.new_batch(nameless, "key")
        with pytest.raises(UnreadableError):
            batch_jobs.new_batch(nameless, "key")


@pytest.mark.parametrize(
    ("listed", "is_of_others"),
    [
        ({"metadata": {"token": "t"}}, False),
        ({"metadata": {"token": "other"}, "input_file_id": "f"}, True),
        ({"input_file_id": "f"}, False),
        ({"input_file_id": "g"}, True),
        ({"created_at": 50}, True),
        ({"created_at": 150}, False),
        ({}, False),
    ],
)
def test_what_a_batch_in_no_known_form_is_taken_for(listed: dict[str, Any], is_of_others: bool) -> None:
    assert batch_objects.is_of_others({"id": 7, **listed}, "t", "f", 100.0) == is_of_others


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
