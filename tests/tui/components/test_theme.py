"""The themes: what is written in them can be read."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.color import Color
from textual.theme import Theme
from textual.widgets import Input

from tui.components.theme import DARK, LIGHT

#: What WCAG 2.1 asks of large text and of the parts of a user interface.
_MIN_CONTRAST = 3.0


class _Form(App[None]):
    CSS = "#field { background: $panel; }"

    def compose(self) -> ComposeResult:
        yield Input(placeholder="words to filter by", id="filter", compact=True)
        yield Input(placeholder="what the speaker says", id="field", compact=True)


@pytest.mark.parametrize("theme", [DARK, LIGHT])
@pytest.mark.parametrize("focused", ["filter", "field"])
async def test_a_placeholder_can_be_read(theme: Theme, focused: str) -> None:
    app = _Form()
    async with app.run_test():
        app.register_theme(theme)
        app.theme = theme.name
        app.query_one(f"#{focused}").focus()
        for field in app.query(Input):
            style = field.get_visual_style("input--placeholder")
            assert style.foreground is not None
            assert style.background is not None
            assert _contrast(style.foreground, style.background) >= _MIN_CONTRAST


def _contrast(one: Color, other: Color) -> float:
    """The contrast ratio of WCAG 2.1."""
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(color: Color) -> float:
    linear = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
