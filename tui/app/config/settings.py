"""Applies config.toml's [app] to the running app: keys, theme, and characters."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual.filter import LineFilter, NoColor

from tui.components import theme
from tui.runtime.terminal import characters as terminal_characters

if TYPE_CHECKING:
    from core.api import AppSettings
    from tui.navigation.host import HostApp


def line_filters(characters: str, *, no_color: bool) -> list[LineFilter]:
    """The filters of what is drawn: without what could steer the terminal, without colours, and without
    characters that the terminal lacks."""
    found: list[LineFilter] = [terminal_characters.Inert()]
    if no_color:
        found.append(NoColor())
    encoding = "ascii" if characters == "ascii" else terminal_characters.terminal_encoding()
    if not terminal_characters.is_unicode(encoding):
        found.append(terminal_characters.Plain(encoding))
    return found


def apply(app: HostApp, before: AppSettings | None, settings: AppSettings) -> None:
    """Apply keys and theme that have changed; problems are shown as toasts."""
    if before is None or settings.keys != before.keys:
        app.set_keymap(settings.keys)
        if settings.keys:
            check = partial(_check_keys, app, settings.keys)
            app.run_worker(check, name="Keys", thread=True, exit_on_error=False)
    if before is None or settings.theme != before.theme:
        if settings.theme not in (*theme.SHORT, *app.available_themes):
            names = ", ".join((*theme.SHORT, *sorted(app.available_themes)))
            app.show_message(
                f"config.toml: app.theme: unknown theme {settings.theme!r}; choose one of: {names}",
                error=True,
            )
        app.theme = theme.named(settings.theme, app.available_themes)


def _check_keys(app: HostApp, keys: Mapping[str, str]) -> None:
    from tui.app.config import keymap

    for problem in keymap.problems(keys):
        app.call_later(partial(app.show_message, f"config.toml: {problem}", error=True))
