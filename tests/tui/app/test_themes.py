"""After another theme is chosen, no screen keeps the colours of the one before."""

from __future__ import annotations

import pytest
from textual.color import Color
from textual.pilot import Pilot

from core.config.workspace import WorkspacePaths
from tests.support.settling import until
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
        await pilot.press("t")
        if not here:
            await pilot.press(key)
        await until(pilot, lambda: not colours(pilot) & of_dark_alone())
