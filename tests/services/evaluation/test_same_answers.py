"""Responders that give the same answers are found, and counted where a win rate is shown."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from itertools import combinations
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from core.services.evaluation import same_answers
from core.services.workspace import open_workspace
from core.store import connections
from tests.services.evaluation.test_decisions import rate
from tests.support.workspaces import finished_workspace

answers = st.dictionaries(st.sampled_from("12345678"), st.sampled_from(["Oh.", "I see.", "Yes."]))


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
    assert len(found) < 200 * same_answers.MAX_OTHERS
    assert [(one.a, one.b, one.same) for one in found[:100]] == [
        (f"r{number}", f"r{number + 1}", 2) for number in range(0, 200, 2)
    ]
    (with_them,) = same_answers.add([replace(rate(1, 1), b="r7")], found)
    assert len(with_them.same_as_b) == same_answers.MAX_OTHERS
    assert with_them.same_as_b[0].a == "r6"


@given(
    st.dictionaries(st.sampled_from(["base", "sft", "dpo"]), answers),
    st.dictionaries(st.sampled_from(["human", "chatgpt", "llama"]), answers),
)
def test_sources_are_counted_apart_where_nobody_else_answers(
    responders: Mapping[str, Mapping[str, str]], sources: Mapping[str, Mapping[str, str]]
) -> None:
    asked = set().union(*responders.values())
    some = {
        name: {dialogue: text for dialogue, text in own.items() if dialogue in asked}
        for name, own in sources.items()
    }
    known = {
        (a, b): (
            sum(sources[a][dialogue] == sources[b][dialogue] for dialogue in sources[a].keys() & sources[b]),
            len(sources[a].keys() & sources[b]),
        )
        for a, b in combinations(sources, 2)
    }
    found = same_answers.find({**responders, **some}, known)
    assert found == same_answers.find({**responders, **sources})


def test_they_are_those_of_the_pairs(tmp_path: Path) -> None:
    paths = finished_workspace.make(tmp_path / "study")
    with closing(connections.writer(paths.state)) as store:
        # Of a source and another one, of a source and a responder, and of two responders.
        store.execute("UPDATE ratings SET text = 'I see.' WHERE dialog_id LIKE '%1' AND source != 'human'")
        store.execute("UPDATE responses SET text = 'I see.' WHERE dialog_id LIKE '%1'")
    with open_workspace(paths) as workspace:
        found = {frozenset((one.a, one.b)): one for one in workspace.evaluation.same_answers()}
        names = workspace.evaluation.responders()
        # Then none of a responder's is left out.
        assert len(names) <= same_answers.MAX_OTHERS
        assert len(found) > 1
        for a, b in combinations(names, 2):
            pairs = workspace.evaluation.pairs(a, b)
            both = [pair for pair in pairs if pair.response_a is not None and pair.response_b is not None]
            same = sum(pair.response_a == pair.response_b for pair in both)
            one = found.get(frozenset((a, b)))
            assert (0 if one is None else one.same) == same
            assert one is None or one.dialogues == len(both)
