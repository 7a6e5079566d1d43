"""Text for the clipboard of the user's own terminal, over SSH and through tmux."""

from __future__ import annotations

import os

#: Bytes that every terminal with OSC 52 takes at once; some drop what is longer.
_SURE_BYTES = 74_994
#: Seconds that tmux may take.
_WAIT_S = 2.0


def is_in_tmux() -> bool:
    """Whether the app runs in tmux, which by default passes no program's OSC 52 on."""
    return bool(os.environ.get("TMUX"))


def put_in_tmux(text: str) -> bool:
    """Give `text` to tmux, as its newest buffer and for the terminal's clipboard; whether tmux took it."""
    # Here rather than above: it takes time, and most sessions copy nothing.
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
    """What is known once `text` was copied: no terminal says whether it took it."""
    size = f"{len(text):,} characters"
    cut = ", but some drop so long a text" if len(text.encode()) > _SURE_BYTES else ""
    if by_tmux:
        return f"copied {size}: tmux has them (prefix ] pastes), and your terminal if it takes OSC 52{cut}"
    return f"copied {size}, if your terminal takes OSC 52{cut}: it does not say"
