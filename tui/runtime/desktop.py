"""A notification on the desktop that a terminal stands on, also over SSH and through tmux."""

from __future__ import annotations

import os


def notification(text: str) -> str:
    """The bytes that have a terminal notify its desktop of one line, which must have been made visible.

    OSC 9, which iTerm2, kitty, WezTerm, Ghostty, foot and Windows Terminal know and others skip. tmux hands
    it on where its `allow-passthrough` is on.
    """
    plain = f"\x1b]9;{' '.join(text.split())}\x07"
    if "TMUX" not in os.environ:
        return plain
    doubled = plain.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
