"""Responders that give the same answers are found, and counted where a win rate is shown."""

from __future__ import annotations

from msgspec.structs import replace

from core.services.evaluation import same_answers
from tests.services.evaluation.test_decisions import rate


def test_each_two_responders_with_an_answer_in_common_are_counted() -> None:
    texts = {
        "base": {"1": "Oh.", "2": "I see.", "3": "Yes."},
        "sft": {"1": "I am sorry.", "2": "I see.", "3": "Go on."},
        "dpo": {"1": "I am sorry.", "2": "I see."},
        "other": {"1": "I see."},
    }
    found = {(one.a, one.b): (one.same, one.dialogues) for one in same_answers.find(texts)}
    assert found == {("sft", "dpo"): (2, 2), ("base", "dpo"): (1, 2), ("base", "sft"): (1, 3)}
    assert next(iter(found)) == ("sft", "dpo"), "the largest share comes first"


def test_a_win_rate_has_those_of_its_responder() -> None:
    name = rate(1, 1).b
    found = same_answers.find({name: {"1": "x", "2": "y"}, "base": {"1": "x", "2": "z"}})
    (with_them,) = same_answers.add([rate(1, 1)], found)
    assert [(one.a, one.same, one.dialogues) for one in with_them.same_as_b] == [("base", 1, 2)]


def test_the_most_alike_are_kept_of_many() -> None:
    same = {"1": "I see."}
    texts = {f"r{number}": same | {"2": f"{number // 2}"} for number in range(200)}
    found = same_answers.find(texts)
    assert len(found) < 200 * same_answers.MOST
    assert [(one.a, one.b, one.same) for one in found[:100]] == [
        (f"r{number}", f"r{number + 1}", 2) for number in range(0, 200, 2)
    ]
    (with_them,) = same_answers.add([replace(rate(1, 1), b="r7")], found)
    assert len(with_them.same_as_b) == same_answers.MOST
    assert with_them.same_as_b[0].a == "r6"
