"""A real terminal: a pane of tmux."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import libtmux
import psutil
import pytest

from core.config.workspace import WorkspacePaths
from tests.support import waiting
from tests.support.workspaces.filled_workspace import fill


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
        seen = ""

        def holds_now() -> bool:
            nonlocal seen
            seen = self.text()
            return holds(seen)

        # Each look starts a process.
        waiting.wait_until(
            holds_now, "the terminal", progress=self._progress, show=lambda: seen, pause_s=0.03
        )
        return seen

    def _progress(self) -> object:
        """Observes the screen, and the CPU time of what runs in it: starting takes long without a word."""
        shell = psutil.Process(int(self.pane.cmd("display-message", "-p", "#{pane_pid}").stdout[0]))
        return self.text(), waiting.cpu_time(shell)()

    def is_as_it_was(self) -> bool:
        """Whether the shell's own screen is back, its cursor is seen, and the mouse is the terminal's."""
        flags = self.pane.cmd(
            "display-message", "-p", "#{alternate_on} #{cursor_flag} #{mouse_any_flag}"
        ).stdout
        return flags == ["0 1 0"]

    def resize(self, width: int, height: int) -> None:
        self.session.active_window.resize(width=width, height=height)


@contextmanager
def open_terminal(folder: Path) -> Iterator[Terminal]:
    """A terminal of 80 columns whose shell is in a folder; skips the test where tmux is not installed."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    server = libtmux.Server(socket_path=str(folder / "tmux"))
    session = server.new_session(
        session_name="test",
        x=80,
        y=24,
        start_directory=str(folder),
        window_command="env -u COLUMNS -u LINES PS1='ready> ' LANG=C.UTF-8 bash --norc --noprofile",
    )
    try:
        shown = Terminal(session)
        shown.until(lambda text: "ready>" in text)
        yield shown
    finally:
        server.kill()


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    with open_terminal(tmp_path) as opened:
        yield opened


@pytest.fixture
def filled(tmp_path: Path) -> WorkspacePaths:
    return fill(tmp_path / "study")
