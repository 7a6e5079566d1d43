"""The app's colours, dark and light, without a contrast of red and green.

The hues are Okabe and Ito's (blue, orange, vermilion, bluish green), which remain distinct under the common
kinds of colour blindness; every state also has a glyph and a word.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual.color import Color
from textual.theme import Theme

if TYPE_CHECKING:
    from textual.app import App

DARK = Theme(
    name="empathy-dark",
    dark=True,
    primary="#7aa2c8",
    secondary="#8fa6b8",
    accent="#6db3e8",
    success="#4fb894",
    warning="#e0a94a",
    error="#e5815a",
    foreground="#d5dae0",
    background="#14181d",
    surface="#1a1f26",
    panel="#232a33",
    boost="#2a323d",
    variables={
        "text-muted": "#8b96a3",
        "scrollbar-background": "#14181d",
        "scrollbar-background-hover": "#1a1f26",
        "scrollbar-background-active": "#1a1f26",
        "scrollbar-corner-color": "#14181d",
        "block-cursor-background": "#2b3f52",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#222c37",
        "block-cursor-blurred-foreground": "#d5dae0",
        "footer-background": "#14181d",
        "footer-key-foreground": "#6db3e8",
        "footer-description-foreground": "#8b96a3",
        "border": "#3a4552",
        "border-blurred": "#2b343f",
        "input-selection-background": "#2b3f52",
    },
)

LIGHT = Theme(
    name="empathy-light",
    dark=False,
    primary="#2f6690",
    secondary="#4d6577",
    accent="#0b66a5",
    success="#00694f",
    warning="#8a5600",
    error="#b13d0c",
    foreground="#22282f",
    background="#f7f8fa",
    surface="#eef1f4",
    panel="#e2e7ec",
    boost="#d7dee5",
    variables={
        "text-muted": "#5c6773",
        # Textual's own has a contrast of 2.6 with the backgrounds.
        "text-disabled": "#66717c",
        "scrollbar-background": "#f7f8fa",
        "scrollbar-background-hover": "#eef1f4",
        "scrollbar-background-active": "#eef1f4",
        "scrollbar-corner-color": "#f7f8fa",
        "block-cursor-background": "#cfe1f1",
        "block-cursor-foreground": "#10161c",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#e0e8ef",
        "block-cursor-blurred-foreground": "#22282f",
        "footer-background": "#f7f8fa",
        "footer-key-foreground": "#0b66a5",
        "footer-description-foreground": "#5c6773",
        "border": "#b9c3cd",
        "border-blurred": "#d3dae1",
    },
)


#: The names of the app's own themes in config.toml.
SHORT = {"dark": DARK.name, "light": LIGHT.name}

#: The style of the selected row without colours.
_NO_COLOR = {"block-cursor-text-style": "reverse", "block-cursor-blurred-text-style": "underline"}


@runtime_checkable
class Coloured(Protocol):
    """A widget whose content has colours of the theme, beside those of its styles."""

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""


def themes(*, no_color: bool) -> list[Theme]:
    """The dark and the light theme; with `no_color` they mark everything without colour."""
    if not no_color:
        return [DARK, LIGHT]
    return [replace(theme, variables=theme.variables | _NO_COLOR) for theme in (DARK, LIGHT)]


def named(wanted: str, known: Container[str]) -> str:
    """The name of the theme in config.toml; dark if there is no such theme."""
    name = SHORT.get(wanted, wanted)
    return name if name in known else DARK.name


def other(name: str) -> str:
    """Dark for light, light for every other theme."""
    return DARK.name if name == LIGHT.name else LIGHT.name


def shade(app: App[Any], name: str) -> str:
    """The colour of a theme variable such as `text-muted`, for a rich style.

    Textual's own themes define some colours relative to the background or by opacity; ANSI colours cannot
    be blended.
    """
    value, _, share = app.theme_variables[name].partition(" ")
    if value.startswith("#"):
        return value
    if value != "auto":
        return Color.parse(value).rich_color.name
    background = Color.parse(app.theme_variables["background"])
    foreground = Color.parse(app.theme_variables["foreground"])
    return background.blend(foreground, float(share.removesuffix("%") or 100) / 100).rich_color.name
