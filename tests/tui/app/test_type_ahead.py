"""Keys that come all at once do what they do one by one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from core.config.workspace import WorkspacePaths
from tests.support.settling import until
from tui.app.application import EmpathyApp

Open = Callable[[WorkspacePaths, tuple[int, int]], AbstractAsyncContextManager[Pilot[None]]]
NAMES = {"/": "slash", " ": "space", "\r": "enter", "\x10": "ctrl+p"}


def burst(pilot: Pilot[None], keys: str) -> None:
    """Send keys as they come in one piece from a terminal."""
    assert pilot.app._driver is not None
    for character in keys:
        name = NAMES.get(character, character)
        pilot.app._driver.send_message(Key(name, character if character.isprintable() else None))


@pytest.mark.parametrize("keys", ["2/respond", "17428/respond", "2/failed\rjjkk/respond"])
async def test_letters_behind_a_slash_are_the_filters(
    opened: Open, filled: WorkspacePaths, keys: str
) -> None:
    async with opened(filled, (100, 30)) as pilot:
        burst(pilot, keys)
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        box = pilot.app.focused
        assert isinstance(box, Input)
        await until(pilot, lambda: box.value == "respond")
        assert len(pilot.app.screen_stack) == 1


async def test_what_is_typed_for_the_palette_gets_there(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (100, 30)) as pilot:
        burst(pilot, "\x10open batches\r")
        await until(pilot, lambda: pilot.app.current_mode == "batches")


async def test_none_is_lost_and_none_overtakes(opened: Open, filled: WorkspacePaths) -> None:
    text = "the quick brown fox jumps over the lazy dog " * 2
    async with opened(filled, (100, 30)) as pilot:
        burst(pilot, f"2/{text}")
        await until(pilot, lambda: isinstance(pilot.app.focused, Input))
        box = pilot.app.focused
        assert isinstance(box, Input)
        await until(pilot, lambda: len(box.value) == len(text))
        assert box.value == text


async def test_it_closes_in_the_middle_of_them(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (100, 30)) as pilot:
        burst(pilot, "2jjqjj8/x")
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: not app.is_running or app._exit)
