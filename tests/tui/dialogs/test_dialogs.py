"""Dialogs: what is chosen is what is shown."""

from __future__ import annotations

import pytest
from textual.content import Content
from textual.widgets import Input, OptionList

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.dialogs.ask_text import AskTextScreen
from tui.dialogs.choose import ChooseScreen
from tui.dialogs.confirm import ConfirmScreen


async def test_the_condition_under_the_cursor_shows_its_new_value(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("3")
        await until_shows(pilot, "48 dialogues")
        await pilot.press("f")
        await until_shows(pilot, "Enter or ← → choose")
        await pilot.press("down", "right")
        await until_shows(pilot, "train")


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ("human", "human"),
        ("HUMAN", "human"),
        ("human ", "human"),
        ("", "human-2"),
        ("chat", "chatgpt"),
        ("hum", "human-2"),
        ("-2", "human-2"),
    ],
)
async def test_a_name_typed_in_full_is_the_one_that_is_taken(
    opened: Open, empty: WorkspacePaths, typed: str, taken: str
) -> None:
    async with opened(empty, (80, 24)) as pilot:
        chosen: list[str | None] = []
        screen = ChooseScreen("Responder", ["human-2", "old-chatgpt", "chatgpt", "human"], "human-2")
        await pilot.app.push_screen(screen, chosen.append)
        await pilot.pause()
        screen.query_one(Input).value = typed
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: chosen == [taken])


async def test_a_text_with_a_problem_is_not_taken(opened: Open, empty: WorkspacePaths) -> None:
    async with opened(empty, (80, 24)) as pilot:
        taken: list[str | None] = []
        screen = AskTextScreen("Name", "", problem_of=lambda text: None if text == "ann" else f"not {text}")
        await pilot.app.push_screen(screen, taken.append)
        await pilot.press(*"an", "enter")
        await until_shows(pilot, "not an")
        await pilot.press("n", "enter")
        await until(pilot, lambda: taken == ["ann"])


@pytest.mark.parametrize(("adds", "text"), [(True, "read twicex"), (False, "x")])
async def test_what_is_typed_is_added_to_a_note_and_replaces_other_texts(
    opened: Open, empty: WorkspacePaths, adds: bool, text: str
) -> None:
    async with opened(empty, (80, 24)) as pilot:
        given: list[str | None] = []
        await pilot.app.push_screen(AskTextScreen("Note", "read twice", adds=adds), given.append)
        await pilot.pause()
        await pilot.press("x", "enter")
        await until(pilot, lambda: given == [text])


async def test_messages_of_before_do_not_hide_what_is_asked(opened: Open, empty: WorkspacePaths) -> None:
    async with opened(empty, (80, 24)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        app.show_message("it cannot be read " * 20, title="Tag", error=True)
        await until_shows(pilot, "it cannot be read")
        await app.push_screen(ConfirmScreen("Delete it?", Content("It frees 1 GB."), "Delete", "Keep"))
        await until_shows(pilot, "It frees 1 GB.")
        # Before it would go by itself.
        await settled(pilot)
        assert "it cannot be read" not in shown(pilot)
        # What is reported meanwhile is shown.
        app.show_message("the disk is full", error=True)
        await until_shows(pilot, "the disk is full")


async def test_a_list_in_which_nothing_matches_says_so(opened: Open, empty: WorkspacePaths) -> None:
    async with opened(empty, (80, 24)) as pilot:
        await pilot.app.push_screen(ChooseScreen("Judge", ["gpt", "embedded"], None))
        await pilot.press("x")
        await until_shows(pilot, "nothing matches")
        await pilot.press("backspace")
        await until_shows(pilot, "embedded")


async def test_of_many_names_those_around_the_best_one_are_offered(
    opened: Open, empty: WorkspacePaths
) -> None:
    async with opened(empty, (80, 24)) as pilot:
        chosen: list[str | None] = []
        names = [f"{number} dialogue" for number in range(10_000)]
        screen = ChooseScreen("Jump", names, names[7_000])
        await pilot.app.push_screen(screen, chosen.append)
        await until_shows(pilot, "7000 dialogue")
        assert screen.query_one(OptionList).option_count < 1_000
        await pilot.press("down", "end", "enter")
        await until(pilot, lambda: chosen == [names[7_001]])
        again = ChooseScreen("Jump", names, names[7_000])
        await pilot.app.push_screen(again, chosen.append)
        again.query_one(Input).value = "9999"
        await until_shows(pilot, "9999 dialogue")
        await pilot.press("enter")
        await until(pilot, lambda: chosen == [names[7_001], names[9_999]])


async def test_the_cursor_stays_where_further_names_are_offered(opened: Open, empty: WorkspacePaths) -> None:
    async with opened(empty, (80, 24)) as pilot:
        chosen: list[str | None] = []
        screen = ChooseScreen("Responder", ["human", "chatgpt", "gemini"], "old")
        await pilot.app.push_screen(screen, chosen.append)
        await until_shows(pilot, "gemini")
        # The current one is of those that come later.
        screen.offer(["human", "chatgpt", "gemini", "old"])
        await pilot.press("up")
        screen.offer(["first", "human", "chatgpt", "gemini", "old"])
        await until_shows(pilot, "first")
        await pilot.press("enter")
        await until(pilot, lambda: chosen == ["gemini"])
