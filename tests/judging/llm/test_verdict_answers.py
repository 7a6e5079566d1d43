"""What an answer of a judge names: every form that is understood, and what stays invalid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.evaluation.verdicts import MIRRORED, AnswerForm, Order, Winner
from core.judging.llm import llm_judge, verdict_answers
from core.judging.llm.verdict_answers import ASKED

#: Form → answers in it that name the first response, and the second.
UNDERSTOOD: dict[AnswerForm, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "digit": (
        ("1", "**1**", "(1)", "__1__", "1!", "<think>Or 2?</think>1", "```\n1\n```"),
        (" 2.", '"2"\n', "> 2", "#2", "The first one is cold.\n</think>\n2", "Sure! Here is my answer:\n2"),
    ),
    "letter": (("A", "(A)", "A."), ("B", "**B**", "b", "<|im_start|>assistant\nB<|im_end|>")),
    "label": (
        (
            "Response 1",
            "Answer: 1",
            "**Final answer:** `1`",
            "Option A",
            "The first response",
            "response one",
            "I'd say 1.",
            "Model A",
        ),
        (
            "RESPONSE 2",
            "The better response is 2.",
            "My verdict: B",
            "Verdict: Response 2",
            "winner: 2",
            "So it's Response 2.",
        ),
    ),
    "JSON": (
        (
            '{"winner": 1}',
            '```json\n{"winner": "1"}\n```',
            '{"reason": "Response 2 is better?", "answer": 1}',
        ),
        ('{"Better response": "Response 2"}', '{"verdict": {"winner": "B"}}', 'So: {"choice": 2.0}'),
    ),
    "boxed": ((r"\boxed{1}", r"$\boxed{\text{A}}$"), (r"It is warmer: \boxed{2}",)),
    "brackets": (("[[A]]", "My final verdict is: [[A]]"), ("It stays with the feeling. [[B]]", "[[2]]")),
    "tag": (("<verdict>Response 1</verdict>",), ("<winner>B</winner>",)),
    "sentence": (
        (
            "Both are kind, but Response 1 is better.",
            "I don't mind advice; I prefer Response 1 over 2.",
        ),
        (
            "The first one is good. The second one is better.",
            "Response 2 is superior to Response 1.",
            "Response 1 is better at advice. In terms of empathy, Response 2 is better overall.",
        ),
    ),
    "with reason": (
        ("1\n\nIt names the feeling.", "1 because it names the feeling", "A: it names the feeling"),
        (
            "2 - it stays with the speaker.",
            "Response 2 is better, because Response 1 gives advice.",
            "Response 2 is better: it asks back, while Response 1 gives advice.",
            "It names the feeling.\n\n2",
        ),
    ),
}
INVALID = (
    *(
        "",
        "…",
        "3",
        "one",
        "1st",
        "²",
        "１",
        "12",
        "1 2",
        "1.5",
        "1/2",
        "1, 2",
        "1 or 2",
        "1 and 2",
        "1 vs 2",
    ),
    *("not 1", "<think>1", "Both", "Tie", "I cannot decide.", "Rating: 1", "Response 12", "Answer: 1 or 2"),
    *("Response 1 or response 2", "Response 1 is worse", "Response 1 is not better.", "1\n2", "A warm one."),
    *("1\n\nIt names the feeling.\n\nFinal answer: 2", "Response 1 is better. Response 2 is better."),
    *("1. Response 1 is colder.\n2. Response 2 is warmer.", "Response 1: cold.\nResponse 2: warm."),
    *(
        "Response 1 is better at naming the feeling, but Response 2 is warmer.",
        "If Response 1 is better, say 1.",
    ),
    *("I prefer 1 for its warmth, but 2 overall.", "I'd pick A for advice and B for empathy."),
    *("I don't think Response 1 is better.", "It is unclear whether Response 2 is better."),
    *('{"response_1": 3, "response_2": 5}', '{"winner": true}', '{"winner": null}', "[[A]] or [[B]]"),
)


def winner(text: str, order: Order) -> Winner:
    named = verdict_answers.read(text)
    return llm_judge.winner_of(None if named is None else named.place, order)


@pytest.mark.parametrize(
    ("text", "first", "form"),
    [
        (text, first, form)
        for form, (ones, others) in UNDERSTOOD.items()
        for texts, first in ((ones, True), (others, False))
        for text in texts
    ],
)
def test_a_unique_verdict_is_understood(text: str, first: bool, form: AnswerForm) -> None:
    assert winner(text, "ab") == ("a" if first else "b")
    assert winner(text, "ba") == ("b" if first else "a")
    named = verdict_answers.read(text)
    assert named is not None
    # A sentence with a reason has both forms.
    assert named.form == form or {named.form, form} == {"with reason", "sentence"}


@pytest.mark.parametrize("text", INVALID)
def test_other_answers_are_invalid(text: str) -> None:
    assert winner(text, "ab") == winner(text, "ba") == "invalid"


@pytest.mark.parametrize(
    "text",
    [
        "Response 1: It is cold.\nResponse 2: It is warm.\n\nAnswer: 2",
        "**Response 1**\nCold.\n**Response 2**\nWarm.\n\nBetter: 2",
        "1. It names the feeling.\n2. It offers help.\n\nSo the answer is 2.",
        "<|channel|>analysis<|message|>1?<|end|><|start|>assistant<|channel|>final<|message|>2",
    ],
)
def test_remarks_on_both_responses_are_no_verdict(text: str) -> None:
    assert winner(text, "ab") == "b"


@given(st.text() | st.from_regex(r"\W{0,3}[12AB]\W{0,3}", fullmatch=True))
def test_the_other_order_is_the_mirror(text: str) -> None:
    assert winner(text, "ba") == MIRRORED[winner(text, "ab")]


@pytest.mark.parametrize(
    "text",
    [
        "Cognitive: 1\nAffective: 2\nCompassionate: 2\nOverall: 1",
        "**Cognitive empathy:** Response 1\n**Affective empathy:** B\n- Compassionate – 2\nOverall: [[A]]",
        "| What | Better |\n| Cognitive | 1 |\n| Affective | 2 |\n| Compassionate | 2 |\n| Overall | 1 |",
        '{"cognitive": 1, "affective_empathy": "2", "Compassionate": "Response 2", "overall": "first"}',
        '<think>Cognitive: 2</think>\n```\n{"cognitive":1,"affective":2,"compassionate":2,"overall":1}\n```',
        "1, 2, 2, 1",
    ],
)
def test_each_dimension_is_read(text: str) -> None:
    named, form = verdict_answers.read_dimensions(text)
    assert [named[name] for name in ASKED] == ["first", "second", "second", "first"]
    assert form in ("label", "JSON", "digit")


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("Cognitive: 1\nAffective: 1 or 2\nCompassionate: 2\nOverall: 1", {"affective"}),
        ("Cognitive: 1\nAffective: 2\nCompassionate: 2\nOverall: 1\nOverall: 2", {"overall"}),
        ('{"cognitive": "both", "overall": 1}', {"cognitive", "affective", "compassionate"}),
        ("2", set(ASKED)),
        ("", set(ASKED)),
    ],
)
def test_a_dimension_that_is_not_named_once_is_missing(text: str, missing: set[str]) -> None:
    named, form = verdict_answers.read_dimensions(text)
    assert set(ASKED) - set(named) == missing
    assert (form is None) == (not named)


@pytest.mark.parametrize(
    "text",
    ["answer: " * 12_500, "Answer: 1\n" * 10_000 + "Answer: 2", "not 1, I prefer " * 6_000],
    ids=["labels", "answers", "phrases"],
)
def test_long_answers_of_many_labels_are_read_in_time_that_grows_with_their_length(text: str) -> None:
    """Minutes each if what stands before every label were read again."""
    assert verdict_answers.read(text) is None
    assert verdict_answers.read_dimensions(text) == ({}, None)
