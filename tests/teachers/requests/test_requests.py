"""Requests: their keys, their conversations, and that no test dialogue is ever asked about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.config.schema import Teacher
from core.domain.data.dialogues import Dialogue
from core.jobs.settings import Identity
from core.teachers.requests import building
from core.teachers.settings.identity import identity
from tests.support.records.synthetic_dialogues import dialogue_lists

TURNS = ("{situation}|{utterance}|{response}", "again")
WHO = identity(Teacher("openai", "m"))


def build(dialogues: list[Dialogue], distinct: bool = True, who: Identity = WHO) -> list:  # type: ignore[type-arg]
    originals = {d.dialog_id: "first" for d in dialogues}
    earlier = {d.dialog_id: ("answer",) for d in dialogues}
    return building.build(dialogues, TURNS, originals, earlier, who, distinct)


@given(dialogue_lists(), st.booleans())
def test_only_train_dialogues_are_asked_about(dialogues: list[Dialogue], distinct: bool) -> None:
    found = build(dialogues, distinct)
    assert [r.dialog_id for r in found] == [d.dialog_id for d in dialogues if d.split == "train"]
    for request in found:
        assert [m.role for m in request.messages] == ["user", "assistant", "user"]
        assert len(request.key) == 32
        assert int(request.key, 16) >= 0
    assert found == build(dialogues, distinct)
    assert not {r.key for r in found} & {
        r.key for r in build(dialogues, distinct, identity(Teacher("openai", "other")))
    }


@given(dialogue_lists(max_size=6))
def test_identical_requests(dialogues: list[Dialogue]) -> None:
    twice = [*dialogues, *dialogues]
    train = sum(d.split == "train" for d in dialogues)
    assert len({r.key for r in build(twice, distinct=True)}) == 2 * train
    assert len({r.key for r in build(twice, distinct=False)}) == train
    assert build(twice, distinct=True)[:train] == build(dialogues, distinct=True)
