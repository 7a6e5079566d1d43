"""Whatever a provider answers, live or in a batch's file: an answer, or an error with words for people."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from core.judging.llm import verdict_answers
from core.teachers.google import replies as google_replies
from core.teachers.http import bodies, headers, instants
from core.teachers.openai import replies
from core.teachers.protocol import FailedRequest, RejectedError, Reply, TransientError
from tests.fuzz import hostile
from tests.fuzz.hostile import fuzz

URL, KEY = "http://localhost/v1", "sk-secret-0123456789abcdef"
_NAMES = ("id", "custom_id", "key", "response", "error", "body", "status_code", "choices", "candidates")
lines = st.one_of(
    hostile.objects(*_NAMES).map(lambda found: json.dumps(found).encode()),
    hostile.json_files,
    st.builds(
        lambda key, body: json.dumps(
            {"custom_id": key, "key": key, "response": {"status_code": 200, "body": body}}
        ).encode(),
        hostile.values,
        hostile.objects("choices", "usage", "error", "candidates", "promptFeedback", "usageMetadata"),
    ),
)


@fuzz
@given(found=st.lists(lines, max_size=4))
def test_files_of_batches(found: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "output.jsonl")
        path.write_bytes(b"\n".join(found))
        for name, read in (("custom_id", replies.result_of), ("key", google_replies.result_of)):
            for key, result in bodies.results([path], name, lambda line, read=read: read(line, URL, KEY)):  # type: ignore[misc]
                assert key is None or isinstance(key, str)
                assert isinstance(result, Reply | FailedRequest)
            assert all(isinstance(key, str) for key in bodies.keys(path, name))


@fuzz
@given(content=hostile.json_files)
def test_bodies(content: bytes) -> None:
    try:
        found = bodies.parse(content)
    except TransientError:
        return
    for read in (replies.reply_of, google_replies.reply_of):
        try:
            assert isinstance(read(found, URL, KEY), Reply)
        except (TransientError, RejectedError) as error:
            assert KEY not in str(error)  # noqa: PT017


@fuzz
@given(
    found=st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "x-ratelimit-reset"]), hostile.texts
    )
)
def test_headers(found: dict[str, str]) -> None:
    seconds = headers.retry_after(found)
    assert seconds is None or 0 <= seconds < float("inf")


@fuzz
@given(text=hostile.texts | st.from_regex(r"[0-9]{1,20}-[0-9]{1,3}-[0-9]{1,3}T[0-9:.]{1,12}(Z|\+99:99)?"))
def test_moments(text: str) -> None:
    found = instants.of_date(text)
    assert found is None or abs(found) < float("inf")


@fuzz
@given(text=hostile.texts | hostile.values.map(json.dumps))
def test_verdicts(text: str) -> None:
    verdict_answers.read(text)
    places, _ = verdict_answers.read_dimensions(text)
    assert isinstance(places, dict)
