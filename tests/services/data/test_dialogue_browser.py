"""Dialogues one by one as a reader hands them out, and everybody's answers to one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.data.dialogue_pages import DialogueFilter, DialogueOrder
from core.judging.metrics import scores
from core.services.workspace import Workspace, open_workspace
from tests.support.workspaces import finished_workspace

EVERYTHING, AS_IMPORTED = DialogueFilter(), DialogueOrder()


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = finished_workspace.make(tmp_path_factory.mktemp("judged") / "study")
    with open_workspace(workspace) as found:
        yield found


def test_pages_say_which_of_how_many_they_are(workspace: Workspace) -> None:
    first = workspace.data.browser.page(EVERYTHING, AS_IMPORTED, limit=100)
    assert (first.first, first.last, first.found, first.total) == (1, 100, 160, 160)
    second = workspace.data.browser.page(EVERYTHING, AS_IMPORTED, ("after", first), limit=100)
    assert (second.first, second.last, second.found) == (101, 160, 160)
    assert workspace.data.browser.page(EVERYTHING, AS_IMPORTED, ("before", second), limit=100) == first
    test = DialogueFilter(split="test")
    found = workspace.data.browser.page(test, AS_IMPORTED)
    assert (found.first, found.last, found.found, found.total) == (1, 40, 40, 160)
    assert workspace.data.browser.count(test) == 40
    nothing = workspace.data.browser.page(DialogueFilter(text="no such words"), AS_IMPORTED)
    assert (nothing.lines, nothing.first, nothing.last, nothing.found) == ((), 1, 0, 0)


def test_the_first_dialogues_with_a_text_until_nobody_wants_them(workspace: Workspace) -> None:
    browser = workspace.data.browser
    page = browser.page(DialogueFilter(text="i "), AS_IMPORTED, limit=3)
    assert len(page.lines) == 3
    assert browser.first("I ", 3, lambda: True) == page.lines
    assert browser.first("no such words", 3, lambda: True) == ()
    looks = []

    def is_wanted() -> bool:
        looks.append(1)
        return False

    assert browser.first("no such words", 3, is_wanted) == ()
    assert looks
    # The search that was given up leaves nothing behind.
    assert browser.first("I ", 3, lambda: True) == page.lines


def test_a_text_finds_the_same_while_it_is_typed(workspace: Workspace) -> None:
    browser = workspace.data.browser
    for text in ("I feel", "THE ", "so %", "é", "Straße", "no such words"):
        for order in (AS_IMPORTED, DialogueOrder("emotion", is_reversed=True)):
            # Letter by letter, and back.
            typed = [text[:end] for end in range(1, len(text) + 1)]
            for beginning in (*typed, *reversed(typed)):
                wanted = DialogueFilter(split="train", text=beginning)
                with open_workspace(workspace.paths) as other:
                    assert browser.page(wanted, order) == other.data.browser.page(wanted, order)


def test_a_search_that_nobody_wants_ends(workspace: Workspace) -> None:
    looks = []

    def is_wanted() -> bool:
        looks.append(1)
        return False

    browser, wanted = workspace.data.browser, DialogueFilter(text="no such words")
    assert browser.page(wanted, AS_IMPORTED, is_wanted=is_wanted).lines == ()
    assert looks
    # What it has not found counts for no other one.
    assert browser.page(DialogueFilter(text="i"), AS_IMPORTED).found > 0


def test_the_page_that_has_a_dialogue(workspace: Workspace) -> None:
    everything = workspace.data.dialogues()
    page = workspace.data.browser.page(EVERYTHING, AS_IMPORTED, holding=everything[57].dialog_id, limit=20)
    assert (page.first, page.last) == (41, 60)
    assert page.lines[57 - 40].dialog_id == everything[57].dialog_id
    # A dialogue that is not as wanted is on no page.
    train = next(dialogue for dialogue in everything if dialogue.split == "train")
    page = workspace.data.browser.page(
        DialogueFilter(split="test"), AS_IMPORTED, holding=train.dialog_id, limit=20
    )
    assert page.first == 1


def test_one_dialogue_in_full(workspace: Workspace) -> None:
    for dialogue in workspace.data.dialogues()[:3]:
        assert workspace.data.browser.dialogue(dialogue.dialog_id) == dialogue
    assert workspace.data.browser.dialogue("no such id") is None


def test_everybodys_answers_to_one_dialogue(workspace: Workspace) -> None:
    base, sft, dpo = "small", f"{finished_workspace.RUN}/sft", f"{finished_workspace.RUN}/sft-dpo"
    for number in (0, 7):
        pairs = {name: workspace.evaluation.pairs(base, name)[number] for name in (sft, dpo)}
        dialog_id = pairs[sft].dialog_id
        found = {response.responder: response for response in workspace.data.responses(dialog_id)}
        assert tuple(found) == workspace.evaluation.responders()
        assert [found[name].kind for name in (base, sft, dpo, "human")] == ["base", "run", "run", "source"]
        assert found[base].text == pairs[sft].response_a
        assert found[base].decided == ()
        rated = next(d for d in workspace.data.dialogues() if d.dialog_id == dialog_id).responses["human"]
        assert (found["human"].text, found["human"].rating) == (rated.text, rated.rating)
        for name, pair in pairs.items():
            assert found[name].text == pair.response_b
            assert [decided.judge for decided in found[name].decided] == ["gpt", "paper"]
            for decided in found[name].decided:
                verdicts = [(v.order, v.winner) for v in pair.verdicts if v.judge == decided.judge]
                result = {"a": "lost", "b": "won"}
                outcome = scores.outcome(verdicts)
                assert decided.baseline == base
                assert decided.outcome == result.get(outcome, outcome)
                assert decided.flips == (len({w for _, w in verdicts if w != "invalid"}) > 1)


def test_a_dialogue_that_nobody_answered(workspace: Workspace) -> None:
    train = next(dialogue for dialogue in workspace.data.dialogues() if dialogue.split == "train")
    found = {response.responder: response for response in workspace.data.responses(train.dialog_id)}
    assert found["small"].text is None
    assert found["human"].text == train.responses["human"].text
    assert {response.text for response in workspace.data.responses("no such id")} == {None}


def test_without_data_there_is_nothing_to_browse(tmp_path: Path) -> None:
    with open_workspace(WorkspacePaths(tmp_path)) as workspace:
        page = workspace.data.browser.page(EVERYTHING, AS_IMPORTED)
        assert (page.lines, page.found, page.total) == ((), 0, 0)
        assert workspace.data.browser.emotions() == {}
        assert workspace.data.browser.dialogue("any") is None
        assert workspace.data.responses("any") == ()
