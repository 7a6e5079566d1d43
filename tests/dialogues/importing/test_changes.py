"""What a changed file changes, in words."""

from __future__ import annotations

import msgspec
from hypothesis import given

from core.dialogues.importing.changes import Changes, DialogueIds, compare
from core.dialogues.split import split_of
from core.domain.data.dialogues import Dialogue, RatedResponse, Rating
from tests.support.records.synthetic_dialogues import dialogue_lists, synthetic_dialogues

NONE = DialogueIds(0, ())


def rated(dialogue: Dialogue, **ratings: Rating) -> Dialogue:
    """The dialogue with other ratings, and the split that follows from them."""
    responses = {s: RatedResponse(r.text, ratings.get(s, r.rating)) for s, r in dialogue.responses.items()}
    split = split_of(response.rating for response in responses.values())
    return msgspec.structs.replace(dialogue, responses=responses, split=split)


def test_the_same_dialogues_have_no_changes() -> None:
    found = compare(synthetic_dialogues(), synthetic_dialogues())
    assert found == Changes(added=NONE, removed=NONE, changed=NONE, what={}, reordered=False)
    assert found.lines() == ()


def test_added_and_removed() -> None:
    dialogues = synthetic_dialogues(8)
    found = compare(dialogues[:6], dialogues[1:])
    assert found.added == DialogueIds(2, ("made:6", "made:7"))
    assert (found.removed, found.changed) == (DialogueIds(1, ("made:0",)), NONE)
    assert found.lines() == ("2 dialogues added: made:6, made:7", "1 dialogue removed: made:0")


def test_a_rating_that_moves_a_dialogue_to_the_other_split() -> None:
    old = synthetic_dialogues(8)
    new = list(old)
    new[4] = rated(old[4], human=3, chatgpt=3, llama=3)
    found = compare(old, new)
    assert found.changed == DialogueIds(1, ("made:4",))
    assert found.what["moved from test to train"] == 1
    assert found.what["rating of llama"] == 1
    assert "  moved from test to train: 1" in found.lines()


def test_texts_and_fields() -> None:
    old = synthetic_dialogues(4)
    new = list(old)
    new[1] = msgspec.structs.replace(
        old[1],
        situation="another",
        responses=old[1].responses | {"llama": RatedResponse("another", old[1].responses["llama"].rating)},
    )
    assert compare(old, new).what == {"response of llama": 1, "situation": 1}


def test_another_source() -> None:
    old, new = synthetic_dialogues(4), synthetic_dialogues(4)
    new = [
        msgspec.structs.replace(d, responses=d.responses | {"mine": RatedResponse("text", 1)}) for d in new
    ]
    assert compare(old, new).what == {"source mine added": 4}
    assert compare(new, old).what == {"source mine removed": 4}


def test_many_ids_are_cut_short() -> None:
    assert compare([], synthetic_dialogues(5)).lines() == ("5 dialogues added: made:0, made:1, made:2, …",)


def test_another_order() -> None:
    dialogues = synthetic_dialogues(4)
    found = compare(dialogues, dialogues[::-1])
    assert (found.changed, found.reordered) == (NONE, True)
    assert found.lines() == ("the dialogues are in another order",)


@given(dialogue_lists(), dialogue_lists())
def test_there_are_lines_exactly_when_something_differs(old: list[Dialogue], new: list[Dialogue]) -> None:
    assert bool(compare(old, new).lines()) == (old != new)
