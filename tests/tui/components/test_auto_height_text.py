"""A text whose content changes again before its first request of a layout is carried out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from tests.support.settling import settled
from tui.components.auto_height_text import AutoHeightText
from tui.components.text_pane import TextPane


class _App(App[None]):
    CSS = "Vertical, Static, TextPane { height: auto; }"

    def __init__(self, text: AutoHeightText | TextPane) -> None:
        super().__init__()
        self.text = text

    def compose(self) -> ComposeResult:
        with Vertical():
            yield self.text
            yield Static(id="other")


@pytest.mark.parametrize("make", [AutoHeightText, partial(TextPane, id="pane")])
@pytest.mark.parametrize("lines", [(5, 2), (2, 5)])
async def test_the_height_is_that_of_the_last_content(
    make: Callable[[], AutoHeightText | TextPane], lines: tuple[int, int]
) -> None:
    first, last = lines
    text = make()
    async with _App(text).run_test() as pilot:
        await settled(pilot)
        text.update(Content("\n".join("x" * first)))
        # A layout that another widget has requested, before this one has handled its own messages.
        other = pilot.app.query_one("#other")
        other.refresh(layout=True)
        other._check_refresh()
        pilot.app.screen._refresh_layout()
        assert text.size.height == first
        text.update(Content("\n".join("x" * last)))
        await settled(pilot)
        assert text.size.height == last
