"""Answers: what can be used of a reply, and what a model puts around it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.data.dialogues import MAX_CHARACTERS, MAX_WORDS
from core.teachers.answers import classification
from core.teachers.protocol import Finish, Reply


def judged(text: str, finish: Finish = "stop") -> tuple[str, str]:
    return classification.classify(Reply(text, finish, None))


@pytest.mark.parametrize(
    "text",
    ["Hi.", " Hi.\n", '"Hi."', "“Hi.”", "Response: Hi.", "**Improved response:** Hi.", 'response: "Hi."'],
)
def test_what_is_around_a_response_goes(text: str) -> None:
    assert judged(text) == ("ok", "Hi.")


@pytest.mark.parametrize("text", ['"I" and "you"', "My response: none.", "'s", 'It is a "good" day'])
def test_what_belongs_to_a_response_stays(text: str) -> None:
    assert judged(text) == ("ok", text)


@given(st.integers(1, 200))
def test_too_many_words(words: int) -> None:
    assert judged("a " * words)[0] == ("ok" if words <= MAX_WORDS else "long")


def test_an_answer_of_a_hundred_thousand_control_tokens_is_read() -> None:
    """Each was compared with all before it: a model that repeats one held its job up for an hour."""
    assert judged("<|im_start|>" * 200_000) == ("empty", "")
    assert judged("<|im_start|>" * 200_000 + "hello") == ("ok", "hello")


def test_a_word_of_megabytes_is_too_long() -> None:
    assert judged("a" * MAX_CHARACTERS)[0] == "ok"
    assert judged("a" * (MAX_CHARACTERS + 1))[0] == "long"
    assert judged("a" * 5_000_000)[0] == "long"


@given(st.text())
def test_the_provider_decides_what_is_refused_cut_or_filtered(text: str) -> None:
    assert [judged(text, f)[0] for f in ("refusal", "filtered", "length")] == ["refused", "filtered", "cut"]
    outcome, kept = judged(text)
    assert (outcome == "empty") == (kept == "")
    assert kept == kept.strip()
