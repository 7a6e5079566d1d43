"""Copies text to the clipboard of the user's terminal, also over SSH and through tmux."""

from __future__ import annotations

import os

#: Bytes that every terminal with OSC 52 accepts; some drop longer texts.
_SURE_BYTES = 74_994
#: Timeout of tmux in seconds.
_WAIT_S = 2.0


def is_in_tmux() -> bool:
    """Whether the app runs in tmux, which by default forwards no OSC 52."""
    return bool(os.environ.get("TMUX"))


def put_in_tmux(text: str) -> bool:
    """Put `text` into tmux's newest buffer and the terminal's clipboard; return whether tmux accepted it."""
    # Imported here because the import is slow and most sessions copy nothing.
    import subprocess

    try:
        ended = subprocess.run(
            ["tmux", "load-buffer", "-w", "-"],
            input=text.encode(),
            capture_output=True,
            timeout=_WAIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0


def outcome(text: str, *, by_tmux: bool) -> str:
    """The message after `text` was copied; terminals do not confirm a copy."""
    size = f"{len(text):,} characters"
    cut = ", but some drop long texts" if len(text.encode()) > _SURE_BYTES else ""
    if by_tmux:
        return f"copied {size} to tmux (prefix ] pastes), and to your terminal if it supports OSC 52{cut}"
    return f"copied {size} if your terminal supports OSC 52{cut}; terminals do not confirm"
