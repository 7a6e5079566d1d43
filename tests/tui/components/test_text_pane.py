"""A text pane shows what a Static in a scrolling container would, without its layouts."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.screen import Screen
from textual.selection import Selection
from textual.widgets import Static

from tui.components.text_pane import TextPane

WORDS = "Losing the dog of your childhood is a loss that others may call small, though it is not. "
#: Words at the edge of the width, wide characters, blank lines, and one line without a break.
TEXTS = (
    "short",
    WORDS * 2,
    WORDS * 9,
    f"{WORDS}\n\n{'悲しみ' * 30}\n{'x' * 95}\n",
    "",
    WORDS * 9 + "the end",
)


class Both(App[None]):
    CSS = """
    Screen { layout: horizontal; }
    TextPane { width: 30; height: 8; padding: 0 0 0 1; }
    VerticalScroll { width: 30; height: 8; padding: 0 0 0 1; scrollbar-gutter: stable;
        scrollbar-size-vertical: 1; }
    #grows { width: 20; height: auto; max-height: 6; }
    """

    def compose(self) -> ComposeResult:
        yield TextPane(id="pane")
        with VerticalScroll():
            yield Static(id="static", markup=False)
        yield TextPane(id="grows", can_focus=False)


def lines(pilot: Pilot[None], selector: str) -> list[str]:
    """The lines that the screen shows in the place of a widget, without its scroll bar."""
    x, y, width, height = pilot.app.screen.query_one(selector).region
    strips = pilot.app.screen._compositor.render_strips(pilot.app.size)
    return [strip.crop(x, x + width - 1).text.rstrip() for strip in strips[y : y + height]]


async def show(pilot: Pilot[None], text: str) -> None:
    content = Content.assemble(text, (" marked", "bold"))
    pilot.app.query_one("#pane", TextPane).update(content)
    pilot.app.query_one("#static", Static).update(content)
    await pilot.pause()


@pytest.mark.parametrize("text", TEXTS)
async def test_a_text_is_wrapped_and_scrolled_as_elsewhere(text: str) -> None:
    async with Both().run_test(size=(80, 20)) as pilot:
        pane, scroll = pilot.app.query_one("#pane", TextPane), pilot.app.query_one(VerticalScroll)
        await show(pilot, text)
        assert lines(pilot, "#pane") == lines(pilot, "VerticalScroll")
        for key in ("pagedown", "j", "end", "k", "home"):
            pane.focus()
            await pilot.press(key)
            scroll.scroll_to(y=pane.scroll_offset.y, animate=False)
            await pilot.pause()
            assert pane.scroll_offset.y == scroll.scroll_offset.y
            assert lines(pilot, "#pane") == lines(pilot, "VerticalScroll")


async def test_no_text_is_left_over_from_the_one_before() -> None:
    async with Both().run_test(size=(80, 20)) as pilot:
        for before in TEXTS:
            for after in TEXTS:
                await show(pilot, before)
                pilot.app.query_one("#pane", TextPane).scroll_end(animate=False)
                await pilot.pause()
                await show(pilot, after)
                pilot.app.query_one("#pane", TextPane).scroll_home(animate=False)
                pilot.app.query_one(VerticalScroll).scroll_home(animate=False)
                await pilot.pause()
                assert lines(pilot, "#pane") == lines(pilot, "VerticalScroll")


async def test_another_width_wraps_the_text_again() -> None:
    async with Both().run_test(size=(80, 20)) as pilot:
        await show(pilot, TEXTS[3])
        for width in (24, 40):
            for selector in ("#pane", "VerticalScroll"):
                pilot.app.query_one(selector).styles.width = width
            await pilot.pause()
            assert lines(pilot, "#pane") == lines(pilot, "VerticalScroll")


async def test_another_text_of_the_same_height_lays_out_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = []
    refresh = Screen._refresh_layout
    async with Both().run_test(size=(80, 20)) as pilot:
        pane, grows = pilot.app.query_one("#pane", TextPane), pilot.app.query_one("#grows", TextPane)
        grows.reserve(3)
        await pilot.pause()
        assert grows.region.height == 3

        def counted(*args: Any, **named: Any) -> None:
            layouts.append(1)
            refresh(*args, **named)

        monkeypatch.setattr(Screen, "_refresh_layout", counted)
        for text in ("one", "another", f"two\n{WORDS}"):
            pane.update(Content(text))
            grows.update(Content(text[:30]))
            await pilot.pause()
            assert next(iter(lines(pilot, "#grows"))).strip() == text[:30].split("\n")[0]
        assert layouts == []
        grows.update(Content(WORDS * 2))
        await pilot.pause()
        assert grows.region.height == 6
        assert layouts


async def test_the_mouse_selects_the_text() -> None:
    async with Both().run_test(size=(80, 20)) as pilot:
        await show(pilot, WORDS)
        pane = pilot.app.query_one("#pane", TextPane)
        selected = Selection(Offset(0, 0), Offset(10, 0))
        assert pane.get_selection(selected) == (WORDS[:10], "\n")
        pilot.app.screen.selections = {pane: selected}
        await pilot.pause()
        assert lines(pilot, "#pane") == lines(pilot, "VerticalScroll")
