"""The line of keys below every screen."""

from __future__ import annotations

import pytest
from textual.geometry import Region
from textual.theme import Theme

from core.config.workspace import WorkspacePaths
from tests.support.settling import shown, until
from tests.tui.conftest import Open
from tui.components.keys_line import KeysLine
from tui.components.theme import DARK, LIGHT
from tui.dialogs.help import HelpScreen


async def test_it_shows_the_keys_of_the_screen_and_of_the_app(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        for key, words in (("2", "c Cancel"), ("6", "d Disagree"), ("2", "c Cancel")):
            await pilot.press(key)
            await until(pilot, lambda words=words: words in shown(pilot).splitlines()[-1])  # type: ignore[misc]
            assert "q Quit" in shown(pilot).splitlines()[-1]


@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_keys_have_the_accent_colour(opened: Open, filled: WorkspacePaths, theme: Theme) -> None:
    async with opened(filled) as pilot:
        pilot.app.theme = theme.name
        await until(pilot, lambda: "? Help" in shown(pilot))

        def colours() -> dict[str, str]:
            (strip,) = pilot.app.screen.query_one(KeysLine).render_lines(Region(0, 0, 80, 1))
            return {
                one.text.strip(): str(one.style and one.style.color and one.style.color.name) for one in strip
            }

        await until(pilot, lambda: colours()["?"] == theme.accent)
        assert colours()["Help"] == theme.variables["footer-description-foreground"]


async def test_a_click_presses_the_key(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled) as pilot:
        await pilot.press("2")
        await until(pilot, lambda: "? Help" in shown(pilot))
        line = pilot.app.screen.query_one(KeysLine)
        at = shown(pilot).splitlines()[-1].index("? Help") + 2
        await pilot.hover(KeysLine, offset=(at, 0))
        assert line.tooltip == "Show the keys"
        await pilot.click(KeysLine, offset=(at, 0))
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))


async def test_a_text_field_takes_the_question_mark_so_another_key_is_shown(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled) as pilot:
        await pilot.press("2", "slash")
        await until(pilot, lambda: "f1 Help" in shown(pilot).splitlines()[-1])
        await pilot.press("escape")
        await until(pilot, lambda: "? Help" in shown(pilot).splitlines()[-1])
