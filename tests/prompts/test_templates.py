"""The student's prompt, its overriding, and a rendering that no text can break."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UserError
from core.prompts import templates
from tests.support.records.synthetic_dialogues import texts


def test_the_student_prompt_says_what_the_method_asks_for() -> None:
    text = templates.load("student")
    for word in ("Empathy is", "Cognitive", "Affective", "Compassionate", "matters", "28 words", "97 words"):
        assert word in text
    assert text.endswith("Context: {situation}\nUtterance: {utterance}\nResponse:")


def test_what_all_examples_share_comes_first() -> None:
    text = templates.load("student")
    prompts = [
        templates.render(text, situation=s, utterance="Hello.") for s in ("It rained.", "A dog barked.")
    ]
    shared = text.index("{situation}")
    assert prompts[0][:shared] == prompts[1][:shared]
    assert "{" not in text[:shared]
    assert 200 < len(text[:shared].split()) < 300


def test_a_workspace_can_override_it(tmp_path: Path) -> None:
    assert templates.load("student", tmp_path) == templates.load("student")
    assert templates.load("student", tmp_path / "absent") == templates.load("student")
    own = '\ufeff\r\nIn short.\r\n{utterance} {situation} {} {"json": 1}\r\n\r\n'
    (tmp_path / "student.txt").write_bytes(own.encode())
    assert templates.load("student", tmp_path) == 'In short.\n{utterance} {situation} {} {"json": 1}'


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{situation}", r"student\.txt lacks the field \{utterance\}"),
        ("", r"student\.txt lacks the field \{situation\}"),
        ("{situation} {utterance} {emotion}", r"student\.txt has the unknown field \{emotion\}"),
    ],
)
def test_fields_are_checked(tmp_path: Path, text: str, match: str) -> None:
    (tmp_path / "student.txt").write_text(text)
    with pytest.raises(UserError, match=match):
        templates.load("student", tmp_path)


def test_templates_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "student.txt").write_bytes(b"\xff")
    with pytest.raises(UserError, match="cannot be read"):
        templates.load("student", tmp_path)
    (tmp_path / "student.txt").unlink()
    (tmp_path / "student.txt").mkdir()
    with pytest.raises(UserError, match="is a folder, not a file"):
        templates.load("student", tmp_path)


@given(texts(), texts())
def test_values_are_put_in_as_they_are(situation: str, utterance: str) -> None:
    rendered = templates.render("{{situation}} | {utterance}|{}", situation=situation, utterance=utterance)
    assert rendered == "{" + situation + "} | " + utterance + "|{}"


@given(st.text())
def test_text_without_fields_stays(text: str) -> None:
    assert templates.render(text.replace("{", "("), situation="s", utterance="u") == text.replace("{", "(")
