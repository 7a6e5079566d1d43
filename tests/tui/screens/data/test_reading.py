"""The data screen while its dialogues are being read."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import until, until_shows
from tests.tui.conftest import Open
from tui.screens.data import screen as data_screen


@pytest.fixture
def go_on(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Until this is set, the dialogues are being read."""
    event, look = threading.Event(), data_screen._look

    def look_late(*arguments: Any) -> data_screen._DataState:
        event.wait()
        return look(*arguments)

    monkeypatch.setattr(data_screen, "_look", look_late)
    return event


@asynccontextmanager
async def reading(opened: Open, filled: WorkspacePaths, go_on: threading.Event) -> AsyncIterator[Pilot[None]]:
    async with opened(filled, (80, 24)) as pilot:
        try:
            await pilot.press("3")
            await until_shows(pilot, "Reading the dialogues")
            yield pilot
        finally:
            go_on.set()


async def test_keys_say_that_the_dialogues_are_being_read(
    opened: Open, filled: WorkspacePaths, go_on: threading.Event
) -> None:
    async with reading(opened, filled, go_on) as pilot:
        for number, key in enumerate(("f", "m", "o", "y", "enter"), start=1):
            await pilot.press(key)
            await until(pilot, lambda number=number: len(pilot.app._notifications) == number)  # type: ignore[misc]
        assert {one.message for one in pilot.app._notifications} == {"the workspace is being read"}
        go_on.set()
        await until_shows(pilot, "of 48")
        await pilot.press("f")
        await until_shows(pilot, "Enter or ← → choose")


async def test_the_theme_may_change_before_the_dialogues_are_read(
    opened: Open, filled: WorkspacePaths, go_on: threading.Event
) -> None:
    async with reading(opened, filled, go_on) as pilot:
        await pilot.press("1", "C", "3")
        await until_shows(pilot, "Reading the dialogues")
        go_on.set()
        await until_shows(pilot, "of 48")
