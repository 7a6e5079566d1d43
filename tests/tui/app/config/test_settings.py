"""config.toml's [app]: theme, keys, characters; and what a terminal without colours or Unicode is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.filter import NoColor
from textual.widgets import Input

import tui
from core.config.workspace import WorkspacePaths
from core.domain.text import visible
from tests.support.settling import drawn, shown, until, until_shows
from tests.tui.conftest import Open
from tui.app.application import EmpathyApp
from tui.app.config import keymap
from tui.app.palette import offers
from tui.components.theme import shade
from tui.dialogs.ask_text import AskTextScreen
from tui.dialogs.choose import ChooseScreen
from tui.runtime.terminal.characters import inert, plain


def configure(workspace: WorkspacePaths, table: str) -> None:
    before = workspace.config.read_text().partition("\n[app]")[0]
    workspace.config.write_text(f"{before}\n[app]\n{table}\n")


async def test_the_theme_is_there_at_once_and_follows_the_file(opened: Open, filled: WorkspacePaths) -> None:
    configure(filled, 'theme = "light"')
    assert EmpathyApp(filled).theme == "empathy-light"
    async with opened(filled) as pilot:
        configure(filled, 'theme = "nord"')
        await until(pilot, lambda: pilot.app.theme == "nord")
        # Textual says of this theme's text-muted only how far it is from the background.
        assert shade(pilot.app, "text-muted").startswith("#")
        configure(filled, 'theme = "mauve"')
        await until_shows(pilot, "unknown theme")
        assert pilot.app.theme == "empathy-dark"


async def test_other_keys(opened: Open, filled: WorkspacePaths) -> None:
    configure(filled, 'keys = { "pipeline.log" = "x", "app.data" = "f6,ctrl+d", "home.pause" = "P" }')
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "unknown id")
        await until_shows(pilot, "P Pause")
        await pilot.press("f6")
        await until_shows(pilot, "1–48 of 48")
        await pilot.press("1", "3")
        await until(pilot, lambda: pilot.app.current_mode == "home")


async def test_a_hint_names_the_key_that_is_live(opened: Open, filled: WorkspacePaths) -> None:
    configure(filled, 'keys = { "home.retry" = "f9", "win_rates.group" = "f8" }')
    async with opened(filled, (120, 40)) as pilot:
        await until_shows(pilot, "f9 Retry")
        await pilot.press("5")
        await until_shows(pilot, "I reverse   f8 group")
        configure(filled, 'keys = { "win_rates.group" = "f7", "choose.back" = "x,f9" }')
        await until_shows(pilot, "I reverse   f7 group")
        # Its text field takes the x.
        pilot.app.push_screen(ChooseScreen("Which?", ["this"], None))
        await until_shows(pilot, "f9 closes")


def test_texts_name_usual_keys_of_known_ids() -> None:
    known = {
        line.id: line.shown.casefold().replace("+", "-").replace("⏎", "enter").split()
        for line in keymap.key_lines()
    }
    source = "\n".join(path.read_text() for path in Path(tui.__file__).parent.rglob("*.py"))
    named = re.findall(r"""name\(["']([\w.]+)["'],\s*["']([^"']+)["']\)""", source)
    # A table of hints has what each key does as well.
    named += re.findall(r"""\("(\w+\.\w+)", "([^"]+)", "[\w ]+"\)""", source)
    assert len(named) > 60
    assert [one for one in named if one[1].casefold() not in known.get(one[0], ())] == []


async def test_two_actions_on_one_key_are_reported(opened: Open, filled: WorkspacePaths) -> None:
    configure(filled, 'keys = { "pipeline.cancel" = "s" }')
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "'s' is bound to both")


@pytest.mark.parametrize(
    "key", ["s", "S", "ctrl+s", "f12", "shift+left", "question_mark", "?", "space", "enter"]
)
def test_keys_that_are_there(key: str) -> None:
    assert keymap.is_key(key)


@pytest.mark.parametrize("key", ["", "bananas", "strg+s", "ctrl+bananas", "ctrl+"])
def test_keys_that_are_not(key: str) -> None:
    assert not keymap.is_key(key)


def test_every_id_is_one_action_with_a_word_of_what_it_does() -> None:
    lines = keymap.key_lines()
    assert len({line.id for line in lines}) == len(lines)
    assert all(line.what and line.keys and line.shown for line in lines)
    assert {"app.help", "table.open", "list.filter", "pipeline.start", "confirm.yes"} <= {
        line.id for line in lines
    }
    (help_,) = (line for line in lines if line.id == "app.help")
    assert help_.keys == "question_mark,f1"


async def test_ascii_where_it_is_asked_for(opened: Open, filled: WorkspacePaths) -> None:
    configure(filled, 'characters = "ascii"')
    for screen_key in "12345678":
        async with opened(filled, (120, 40)) as pilot:
            await pilot.press(screen_key)
            await until_shows(pilot, "q Quit")
            await pilot.pause()
            app = pilot.app
            assert isinstance(app, EmpathyApp)
            lines = [
                app.screen.render_line(y).text if False else text
                for y, text in enumerate(shown(pilot).splitlines())
            ]
            assert all(line.isascii() for line in lines), [line for line in lines if not line.isascii()][:3]


@given(st.text())
def test_what_an_encoding_lacks_is_replaced_in_the_same_width(text: str) -> None:
    for encoding in ("ascii", "latin-1", "koi8-r"):
        made = plain(text, encoding)
        made.encode(encoding)
        assert cell_len(made) == cell_len(text)


@given(st.text())
def test_what_could_steer_the_terminal_is_left_out_in_the_same_width(text: str) -> None:
    made = inert(text)
    assert visible(made) == made
    assert cell_len(made) == cell_len(text)


async def test_a_field_draws_nothing_that_steers_the_terminal(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        text = "read \x1b]0;owned\x07\x9b31m\u202etwice\r\n\u200b[red]all[/]"
        await pilot.app.push_screen(AskTextScreen("Note", text))
        await until_shows(pilot, "[red]all[/]")
        for line in drawn(pilot.app):
            for segment in line:
                assert visible(segment.text) == segment.text
        assert pilot.app.screen.query_one(Input).value == text


def test_states_stay_apart_in_ascii() -> None:
    assert len({plain(glyph, "ascii") for glyph in "✓✗▶○⊘"}) == 5
    assert plain("██▌ ━●━ é ⠛⣤⣿", "ascii") == "##= =*= e '.:"
    assert plain("é·ж", "latin-1") == "é·?"


async def test_no_color_sends_none(
    opened: Open, filled: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with opened(filled, (120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await until_shows(pilot, "ect/all_together")
        for screen_key in "12345678":
            await pilot.press(screen_key)
            await until_shows(pilot, "q Quit")
            styles = [segment.style for line in drawn(app) for segment in line if segment.style is not None]
            assert all(style.color is None or style.color.is_default for style in styles)
            assert all(style.bgcolor is None or style.bgcolor.is_default for style in styles)
        await pilot.press("2")
        await until_shows(pilot, "✓ done")
        reversed_ = [
            segment.text
            for line in drawn(app)
            for segment in line
            if segment.style is not None and segment.style.reverse
        ]
        assert any("done" in text for text in reversed_), "the cursor is seen without colour"
        assert any(isinstance(one, NoColor) for one in app.get_line_filters())


async def test_read_only_says_why_nothing_is_changed(opened: Open, filled: WorkspacePaths) -> None:
    watched = WorkspacePaths(filled.root, read_only=True)
    async with opened(watched, (120, 40)) as pilot:
        await until_shows(pilot, "read-only")
        await until_shows(pilot, "7 of 17 done")
        for keys in (("S",), ("P",), ("i",), ("2", "s"), ("c",), ("r",), ("7", "u"), ("6", "V")):
            pilot.app.clear_notifications()
            await pilot.press(*keys)
            await until_shows(pilot, "this app is read-only")
        assert len(pilot.app.screen_stack) == 1


async def test_the_palette_offers_every_key_of_the_screen_and_says_why_not(
    opened: Open, filled: WorkspacePaths
) -> None:
    async with opened(filled, (120, 40)) as pilot:
        app = pilot.app
        assert isinstance(app, EmpathyApp)
        await pilot.press("2")
        await until_shows(pilot, "✓ done")
        found = {offer.title: offer for offer in offers(app)}
        live = {
            active.binding.description
            for active in app.screen.active_bindings.values()
            if active.binding.id and active.binding.action != "command_palette"
        }
        assert live <= set(found)
        assert "is done: there is nothing to start" in (found["Start"].reason or "")
        assert found["Search"].reason is None
        await pilot.press("ctrl+p", *"supervisor", "enter")
        await until(pilot, lambda: app.current_mode == "logs")


async def test_f1_lists_the_screens_own_keys_first(opened: Open, filled: WorkspacePaths) -> None:
    async with opened(filled, (120, 40)) as pilot:
        await pilot.press("2")
        await until_shows(pilot, "✓ done")
        await pilot.press("f1")
        await until_shows(pilot, "Every job of config.toml")
        text = shown(pilot)
        assert text.index("Start the job and its dependencies") < text.index("Show rows with these words")
        await pilot.press("f1")
        await until(pilot, lambda: len(pilot.app.screen_stack) == 1)
