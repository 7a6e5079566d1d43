"""Opens a file or folder with the desktop's own program for it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def program() -> str | None:
    """The program that opens files; None where there is no display that the user sees."""
    if sys.platform == "darwin":
        # Over SSH it would open on the screen of the machine itself.
        return None if "SSH_CONNECTION" in os.environ else shutil.which("open")
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return None
    return shutil.which("xdg-open")


def open_path(path: Path) -> bool:
    """Open a file or folder; return whether a program was started for it."""
    import subprocess

    opener = program()
    if opener is None:
        return False
    try:
        subprocess.Popen(
            [opener, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True
