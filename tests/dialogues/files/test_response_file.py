"""Responses come back from their file as they were."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dialogues.files import response_file
from core.dialogues.files.response_file import GeneratedResponse

responses = st.builds(
    GeneratedResponse,
    dialog_id=st.text(),
    # U+2028 and the like end a line for some parsers.
    text=st.text() | st.just("one\u2028two\r\nthree\x85four"),
    original=st.text(),
    finish=st.sampled_from(["stop", "length"]),
)


@given(st.lists(responses, unique_by=lambda response: response.dialog_id))
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, found: list[GeneratedResponse]) -> None:
    path: Path = tmp_path_factory.mktemp("responses") / "responses.jsonl"
    response_file.write(path, found)
    assert response_file.read(path) == {response.dialog_id: response.text for response in found}
    assert list(response_file.read(path)) == [response.dialog_id for response in found]
