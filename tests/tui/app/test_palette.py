"""The palette finds what people look for by their words: commands, settings, jobs, runs and dialogues."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from textual.command import CommandList
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from core.domain.data.dialogue_pages import DialogueLine
from core.services.data.dialogue_browser import DialogueBrowser
from tests.support import waiting
from tests.support.settling import until, until_shows
from tests.tui.conftest import Open
from tui.app.palette import Palette, WorkspaceCommands
from tui.screens.settings.screen import SettingsScreen


async def found(pilot: Pilot[None], query: str) -> list[str]:
    """The titles of what a search offers."""
    provider: Any = WorkspaceCommands(pilot.app.screen)
    hits = [hit async for hit in provider.search(query)]
    return [hit.text for hit in sorted(hits, key=lambda hit: -hit.score)]


WANTED = {
    "report": "Report",
    "export": "Export training data",
    "add a recipe": "Settings",
    "epoch": "Settings",
    "recipe": "Settings",
    "seed": "Settings",
    "gpu": "Settings",
    "vote": "Vote",
    "note": "Training",
    "compare": "Training",
    "try the model": "Chat",
    "theme": "Light or dark",
    "csv": "Import data",
    "two models differ": "Pairs",
    "differ": "Pairs",
    "disagree": "Pairs",
    "compare two models": "Pairs",
    "read answers": "Pairs",
    "side by side": "Pairs",
    "chat": "Chat",
    "try": "Chat",
    "talk to the model": "Chat",
    "who wins": "Win rates",
    "best model": "Win rates",
    "compare runs": "Training",
    "progress": "Training",
    "loss": "Training",
    "money": "Batches",
    "why did it fail": "Logs",
    "dark mode": "Light or dark",
    "start training": "Start all",
    "stop": "Pipeline",
}


async def test_what_people_look_for_is_found_by_its_name(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        first = {words: (await found(pilot, words))[:3] for words in WANTED}
        assert [words for words, title in WANTED.items() if title not in first[words]] == [], first


async def test_a_few_letters_jump_to_a_job_or_a_dialogue(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        assert "sft-dpo smollm2/direct/chatgpt/sft-dpo" in await found(pilot, "dpo chatgpt")
        assert "curves of sft smollm2/direct/chatgpt/sft" in await found(pilot, "curves chatgpt")
        await pilot.press("colon", *"recipe all_tog", "enter")
        await until(pilot, lambda: pilot.app.current_mode == "pipeline")
        await until_shows(pilot, "the prompt template is broken")


async def test_a_setting_is_found_and_opened_at_its_place(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        for words, key in (("epoch", "sft.num_train_epochs"), ("dpo beta", "dpo.beta")):
            assert key in await found(pilot, words)
        await pilot.press("colon", *"dpo beta", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        screen = pilot.app.screen
        assert isinstance(screen, SettingsScreen)
        await until(pilot, lambda: screen.config_place() == ("dpo.beta", None))
        # The setting of the recipes opens these.
        screen.seek("recipes.train")
        await until_shows(pilot, "students are trained on")
        screen.seek("sft.num_train_epochs")
        await until(pilot, lambda: screen.config_place() == ("sft.num_train_epochs", None))


async def test_letters_that_are_only_strewn_over_a_description_find_nothing(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        assert "Report" not in await found(pilot, "wtppi")


async def test_a_search_in_place_of_which_there_is_another_one_is_given_up(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted: list[tuple[str, Callable[[], bool]]] = []

    def first(
        browser: DialogueBrowser, text: str, limit: int, is_wanted: Callable[[], bool]
    ) -> tuple[DialogueLine, ...]:
        wanted.append((text, is_wanted))
        # A text that is looked for in very many dialogues.
        waiting.wait_until(lambda: text == "abc" or not is_wanted(), "another letter")
        return ()

    monkeypatch.setattr(DialogueBrowser, "first", first)
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "7 of 17 done")
        await pilot.press("colon", "a", "b")
        await until(pilot, lambda: [text for text, _ in wanted] == ["ab"])
        await pilot.press("c")
        await until(pilot, lambda: [text for text, _ in wanted] == ["ab", "abc"])
        assert not wanted[0][1]()


async def test_a_search_ends_after_the_palette_has_closed(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("colon")
        await until(pilot, lambda: isinstance(pilot.app.screen, Palette))
        palette = pilot.app.screen
        assert isinstance(palette, Palette)
        found = palette.query_one(CommandList)
        await until(pilot, lambda: bool(found.option_count))
        await pilot.press("escape")
        await until(pilot, lambda: not found.is_attached)
        palette._refresh_command_list(found, [], True)
