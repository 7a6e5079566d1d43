"""The playground's screen over its real process: send, compare, stop, go on, send again, and who may not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.api import PlaygroundAnswer, PlaygroundQuestion, PlaygroundTurn, Responding, WorkspacePaths
from core.playground import history, process
from core.store import connections
from tests import loopback
from tests.support.servers import large_models
from tests.support.settling import settled, shown, until, until_shows
from tests.support.workspaces import playground_workspace
from tests.support.workspaces.playground_workspace import BASE, DPO, SFT
from tui.screens.playground.sampling_dialog import SamplingDialog
from tui.screens.playground.screen import PlaygroundScreen

Open = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return playground_workspace.make(tmp_path_factory.mktemp("made") / "study").root


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Iterator[WorkspacePaths]:
    with playground_workspace.copied(made, tmp_path / "study") as workspace:
        yield workspace


def turn(answer: str, **changes: object) -> PlaygroundTurn:
    sampling = Responding(max_new_tokens=12)
    known = PlaygroundTurn(
        id="a1b2c3d4",
        conversation="a1b2c3d4",
        at=1_780_000_000.0,
        situation="I moved to a town where I know nobody.",
        utterance="Every evening is so quiet.",
        sampling=sampling,
        answers=(
            PlaygroundAnswer(
                responder=BASE, text=answer, finish="stop", tokens=9, first_token_s=0.5, seconds=1.5
            ),
            PlaygroundAnswer(responder=SFT, text="", finish="failed", error="out of memory"),
        ),
    )
    return msgspec.structs.replace(known, **changes)


def typed(text: str) -> list[str]:
    """The keys for a text."""
    return ["space" if character == " " else character for character in text]


async def opened_on(pilot: Pilot[None], *, shows: str = BASE) -> PlaygroundScreen:
    await pilot.press("9")
    await until_shows(pilot, f" {shows} ")
    await settled(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, PlaygroundScreen)
    return screen


async def test_a_conversation_from_the_first_key_to_the_last(study: WorkspacePaths, opened: Open) -> None:
    async with opened(study, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplingDialog))
        await settled(pilot)
        # The field that has the focus shows its value.
        assert re.search(r"max_new_tokens +12 ", shown(pilot))
        await pilot.press("end", "backspace", "4", "down", "end", "backspace", "3")
        await pilot.press("down", "down", "end", *"000000000", "enter")
        await until_shows(pilot, "seed: from 0 to 4294967295")
        await pilot.press(*["backspace"] * 9, "enter")
        await until_shows(pilot, "sampled, temperature 3, top_p 1, seed 42 · at most 14 tokens")
        await pilot.press("a", "down", "down", "space", "enter")
        await until_shows(pilot, f" {DPO} ")
        await pilot.press("enter", *typed("I moved"), "enter", *typed("So quiet"), "enter")
        await until(pilot, lambda: len(screen._turns) == 1)
        await settled(pilot)
        assert "› So quiet" in shown(pilot)
        assert "turn 2 of a conversation" in shown(pilot)
        await pilot.press("enter", *typed("And now"), "enter")
        await until(pilot, lambda: len(screen._turns) == 2)
        await pilot.press("r")
        await until(pilot, lambda: screen._pending is None and len(screen._turns) == 2)
        kept = history.read(study).turns
        assert [one.number for one in kept] == [1, 2, 2]
        assert [answer.responder for answer in kept[0].answers] == [BASE, SFT, DPO]
        # The same seed, the same answers.
        assert [answer.text for answer in kept[1].answers] == [answer.text for answer in kept[2].answers]
        assert (kept[0].situation, kept[0].utterance) == ("I moved", "So quiet")


async def test_escape_stops_the_answers_then_leaves(study: WorkspacePaths, opened: Open) -> None:
    async with opened(study, (80, 24)) as pilot:
        screen = await opened_on(pilot)
        screen._sampling = Responding(max_new_tokens=1500, do_sample=True, temperature=3.0)
        await pilot.press("d")
        await until(pilot, lambda: bool(screen.query_one("#utterance", Input).value))
        await pilot.press("enter")
        await until(pilot, lambda: screen._pending is not None and len(screen._pending.answers) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: len(screen._turns) == 1)
        assert {answer.finish for answer in screen._turns[0].answers} <= {"stopped", "stop"}
        assert screen._turns[0].dialog_id is not None
        (sent,) = screen._turns
        await pilot.press("e")
        assert screen.query_one("#utterance", Input).has_focus
        assert not screen._turns
        assert "turn 1 is replaced once this is sent, esc keeps it" in shown(pilot)
        # What is typed is added to what was said.
        await pilot.press("x")
        assert screen.query_one("#utterance", Input).value == f"{sent.utterance}x"
        await pilot.press("escape")
        await until_shows(pilot, "Discard what you have typed?")
        await pilot.press("y")
        await until(pilot, lambda: screen._turns == (sent,))
        assert not isinstance(screen.focused, Input)
        assert screen.query_one("#utterance", Input).value == ""
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_escape_that_comes_after_the_last_token_stays(study: WorkspacePaths, opened: Open) -> None:
    async with opened(study, (80, 24)) as pilot:
        screen = await opened_on(pilot)
        await pilot.press("enter", "enter", *typed("So quiet"), "enter")
        await until(pilot, lambda: len(screen._turns) == 1)
        await pilot.press("escape")
        await until_shows(pilot, "there is nothing left to stop")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")
        await pilot.press("9", "r")
        await until(pilot, lambda: screen._pending is None and len(history.read(study).turns) == 2)
        # Whoever presses another key has seen that the answers have ended.
        await pilot.press("down", "escape")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_who_joins_a_conversation_answers_from_then_on(study: WorkspacePaths, opened: Open) -> None:
    async with opened(study, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await pilot.press("enter", *typed("I moved"), "enter", *typed("So quiet"), "enter")
        await until(pilot, lambda: len(screen._turns) == 1)
        await pilot.press("a", "down", "down", "space", "enter")
        await until_shows(pilot, "not in all turns so far")
        await until_shows(pilot, "(did not take part)")
        await pilot.press("enter", *typed("And now "), "enter")
        await until(pilot, lambda: len(screen._turns) == 2)
        assert not screen._fields.utterance.value
        assert [answer.responder for answer in screen._turns[1].answers] == [BASE, SFT, DPO]
        assert all(answer.finish != "failed" for answer in screen._turns[1].answers)


async def test_nothing_typed_is_lost_without_a_question(study: WorkspacePaths, opened: Open) -> None:
    history.append(study, turn("I see."))
    async with opened(study, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        fields = screen._fields
        await pilot.press("h", "enter")
        await until(pilot, lambda: len(screen._turns) == 1)
        situation = fields.situation.value
        await pilot.press("enter", *typed("And now"), "escape")
        for key in ("d", "e", "h"):
            await pilot.press(key, *(["enter"] if key == "h" else []))
            await until_shows(pilot, "Discard what you have typed?")
            await pilot.press("n")
            await settled(pilot)
            assert (fields.utterance.value, len(screen._turns)) == ("And now", 1)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: not screen._turns)
        assert (fields.situation.value, fields.utterance.value) == (situation, "And now")
        # Another situation is typed over it.
        await pilot.press("I")
        assert fields.situation.value == "I"
        await pilot.press("escape", "d")
        await until_shows(pilot, "Discard what you have typed?")
        await pilot.press("y")
        await until(pilot, lambda: screen._dialogue is not None)
        # What nobody has typed is replaced at once.
        screen._dialogue = None
        await pilot.press("escape", "d")
        await until(pilot, lambda: screen._dialogue is not None)


async def test_a_question_without_an_answer_stays_with_what_was_typed_since(
    study: WorkspacePaths, opened: Open
) -> None:
    history.append(study, turn("I see."))
    async with opened(study, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        fields = screen._fields
        await pilot.press("h", "enter")
        await until(pilot, lambda: len(screen._turns) == 1)
        (kept,) = screen._turns
        await pilot.press("enter", *typed("And now"))
        failed = PlaygroundQuestion(
            situation=kept.situation,
            utterance="So quiet",
            responders=(BASE,),
            sampling=Responding(),
            dialog_id=None,
            earlier=screen._turns,
        )
        screen._take_back(failed)
        assert (fields.utterance.value, screen._turns) == ("So quiet And now", (kept,))
        # A turn that was sent once more is what it was.
        assert screen.take_out_last() == kept
        screen._take_back(msgspec.structs.replace(failed, utterance=kept.utterance, earlier=()))
        assert (fields.utterance.value, screen._turns) == ("So quiet And now", (kept,))


async def test_a_process_that_ends_for_want_of_use_says_so(
    study: WorkspacePaths, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing changes in the store then."""
    monkeypatch.setenv(process.IDLE_VARIABLE, "1")
    async with opened(study, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await pilot.press("enter", "enter", *typed("So quiet"), "enter")
        await until(pilot, lambda: len(screen._turns) == 1)
        await until_shows(pilot, "it was not used for 1 s")
        await until(pilot, lambda: "models in memory" not in shown(pilot))


async def test_settings_are_those_of_the_file_until_they_are_changed_here(
    study: WorkspacePaths, opened: Open
) -> None:
    text = study.config.read_text()
    async with opened(study, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await until_shows(pilot, "greedy · at most 12 tokens")
        study.config.write_text(text.replace("max_new_tokens = 12", "max_new_tokens = 13"))
        await until_shows(pilot, "greedy · at most 13 tokens")
        await pilot.press("s", "end", "backspace", "4", "enter")
        await until_shows(pilot, "greedy · at most 14 tokens")
        study.config.write_text(text.replace("max_new_tokens = 12", "max_new_tokens = 15\nseed = 7"))
        await until(pilot, lambda: screen._defaults is not None and screen._defaults.seed == 7)
        await settled(pilot)
        assert "greedy · at most 14 tokens" in shown(pilot)


async def test_a_dialogue_of_the_data_is_filled_in_and_not_sent(study: WorkspacePaths, opened: Open) -> None:
    async with opened(study, (120, 40)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "1–48 of 48")
        await settled(pilot)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlaygroundScreen))
        screen = pilot.app.screen
        assert isinstance(screen, PlaygroundScreen)
        await until(pilot, lambda: bool(screen.query_one("#utterance", Input).value))
        await settled(pilot)
        assert screen._pending is None
    assert not study.playground.exists()


