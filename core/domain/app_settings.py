"""config.toml's [app]: how the app looks and is steered. A snapshot holds it and nothing else of the file."""

from __future__ import annotations

from typing import Literal

import msgspec


class AppSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """None of it changes what is run.

    `theme` is `dark`, `light`, or one of Textual's. `characters` are those that the app draws with: `auto`
    leaves out what the terminal's encoding lacks. `notify` is how it tells that a job has ended besides a
    toast. `keys` gives bindings other keys, by their ids (`empathy-tui keys`), commas between several.
    """

    theme: str = "dark"
    characters: Literal["auto", "ascii"] = "auto"
    notify: Literal["toast", "bell", "desktop"] = "toast"
    keys: dict[str, str] = {}
