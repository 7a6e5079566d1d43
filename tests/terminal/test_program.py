"""The real program in a real terminal: tmux."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import libtmux
import pytest

from core.workspace import Workspace
from tests.tui.filled import fill

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

DEADLINE_S = 30.0
PROGRAM = f"{sys.executable} -m tui"


class Terminal:
    """One pane that a shell runs in, as a user has it."""

    def __init__(self, session: libtmux.Session) -> None:
        self.session = session
        pane = session.active_pane
        assert pane is not None
        self.pane = pane

    def type(self, text: str, *, enter: bool = False) -> None:
        self.pane.send_keys(text, enter=enter)

    def text(self, *, escapes: bool = False) -> str:
        return "\n".join(self.pane.cmd("capture-pane", "-p", *(["-e"] if escapes else [])).stdout)

    def until(self, holds: Callable[[str], bool]) -> str:
        """Wait until the screen's text is as it should be; that text."""
        deadline = time.monotonic() + DEADLINE_S
        while not holds(text := self.text()):
            assert time.monotonic() < deadline, f"the terminal did not come to show it:\n{text}"
        return text

    def resize(self, width: int, height: int) -> None:
        self.session.active_window.resize(width=width, height=height)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    server = libtmux.Server(socket_path=str(tmp_path / "tmux"))
    session = server.new_session(
        session_name="test",
        x=80,
        y=24,
        start_directory=str(tmp_path),
        window_command="env -u COLUMNS -u LINES PS1='ready> ' LANG=C.UTF-8 bash --norc --noprofile",
    )
    try:
        shown = Terminal(session)
        shown.until(lambda text: "ready>" in text)
        yield shown
    finally:
        server.kill()


@pytest.fixture
def filled(tmp_path: Path) -> Workspace:
    return fill(tmp_path / "study")


def open_app(terminal: Terminal, root: Path) -> None:
    terminal.type(f"{PROGRAM} --workspace {root}", enter=True)
    terminal.until(lambda text: "1 home" in text and "q Quit" in text)


def test_an_empty_folder_says_what_to_do_next(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    open_app(terminal, tmp_path / "new")
    text = terminal.until(lambda text: "demo" in text)
    assert "import" in text.lower()


def test_rooms_keys_and_resizing(terminal: Terminal, filled: Workspace) -> None:
    open_app(terminal, filled.root)
    terminal.until(lambda text: "48 dialogues" in text)
    terminal.type("5")
    terminal.until(lambda text: "70.8 %" in text)
    terminal.resize(60, 20)
    terminal.until(lambda text: "70.8 %" in text and max(map(len, text.splitlines())) <= 60)
    terminal.resize(200, 50)
    terminal.until(lambda text: "100 %" in text)
    terminal.type("6")
    terminal.until(lambda text: "1/12" in text)
    terminal.type("n")
    terminal.until(lambda text: "2/12" in text)


def test_what_is_copied_reaches_tmux(terminal: Terminal, filled: Workspace) -> None:
    open_app(terminal, filled.root)
    terminal.type("6")
    terminal.until(lambda text: "1/12" in text)
    terminal.type("n")
    terminal.until(lambda text: "2/12" in text)
    terminal.type("y")
    terminal.until(lambda text: "tmux has them" in text)
    copied = "\n".join(terminal.session.server.cmd("show-buffer").stdout)
    assert "dialogue made:" in copied
    assert "\x1b" not in copied


def test_quitting_gives_the_terminal_back(terminal: Terminal, filled: Workspace) -> None:
    open_app(terminal, filled.root)
    terminal.type("q")
    terminal.until(lambda text: text.rstrip().endswith("ready>") and "1 home" not in text)
    terminal.type("echo still $((40 + 2))", enter=True)
    terminal.until(lambda text: "still 42" in text)


def test_a_terminated_app_gives_the_terminal_back(terminal: Terminal, filled: Workspace) -> None:
    open_app(terminal, filled.root)
    found = subprocess.run(
        ["pgrep", "-f", f"tui --workspace {filled.root}"], capture_output=True, text=True, check=True
    )
    for pid in found.stdout.split():
        os.kill(int(pid), 15)
    terminal.until(lambda text: "ready>" in text and "1 home" not in text)
    terminal.type("echo still $((40 + 2))", enter=True)
    terminal.until(lambda text: "still 42" in text)


@pytest.mark.parametrize("key", list("12345678"))
def test_hostile_text_sends_no_escape_of_its_own(terminal: Terminal, filled: Workspace, key: str) -> None:
    open_app(terminal, filled.root)
    terminal.type(key)
    if key == "8":
        terminal.until(lambda text: "supervisor" in text)
        terminal.type("Down")
        terminal.until(lambda text: "made job" in text)
    else:
        terminal.until(lambda text: "q Quit" in text)
    title = terminal.pane.cmd("display-message", "-p", "#{pane_title}").stdout
    assert "owned" not in "".join(title)
    raw = terminal.text(escapes=True)
    assert "\u202e" not in raw
    # Whatever escapes tmux reports are colours and styles: nothing moved, cleared or renamed.
    for part in raw.split("\x1b")[1:]:
        assert re.match(r"\[[0-9;:]*m|\(B|\]8;", part), part[:20]