async def test_a_judge_may_end_in_another_conversation(
    study: WorkspacePaths, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)
    both = tuple(
        PlaygroundAnswer(responder=name, text=f"I am {name}.", finish="stop") for name in (BASE, SFT)
    )
    history.append(study, turn("", answers=both))
    with loopback.running() as api:
        api.faults.content = lambda text: "say:1"
        large_models.add(study, api.url)
        async with opened(study, (120, 40)) as pilot:
            screen = await opened_on(pilot)
            await pilot.press("h", "enter")
            await until(pilot, lambda: len(screen._turns) == 1)
            await pilot.press("v")
            await until_shows(pilot, "which costs money?")
            await pilot.press("y")
            await until(pilot, lambda: bool(screen._judge))
            await pilot.press("ctrl+n")
            await until_shows(pilot, "A tie: by all verdicts neither answer is better")
            assert not screen._turns


async def test_an_earlier_conversation_is_shown_as_what_it_is(study: WorkspacePaths, opened: Open) -> None:
    history.append(study, turn("calm \x1b[2J [bold red]not markup[/] \u202eesrever"))
    async with opened(study, (120, 40)) as pilot:
        await opened_on(pilot)
        await pilot.press("h")
        await until_shows(pilot, "Every evening is so quiet.")
        await pilot.press("enter")
        await until_shows(pilot, "turn 2 of a conversation")
        await settled(pilot)
        text = shown(pilot)
        assert "calm ␛[2J [bold red]not markup[/] <U+202E>esrever" in text
        assert "✗ out of memory" in text
        assert "6 words" in text
        assert "8 tokens/s" in text
        await pilot.press("x")
        await until_shows(pilot, "Write 1 turn to")
        await pilot.press("enter")
        await until_shows(pilot, "copies the path")
        assert "Wrote 1 turn to" in shown(pilot)
    assert (study.exports / "playground.jsonl").is_file()


