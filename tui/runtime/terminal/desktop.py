"""Desktop notifications through the terminal, also over SSH and through tmux."""

from __future__ import annotations

import os


def notification(text: str) -> str:
    """The escape sequence of a desktop notification of one line, which must have passed `visible`.

    iTerm2, kitty, WezTerm, Ghostty, foot and Windows Terminal support OSC 9; others ignore it. tmux forwards
    it if `allow-passthrough` is on.
    """
    plain = f"\x1b]9;{' '.join(text.split())}\x07"
    if "TMUX" not in os.environ:
        return plain
    doubled = plain.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
