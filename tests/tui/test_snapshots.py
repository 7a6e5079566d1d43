"""Every room as it looks, narrow and wide. `pytest --snapshot-update` takes them anew."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from core.workspace import Workspace
from tests.tui.conftest import until, until_shows
from tui.app import EmpathyApp

#: Room's key → something that is on its screen once it has all that it shows.
ROOMS = {
    "2": "✗ failed",
    "3": "1–48 of 48",
    "4": "step 60",
    "5": "70.8 %",
    "6": "1/12",
    "7": "Nothing was sent yet.",
    "8": "empty so far",
}


@pytest.mark.parametrize("key", ROOMS)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_room(snap_compare: Callable[..., bool], filled: Workspace, key: str, size: tuple[int, int]) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        await pilot.press(key)
        await until_shows(pilot, ROOMS[key])
        await until_shows(pilot, "Quit")
        await pilot.pause()

    assert snap_compare(EmpathyApp(filled), terminal_size=size, run_before=ready)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_welcome(snap_compare: Callable[..., bool], empty: Workspace, size: tuple[int, int]) -> None:
    async def ready(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until(pilot, lambda: app.snapshot is not None)
        await until_shows(pilot, "Quit")
        await pilot.pause()

    assert snap_compare(EmpathyApp(empty), terminal_size=size, run_before=ready)