async def test_a_new_conversation_that_is_new_already_says_so(study: WorkspacePaths, opened: Open) -> None:
    async with opened(study, (120, 40)) as pilot:
        await opened_on(pilot)
        await pilot.press("ctrl+n")
        await until_shows(pilot, "this is a new conversation already")


async def test_nothing_is_sent_in_a_read_only_workspace(study: WorkspacePaths, opened: Open) -> None:
    watched = WorkspacePaths(study.root, read_only=True)
    async with opened(watched, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        for key in ("enter", "d", "r", "e", "m"):
            await pilot.press(key)
            await settled(pilot)
        assert "read-only" in shown(pilot)
        assert not isinstance(screen.focused, Input)
    assert not study.playground.exists()


async def test_without_data_it_says_what_to_do(prepared: WorkspacePaths, opened: Open) -> None:
    async with opened(prepared) as pilot:
        await pilot.press("9")
        await until_shows(pilot, "No responders yet")


async def test_a_teacher_and_a_judge_are_asked_once_people_agree_to_pay(
    study: WorkspacePaths, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", loopback.KEY)
    # The note alone would start a supervisor, and the app would wait for it when it ends.
    monkeypatch.setattr("core.pipeline.launch.ensure", lambda workspace: None)
    with loopback.running() as api:
        api.faults.content = lambda text: "say:2" if "Response 1:" in text else None
        large_models.add(study, api.url)
        # A teacher and a judge of the same name are asked about each.
        study.config.write_text(study.config.read_text().replace("[judges.large]", "[judges.gpt]"))
        async with opened(study, (120, 40)) as pilot:
            screen = await opened_on(pilot)
            assert screen._chosen == (BASE, SFT), "nobody who is paid"
            await pilot.press("a", "space", "end", "space", "enter")
            await until_shows(pilot, " gpt ")
            assert screen._chosen == (SFT, "gpt")
            await pilot.press("enter", "down", *typed("I moved"), "enter", *typed("So quiet"), "enter")
            await until_shows(pilot, "Ask gpt, which costs money?")
            assert "Spent so far: $0.00 of $5.00" in shown(pilot)
            await pilot.press("n")
            await until(pilot, lambda: screen.query_one("#utterance", Input).value == "So quiet")
            assert not api.paid
            screen.query_one("#utterance").focus()
            await pilot.press("enter")
            await until_shows(pilot, "Ask gpt, which costs money?")
            await pilot.press("y")
            await until(pilot, lambda: len(screen._turns) == 1)
            await settled(pilot)
            assert re.search(r"28 words · \$0\.00\d\d", shown(pilot))
            await pilot.press("r")
            await until(pilot, lambda: sum(api.paid.values()) == 2)
            await until(pilot, lambda: screen._pending is None)
            await pilot.press("v")
            await until_shows(pilot, "Ask gpt, which costs money?")
            await pilot.press("y")
            await until_shows(pilot, "A tie: by all verdicts neither answer is better")
            assert f"shown first: {SFT} → gpt" in shown(pilot)
            assert f"shown first: gpt → {SFT}" in shown(pilot)
            await pilot.press("escape")
            await settled(pilot)
            await pilot.press("N")
            await until_shows(pilot, f"Note on {SFT}")
            await pilot.press("enter")

            def noted() -> bool:
                with closing(connections.reader(study.state)) as connection:
                    rows = connection.execute("SELECT payload FROM intents").fetchall()
                return any("So quiet" in row["payload"] for row in rows)

            await until(pilot, noted)
