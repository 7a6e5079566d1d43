"""The playground over its real process: answers side by side, as jobs give them, stopped and resumed."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from core.api import (
    PlaygroundAnswer,
    PlaygroundQuestion,
    PlaygroundTurn,
    Responding,
    UserError,
    WorkspacePaths,
    open_workspace,
)
from core.jobs import locks
from core.playground import process
from core.prompts import templates
from core.students.chat import chat_format
from core.students.decoding.generation import Generator
from core.students.models import loading
from tests.support import waiting
from tests.support.workspaces.playground_workspace import (
    BASE,
    DPO,
    SFT,
    SITUATION,
    UNTRAINED,
    UTTERANCE,
    ask,
    question,
)


def by_job(study: WorkspacePaths, wanted: PlaygroundQuestion) -> dict[str, str]:
    """What a job generates for the same question, each responder alone."""
    import torch

    with open_workspace(study) as workspace:
        participants = workspace.playground.ask(wanted)._ask.participants
    found = {}
    for one in participants:
        chat = chat_format.load(one.student.config)
        adapter = None if one.adapter is None else Path(one.adapter)
        model = loading.load_model(one.student.config, "cpu", torch.float32, adapter)
        prompt = templates.render(one.student.prompt, situation=SITUATION, utterance=UTTERANCE)
        found[one.name] = Generator(model, chat, [prompt]).answer([0], wanted.sampling)[0].text
    return found


@pytest.mark.parametrize("do_sample", [False, True])
def test_answers_come_side_by_side_as_jobs_give_them(study: WorkspacePaths, do_sample: bool) -> None:
    sampling = Responding(max_new_tokens=24, do_sample=do_sample, seed=7)
    wanted = question(BASE, SFT, DPO, sampling=sampling)
    with open_workspace(study) as workspace:
        turn, grown = ask(workspace, wanted)
    assert {answer.responder: answer.text for answer in turn.answers} == by_job(study, wanted)
    assert len({answer.text for answer in turn.answers}) == 3
    assert all(0 < answer.tokens <= 24 and answer.first_token_s for answer in turn.answers)
    # Each has begun before the first one was finished.
    names = [answer.responder for answer in grown]
    assert set(names[: names.index(SFT) + 1]) >= {BASE}


def test_a_conversation_goes_on_and_is_remembered(study: WorkspacePaths, tmp_path: Path) -> None:
    with open_workspace(study) as workspace:
        before = len(workspace.playground.history().turns)
        first, _ = ask(workspace, question(BASE, SFT))
        wanted = question(BASE, SFT, utterance="And the nights?", earlier=(first,))
        messages = workspace.playground.ask(wanted)._ask.participants[1].messages
        second, _ = ask(workspace, wanted)
        kept = workspace.playground.history()
        count = workspace.playground.export(tmp_path / "out.jsonl")
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[1].content == first.answers[1].text
    assert messages[2].content == "And the nights?"
    assert (second.conversation, second.number) == (first.id, 2)
    assert kept.turns[before:] == (first, second)
    lines = (tmp_path / "out.jsonl").read_bytes().splitlines()
    assert len(lines) == count == before + 2
    assert msgspec.json.decode(lines[-1], type=PlaygroundTurn) == second


def turn(number: int, utterance: str, answers: dict[str, str]) -> PlaygroundTurn:
    return PlaygroundTurn(
        id=f"turn-{number}",
        conversation="turn-1",
        number=number,
        at=0.0,
        situation=SITUATION,
        utterance=utterance,
        sampling=Responding(),
        answers=tuple(
            PlaygroundAnswer(responder=name, text=text, finish="stopped") for name, text in answers.items()
        ),
    )


def test_who_has_not_answered_a_turn_goes_on_with_all_that_was_said(study: WorkspacePaths) -> None:
    """One that joins later, and one whose answer was stopped before its first token."""
    earlier = (
        turn(1, UTTERANCE, {BASE: "I see.", SFT: ""}),
        turn(2, "And the nights?", {BASE: "Tell me.", SFT: "Oh no.", DPO: "Go on."}),
    )
    wanted = question(BASE, SFT, DPO, utterance="Too quiet.", earlier=earlier)
    with open_workspace(study) as workspace:
        participants = workspace.playground.ask(wanted)._ask.participants
    of_base, *joined = ([one.content for one in participant.messages] for participant in participants)
    assert of_base[1:] == ["I see.", "And the nights?", "Tell me.", "Too quiet."]
    for answer, (first, *rest) in zip(("Oh no.", "Go on."), joined, strict=True):
        assert SITUATION in first
        assert f"{UTTERANCE}\nAnd the nights?" in first
        assert rest == [answer, "Too quiet."]
    assert [one.role for one in participants[1].messages] == ["user", "assistant", "user"]


def test_it_stops_at_once_and_answers_the_next_question(study: WorkspacePaths) -> None:
    with open_workspace(study) as workspace:
        long = question(BASE, SFT, sampling=Responding(max_new_tokens=1500, do_sample=True, temperature=3.0))
        answering = workspace.playground.ask(long)
        turn = None
        for event in answering:
            if event.answer is not None and not event.is_final:
                answering.cancel()
            turn = event.turn or turn
        assert turn is not None
        assert {answer.finish for answer in turn.answers} <= {"stopped", "stop"}
        assert all(answer.tokens < 1500 for answer in turn.answers)
        again, _ = ask(workspace, question(BASE))
    assert again.answers[0].finish in ("stop", "length")


def test_a_process_that_is_ended_comes_back(study: WorkspacePaths) -> None:
    with open_workspace(study) as workspace:
        ask(workspace, question(BASE))
        assert workspace.playground.stop()
        lock = process.lock_file(study)
        waiting.wait_until(lambda: not locks.is_held(lock), "the playground to end")
        assert not workspace.playground.is_running()
        assert not workspace.playground.stop()
        assert workspace.playground.why_ended() == "it was ended"
        turn, _ = ask(workspace, question(BASE))
    assert turn.answers[0].finish in ("stop", "length")


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (question(BASE, utterance=" \n"), "the utterance is empty"),
        (question(), "1 to 4 different responders"),
        (question(BASE, BASE), "1 to 4 different responders"),
        (question(BASE, sampling=Responding(temperature=1e-9)), "temperature: must be from 0.001"),
        (question("nobody"), "no student, run or teacher is named 'nobody'. There are: tiny, "),
        (question(UNTRAINED), "is not trained yet: `empathy-tui run"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_remedy(
    study: WorkspacePaths, wanted: PlaygroundQuestion, words: str
) -> None:
    with open_workspace(study) as workspace, pytest.raises(UserError, match=words):
        workspace.playground.ask(wanted)


def test_one_that_fails_does_not_end_the_others(study: WorkspacePaths) -> None:
    endless = question(BASE, utterance="word " * 4000)
    with open_workspace(study) as workspace:
        turn, _ = ask(workspace, endless)
        assert turn.answers[0].finish == "failed"
        assert "positions" in (turn.answers[0].error or "")
        again, _ = ask(workspace, question(BASE))
    assert again.answers[0].finish in ("stop", "length")


def test_a_read_only_workspace_is_left_alone(study: WorkspacePaths) -> None:
    with open_workspace(study, read_only=True) as workspace:
        assert workspace.playground.responders()
        for work in (lambda: workspace.playground.ask(question(BASE)), workspace.playground.stop):
            with pytest.raises(UserError, match="read-only"):
                work()


def test_responders_and_dialogues_are_offered(study: WorkspacePaths) -> None:
    with open_workspace(study) as workspace:
        offered = {one.name: one for one in workspace.playground.responders()}
        assert {name for name, one in offered.items() if one.problem is None} == {BASE, SFT, DPO}
        assert "not trained yet" in (offered[UNTRAINED].problem or "")
        assert workspace.playground.dialogue().split == "test"
        known = workspace.data.dialogues()[3]
        assert workspace.playground.dialogue(known.dialog_id) == known
        with pytest.raises(UserError, match="no dialogue 'none'"):
            workspace.playground.dialogue("none")
        assert workspace.playground.sampling().max_new_tokens == 12


def test_a_history_with_a_cut_line_goes_on(study: WorkspacePaths) -> None:
    with open_workspace(study) as workspace:
        turn, _ = ask(workspace, question(BASE))
        before = workspace.playground.history()
        with (study.playground / "history.jsonl").open("ab") as file:
            file.write(b'{"id":"cut')
        again, _ = ask(workspace, question(BASE))
        after = workspace.playground.history()
    assert before.turns[-1] == turn
    assert after.turns[-1] == again
    assert (len(after.turns), after.unreadable) == (len(before.turns) + 1, before.unreadable + 1)
