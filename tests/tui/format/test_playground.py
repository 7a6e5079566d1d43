"""What is said of an answer in the playground."""

from __future__ import annotations

from typing import Literal

import pytest

from core.api import PlaygroundAnswer, PlaygroundOpinion, PlaygroundTurn, Responding
from tui.format.playground import alike, measures, opinion, text


def test_measures_that_do_not_fit_are_left_out_whole() -> None:
    answer = PlaygroundAnswer(
        responder="small",
        text="I am here.",
        finish="stop",
        tokens=5,
        first_token_s=0.62,
        seconds=0.62 + 4 / 17,
        had_thinking=True,
    )
    whole = "3 words · thinking removed · 17 tokens/s · 5 tokens · first after 0.6 s"
    assert measures(answer) == whole
    assert measures(answer, width=len(whole)) == whole
    assert measures(answer, width=len(whole) - 1) == "3 words · thinking removed · 17 tokens/s · 5 tokens"
    assert measures(answer, width=1) == "3 words"


@pytest.mark.parametrize(
    ("finish", "tokens", "shown"),
    [
        ("stop", 1, "(empty answer)"),
        ("stopped", 0, "(stopped before the first token)"),
        # Thinking, which is removed.
        ("stopped", 9, "(stopped before the first word)"),
    ],
)
def test_an_answer_without_a_text_says_why(
    finish: Literal["stop", "stopped"], tokens: int, shown: str
) -> None:
    answer = PlaygroundAnswer(responder="small", text=" \n", finish=finish, tokens=tokens)
    assert text(answer) == shown


def test_equal_answers_are_found() -> None:
    texts = {"base": "I see.", "sft": " I see.\n", "sft-dpo": "Tell me more.", "empty": "", "failed": ""}
    turn = PlaygroundTurn(
        id="a1b2c3d4",
        conversation="a1b2c3d4",
        at=0.0,
        situation="",
        utterance="Hello.",
        sampling=Responding(),
        answers=tuple(
            PlaygroundAnswer(responder=name, text=text, finish="stop") for name, text in texts.items()
        ),
    )
    assert alike(turn) == [("base", "sft")]


def test_the_ratings_of_the_embedded_judge_are_shown_in_words() -> None:
    def said(*verdicts: tuple[Literal["ab", "ba"], Literal["a", "b"], str]) -> list[str]:
        found = PlaygroundOpinion(
            judge="embedded", label="a judge", a="base", b="sft", verdicts=verdicts, winner="a", usd=0.0
        )
        return opinion(found)[1:-1]

    assert said(("ab", "a", '{"a": 2.739462, "b": 2.715072}')) == [
        "each by itself → base   (rated base 2.74, sft 2.72)"
    ]
    assert said(("ab", "a", "A, as [it]")) == ["each by itself → base   (its answer: A, as [it])"]
    assert said(("ab", "a", '{"a": 1.0, "b": 2.0}'), ("ba", "a", "A")) == [
        'shown first: base → base   (its answer: {"a": 1.0, "b": 2.0})',
        "shown first: sft → base   (its answer: A)",
    ]
