"""The user's editor: which one it is, and how it opens a file at a line."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Editors that take `+LINE FILE`.
_PLUS = frozenset(
    (
        *("vi", "vim", "nvim", "view", "gvim", "vile", "elvis", "nano", "rnano", "pico", "emacs"),
        *("emacsclient", "mg", "zile", "jed", "joe", "jmacs", "ne", "micro", "kak", "gedit"),
    )
)
#: Editors that take `FILE:LINE`.
_COLON = frozenset(("hx", "helix", "subl", "zed", "mcedit", "lapce"))
#: Editors that take `-g FILE:LINE`.
_GOTO = frozenset(("code", "code-insiders", "codium", "vscodium", "code-server", "cursor", "windsurf"))
#: Editors that return at once unless they have an option to wait until the file is closed.
_WITH_WINDOW = _GOTO | {"subl", "zed", "lapce"}
_WAIT = ("--wait", "-w")


class NoEditorError(Exception):
    """No editor is set, or it cannot be started; the message says what to do."""


def command(file: Path, line: int | None, environment: Mapping[str, str] = os.environ) -> list[str]:
    """The command that opens `file`, at a line if there is one and the editor is known.

    Raises `NoEditorError`.
    """
    name = next((name for name in ("VISUAL", "EDITOR") if environment.get(name, "").strip()), None)
    if name is None:
        raise NoEditorError(
            f"no editor is set: close the app, `export EDITOR=nano` (or another one) in the shell, and open "
            f"the app again; or edit {file} in another terminal"
        )
    try:
        words = shlex.split(environment[name])
    except ValueError as error:
        raise NoEditorError(f"${name} cannot be read as a command: {error}") from error
    if not words or shutil.which(words[0], path=environment.get("PATH")) is None:
        raise NoEditorError(f"${name} names {environment[name]!r}, which is not a program on this machine")
    return [*words, *_arguments(Path(words[0]).name, words[1:], str(file), line)]


def _arguments(editor: str, given: Sequence[str], file: str, line: int | None) -> list[str]:
    must_wait = editor in _WITH_WINDOW and not any(word in _WAIT for word in given)
    wait = ["--wait"] if must_wait else ["--nofork"] if editor == "gvim" else []
    if line is None:
        return [*wait, file]
    if editor in _GOTO:
        return [*wait, "-g", f"{file}:{line}"]
    if editor in _COLON:
        return [*wait, f"{file}:{line}"]
    return [*wait, *([f"+{line}"] if editor in _PLUS else []), file]


def run(words: Sequence[str]) -> int:
    """Run an editor in this terminal until it ends; its exit code.

    Raises `NoEditorError` if it cannot be started.
    """
    # Ctrl+C is for the editor; a handler, unlike ignoring it, is not passed on to it.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(words, check=False).returncode
    except OSError as error:
        raise NoEditorError(f"{words[0]} cannot be started: {error.strerror or error}") from error
    finally:
        signal.signal(signal.SIGINT, before)
