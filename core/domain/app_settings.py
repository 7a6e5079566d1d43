"""config.toml's [app]: how the app looks and which keys it has. A snapshot carries it."""

from __future__ import annotations

from typing import Literal

import msgspec


class AppSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the app looks, and which keys it has. No option changes what jobs do."""

    theme: str = "dark"
    """`dark`, `light`, or the name of a Textual theme, such as `nord` or `gruvbox`."""
    characters: Literal["auto", "ascii"] = "auto"
    """Characters to draw with. `auto` replaces those that the terminal's encoding lacks."""
    notify: Literal["toast", "bell", "desktop"] = "toast"
    """How the app reports that a job has ended. `desktop` sends OSC 9 to the terminal; in tmux it needs
    `allow-passthrough on`."""
    keys: dict[str, str] = {}
    """Other keys for an action: its id (see `empathy-tui keys`) → keys, separated by commas."""
