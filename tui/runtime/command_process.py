"""Runs a command of the command line as a process of its own, so that what it imports never loads here."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: How long in seconds the process goes on after the request to stop was made.
_LOOK_S = 0.2


@dataclass(frozen=True)
class Ended:
    """How a command ended; `code` is None if it was stopped."""

    code: int | None
    output: str
    errors: str


def run(workspace: Path, arguments: Sequence[str], stop: threading.Event) -> Ended:
    """Run `empathy-tui` with these arguments on a workspace, until it ends or `stop` is set."""
    # Imported here because the import is slow and most sessions run no command.
    import subprocess

    process = subprocess.Popen(
        # -P: a file in the workspace must not shadow a module of the same name.
        [sys.executable, "-P", "-m", "tui", "--workspace", str(workspace), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(os.environ, PYTHONIOENCODING="utf-8"),
        # Not in the app's group: Ctrl+Z in the terminal must not stop it.
        start_new_session=True,
    )
    while True:
        try:
            output, errors = process.communicate(timeout=_LOOK_S)
        except subprocess.TimeoutExpired:
            if stop.is_set():
                process.terminate()
                process.communicate()
                return Ended(None, "", "")
        else:
            text, problem = (part.decode(errors="replace") for part in (output, errors))
            return Ended(process.returncode, text, problem)
