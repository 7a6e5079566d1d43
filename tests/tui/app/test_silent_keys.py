"""A key does something that is seen, or says why it can't: on every screen, full and empty."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import settled, shown
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.navigation.bindings import SCREENS

#: Moves that have nowhere to go at the end of a list, and keys of the app that the other tests press.
_MOVES = ("cursor_", "scroll_", "page_", "move", "go(", "step(", "maximize", "minimize", "focus_")
_APART = ("quit", "suspend_process", "command_palette", "screen", "back", "help", "edit_config")


async def _silent(pilot: Pilot[None], mode: str) -> list[str]:
    """The keys of the shown screen that nothing answers."""
    app = pilot.app
    assert isinstance(app, EmpathyApp)
    found = []
    for key in [active.binding.key for active in app.screen.active_bindings.values()]:
        while len(app.screen_stack) > 1:
            await app.pop_screen()
        if app.current_mode != mode:
            app.switch_mode(mode)
        await settled(pilot)
        active = app.screen.active_bindings.get(key)
        if active is None:
            continue
        action = active.binding.action.removeprefix("app.").removeprefix("screen.")
        if action.startswith(_MOVES) or action.partition("(")[0] in _APART:
            continue
        app.clear_notifications()
        await settled(pilot)
        before = shown(pilot)
        await pilot.press(key)
        await settled(pilot)
        if shown(pilot) == before and app.screen.id != "command-palette":
            found.append(f"{mode}: {key} ({action})")
    return found


@pytest.mark.parametrize("kind", ["filled", "prepared"])
async def test_no_key_is_silent(request: pytest.FixtureRequest, opened: Open, kind: str) -> None:
    paths: WorkspacePaths = request.getfixturevalue(kind)
    silent = []
    async with opened(WorkspacePaths(paths.root, read_only=True), (120, 40)) as pilot:
        for mode in [name for name, _, _ in SCREENS] + ["settings"]:
            pilot.app.switch_mode(mode)
            await settled(pilot)
            silent += await _silent(pilot, mode)
    assert silent == [], "\n".join(silent)
