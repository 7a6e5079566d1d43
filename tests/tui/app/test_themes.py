"""After another theme is chosen, no screen keeps the colours of the one before."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import until, until_shows
from tests.support.workspaces import batches_workspace
from tests.tui.conftest import Open
from tui.components.theme import DARK, LIGHT
from tui.navigation.bindings import SCREENS


def colours(pilot: Pilot[None]) -> set[str]:
    """The colours of every cell that is drawn."""
    found = set()
    for strip in pilot.app.screen._compositor.render_strips(pilot.app.size):
        for segment in strip:
            style = segment.style
            if style is not None:
                found |= {one.triplet.hex for one in (style.color, style.bgcolor) if one and one.triplet}
    return found


def of_dark_alone() -> set[str]:
    """The colours of the dark theme that the light one has not."""

    def values(theme: object) -> set[str]:
        named = [value for value in vars(theme).values() if isinstance(value, str) and value.startswith("#")]
        variables = [value for value in vars(theme)["variables"].values() if value.startswith("#")]
        return {Color.parse(value).hex.lower() for value in [*named, *variables]}

    return values(DARK) - values(LIGHT)


@pytest.mark.parametrize("mode", [mode for mode, _, _ in SCREENS])
@pytest.mark.parametrize("here", [True, False])
async def test_every_open_screen_takes_the_new_colours(
    opened: Open, filled: WorkspacePaths, mode: str, here: bool
) -> None:
    """Whether the theme changes on the screen itself or while another one is in front."""
    key = next(key for name, key, _ in SCREENS if name == mode)
    other = "2" if key == "1" else "1"
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: bool(colours(pilot) & of_dark_alone()))
        await pilot.pause()
        if not here:
            await pilot.press(other)
        await pilot.press("C")
        if not here:
            await pilot.press(key)
        await until(pilot, lambda: not colours(pilot) & of_dark_alone())


@pytest.mark.parametrize("keys", [[], ["enter", "enter"]])
async def test_outcomes_and_requests_of_a_batch_take_them_too(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with opened(batches_workspace.make(tmp_path / "study"), (120, 40)) as pilot:
        await pilot.press("7")
        await until_shows(pilot, "outcome of the requests")
        await pilot.press(*keys)
        await until_shows(pilot, "ok: 10 requests" if keys else "outcome of the requests")
        await pilot.press("C")
        await until(pilot, lambda: not colours(pilot) & of_dark_alone())
