"""Publishing from the app: the dialog asks for folder and options, and the command does it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.widgets import Input

from core.config.workspace import WorkspacePaths
from tests.support.settling import until, until_shows
from tests.tui.conftest import Open
from tui.dialogs.publish_dialog import PublishScreen
from tui.screens.training.screen import TrainingScreen

RUN = "smollm2/direct/chatgpt/sft"


async def test_a_run_is_published_by_the_command(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("4")
        await until_shows(pilot, RUN)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, PublishScreen))
        folder = filled.root / "exports" / "published" / "smollm2-direct-chatgpt-sft"
        assert pilot.app.screen.query_one(Input).value == str(folder.relative_to(filled.root))
        await pilot.press("tab", "space", "tab", "space", "space", "tab")
        await until_shows(pilot, "● on   merge")
        await until_shows(pilot, "○ off  ollama")
        # From an option too, Enter publishes.
        await pilot.press("enter")
        # The filled store's run has no files: the command was called, and says so.
        await until_shows(pilot, "the files of sft-")
        assert not folder.exists()
        await pilot.press("escape", "down", "x")
        await until_shows(pilot, "is not done")
        assert isinstance(pilot.app.screen, TrainingScreen)


async def test_nothing_is_published_where_nothing_may_change(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(replace(filled, read_only=True), (80, 24)) as pilot:
        await pilot.press("4")
        await until_shows(pilot, "direct/chatgpt")
        await pilot.press("x")
        await until_shows(pilot, "read-only")
        assert isinstance(pilot.app.screen, TrainingScreen)
