"""The settings screen: find, edit, switch recipes, see what it means, save; and never over another change."""

from __future__ import annotations

from textual.pilot import Pilot
from textual.widgets import Input, Static

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown, until, until_shows
from tests.tui.conftest import Open
from tui.dialogs.ask_text import AskTextScreen
from tui.screens.settings.screen import SettingsScreen


async def opened_on(pilot: Pilot[None]) -> SettingsScreen:
    await pilot.press("comma")
    await until_shows(pilot, "of them in config.toml")
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    return screen


async def found(pilot: Pilot[None], words: str) -> None:
    """Filter the list by words, and go to its first row."""
    await pilot.press("slash", *words, "enter")
    await settled(pilot)


async def set_epochs(pilot: Pilot[None], number: str) -> None:
    await found(pilot, "sft.num_train_epochs")
    await pilot.press("enter")
    await settled(pilot)
    await pilot.press("end", "backspace", number, "enter")
    await until_shows(pilot, f"→ {number}")
    await settled(pilot)


async def test_a_change_says_what_it_means_and_is_saved(filled: WorkspacePaths, opened: Open) -> None:
    before = filled.config.read_text()
    async with opened(filled, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await set_epochs(pilot, "2")
        assert "not saved: sft.num_train_epochs" in shown(pilot)
        assert "jobs to run, " in shown(pilot)
        assert "superseded" in shown(pilot)
        assert filled.config.read_text() == before
        assert screen.config_place() == ("sft.num_train_epochs", None)
        await pilot.press("w")
        await until(pilot, lambda: filled.config.read_text() != before)
        await until_shows(pilot, "config.toml has changed")
        (saved,) = pilot.app._notifications
        assert saved.message.endswith(". S starts them")
        assert screen._draft is None
        assert "num_train_epochs = 2" in filled.config.read_text()
        # Enter on a value of few choices offers them.
        await pilot.press("escape")
        await found(pilot, "recipes.pairing")
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press(*"reference", "enter")
        await until_shows(pilot, 'recipes.pairing "strict" → "reference-code"')
        await pilot.press("u")
        await until_shows(pilot, "of them in config.toml")


async def test_what_has_no_effect_says_so(filled: WorkspacePaths, opened: Open) -> None:
    filled.config.write_text(f"{filled.config.read_text()}\n[dpo]\nmax_steps = 9\n")
    async with opened(filled, (120, 40)) as pilot:
        await opened_on(pilot)
        await found(pilot, "dpo.num_train_epochs")
        await until_shows(pilot, "no effect: dpo.max_steps = 9")
        assert shown(pilot).count("no effect: dpo.max_steps = 9") == 2
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("end", "backspace", "2", "enter")
        await until_shows(pilot, "→ 2 (no effect: dpo.max_steps = 9)")


async def test_recipes_are_switched_with_what_they_yield(filled: WorkspacePaths, opened: Open) -> None:
    async with opened(filled, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await found(pilot, "epochs")
        await pilot.press("v")
        await until_shows(pilot, "direct/chatgpt")
        assert screen.config_place() == ("recipes.train", "direct/chatgpt"), "the first one"
        await found(pilot, "direct/llama")
        assert screen.config_place() == ("recipes.train", "direct/llama")
        await pilot.press("space")
        await until_shows(pilot, "recipes.train + direct/llama")
        assert "● on" in shown(pilot)
        # It needs a teacher, and the configuration has none.
        await pilot.press("escape")
        await found(pilot, "improve-human/naive")
        await pilot.press("space")
        await until_shows(pilot, "Not changed")
        (refused,) = pilot.app._notifications
        assert "needs a teacher" in refused.message
        await settled(pilot)
        assert screen._draft is not None
        assert list(screen._draft.edits) == ["recipes.train"]


async def test_another_change_of_the_file_is_kept(filled: WorkspacePaths, opened: Open) -> None:
    async with opened(filled, (80, 24)) as pilot:
        screen = await opened_on(pilot)
        await set_epochs(pilot, "2")
        filled.config.write_text(filled.config.read_text() + "# mine\n")
        await until(pilot, lambda: screen._draft is not None and screen._draft.base.endswith("# mine\n"))
        await settled(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "num_train_epochs = 2" in filled.config.read_text())
        assert "# mine\n" in filled.config.read_text()


async def test_what_is_invalid_is_refused_and_nothing_changes(filled: WorkspacePaths, opened: Open) -> None:
    async with opened(filled, (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await found(pilot, "sft.learning_rate")
        await pilot.press("enter")
        await settled(pilot)
        await pilot.press("home", "minus", "enter")
        await until_shows(pilot, "expected number, > 0")
        assert screen._draft is None
        assert isinstance(pilot.app.screen, AskTextScreen)
        # The dialog itself says why, below what was typed.
        problem = pilot.app.screen.query_one("#problem", Static)
        assert "expected number, > 0" in str(problem.render())
        assert pilot.app.screen.query_one(Input).value.startswith("-"), "what was typed is there to be mended"
        await pilot.press("home", "delete", "9", "enter")
        await until(pilot, lambda: screen._draft is not None)


async def test_read_only_shows_and_changes_nothing(filled: WorkspacePaths, opened: Open) -> None:
    before = filled.config.read_text()
    async with opened(WorkspacePaths(filled.root, read_only=True), (120, 40)) as pilot:
        screen = await opened_on(pilot)
        await found(pilot, "runs.lora")
        await pilot.press("space", "enter", "d", "w")
        await settled(pilot)
        assert screen._draft is None
    assert filled.config.read_text() == before
