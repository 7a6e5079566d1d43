"""The real program in a real terminal: tmux."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from core.config.workspace import WorkspacePaths
from tests.support import waiting
from tests.support.workspaces.filled_workspace import fill
from tests.terminal.conftest import Terminal, open_terminal

PROGRAM = f"{sys.executable} -m tui"


def open_app(terminal: Terminal, root: Path) -> None:
    terminal.type(f"{PROGRAM} --workspace {root}", enter=True)
    terminal.until(lambda text: "1 home" in text and "q Quit" in text)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> WorkspacePaths:
    """The workspace that `opened` shows."""
    return fill(tmp_path_factory.mktemp("opened") / "study")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, shown: WorkspacePaths) -> Iterator[Terminal]:
    with open_terminal(tmp_path_factory.mktemp("terminal")) as terminal:
        open_app(terminal, shown.root)
        yield terminal


@pytest.fixture
def opened(app: Terminal) -> Terminal:
    """The app on its home screen, which starts once for all tests that leave it open."""
    app.resize(80, 24)
    app.type("1")
    app.until(lambda text: "48 dialogues" in text and len(text.splitlines()) == 24)
    return app


def test_an_empty_folder_says_what_to_do_next(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    open_app(terminal, tmp_path / "new")
    text = terminal.until(lambda text: "demo" in text)
    assert "import" in text.lower()


def test_rooms_keys_and_resizing(opened: Terminal) -> None:
    opened.type("5")
    opened.until(lambda text: "70.8 %" in text)
    opened.resize(60, 20)
    opened.until(lambda text: "70.8 %" in text and max(map(len, text.splitlines())) <= 60)
    opened.resize(200, 50)
    opened.until(lambda text: "100 %" in text)
    to_the_next_pair(opened)


def to_the_next_pair(terminal: Terminal) -> None:
    """Show the pair after the one that was shown last, which is the first one in the beginning."""
    terminal.type("6")
    shown = re.search(r"(\d+)/12", terminal.until(lambda text: "/12" in text))
    assert shown is not None
    terminal.type("n")
    terminal.until(lambda text: f"{int(shown[1]) + 1}/12" in text)


def test_curves_are_drawn_and_keys_that_come_at_once_are_all_heard(opened: Terminal) -> None:
    opened.type("4")
    opened.until(lambda text: "step 60" in text and any("\u2801" <= dots <= "\u28ff" for dots in text))
    # In one write: each key arrives before the table has announced its cursor.
    opened.pane.cmd("send-keys", "Space", "Down", "Space", "Left")
    opened.until(lambda text: "1●" in text and "2●" in text and "│ step" in text)


def test_what_is_copied_reaches_tmux(opened: Terminal) -> None:
    to_the_next_pair(opened)
    opened.type("y")
    opened.until(lambda text: "to tmux" in text)
    copied = "\n".join(opened.session.server.cmd("show-buffer").stdout)
    assert "dialogue made:" in copied
    assert "\x1b" not in copied


@pytest.mark.parametrize("redirection", ["2>/dev/null", "2>errors.txt", "2>&-"])
def test_it_is_drawn_wherever_stderr_goes(
    terminal: Terminal, filled: WorkspacePaths, redirection: str
) -> None:
    terminal.type(f"{PROGRAM} --workspace {filled.root} {redirection}", enter=True)
    terminal.until(lambda text: "48 dialogues" in text and "q Quit" in text)
    terminal.resize(100, 30)
    terminal.until(lambda text: max(map(len, text.splitlines())) > 80 and "q Quit" in text.splitlines()[-1])
    terminal.type("q")
    terminal.until(lambda text: text.rstrip().endswith("ready>") and "1 home" not in text)
    assert terminal.is_as_it_was()


def test_exported_sizes_of_another_terminal_do_not_count(terminal: Terminal, filled: WorkspacePaths) -> None:
    terminal.type("export COLUMNS=30 LINES=6", enter=True)
    open_app(terminal, filled.root)
    text = terminal.until(lambda text: "48 dialogues" in text)
    assert "q Quit" in text.splitlines()[23]
    terminal.type("?")
    terminal.until(lambda text: "─ Help ─" in text and max(map(len, text.splitlines())) > 70)
    terminal.type("?")
    terminal.resize(120, 40)
    terminal.until(lambda text: len(text.splitlines()) == 40 and "q Quit" in text.splitlines()[-1])


def test_an_escape_in_a_paste_is_no_key(opened: Terminal, shown: WorkspacePaths) -> None:
    opened.type("2")
    opened.until(lambda text: "✓ done" in text)
    before = intents(shown)
    for text in ("\x1bp", "log \x1b[31mp\x1b[0m\x1b", "\x1b" + "p" * 40, "\x1b\x1bS"):
        pasted = f"\x1b[200~{text}\x1b[201~".encode()
        opened.pane.cmd("send-keys", "-H", *(f"{byte:02x}" for byte in pasted))
    opened.type("/")
    opened.pane.cmd("send-keys", "-H", *(f"{byte:02x}" for byte in b"\x1b[200~a\x1bb\x1b[201~"))
    opened.until(lambda text: "a␛b" in text)
    opened.type("Escape")
    opened.until(lambda text: "a␛b" not in text)
    opened.type("6")
    text = opened.until(lambda text: "/12" in text)
    assert "paused" not in text
    assert intents(shown) == before


def intents(workspace: WorkspacePaths) -> int:
    with closing(sqlite3.connect(workspace.state)) as connection:
        return int(connection.execute("SELECT count(*) FROM intents").fetchone()[0])


def test_quitting_gives_the_terminal_back(terminal: Terminal, filled: WorkspacePaths) -> None:
    open_app(terminal, filled.root)
    terminal.type("q")
    terminal.until(lambda text: text.rstrip().endswith("ready>") and "1 home" not in text)
    assert terminal.is_as_it_was()
    terminal.type("echo still $((40 + 2))", enter=True)
    terminal.until(lambda text: "still 42" in text)


def test_quitting_says_that_the_work_goes_on(terminal: Terminal, filled: WorkspacePaths) -> None:
    with filled.lock.open("w") as lock:
        # As a supervisor has it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        open_app(terminal, filled.root)
        terminal.until(lambda text: "supervisor running" in text)
        terminal.type("q")
        terminal.until(lambda text: "1 home" not in text and "3 jobs continue in the background" in text)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_terminated_app_restores_the_terminal(
    terminal: Terminal, filled: WorkspacePaths, number: signal.Signals
) -> None:
    open_app(terminal, filled.root)
    found = subprocess.run(
        ["pgrep", "-f", f"tui --workspace {filled.root}"], capture_output=True, text=True, check=True
    )
    for pid in found.stdout.split():
        os.kill(int(pid), number)
    terminal.until(lambda text: "ready>" in text and "1 home" not in text)
    terminal.type("echo code $?", enter=True)
    terminal.until(lambda text: f"code {128 + number}" in text)
    assert terminal.is_as_it_was()


def test_it_ends_with_its_terminal(terminal: Terminal, filled: WorkspacePaths) -> None:
    """As when an SSH connection breaks, in the middle of a screen that is drawn again and again."""
    open_app(terminal, filled.root)
    # The supervisor of the workspace is named by it as well.
    (app,) = (
        p
        for p in psutil.process_iter(["cmdline"])
        if {"tui", str(filled.root)} <= {*(p.info["cmdline"] or ())}
    )
    terminal.session.server.kill()
    waiting.wait_until(lambda: not waiting.is_running(app), "the app to end")


def test_a_fault_gives_the_terminal_back_and_says_where(terminal: Terminal, filled: WorkspacePaths) -> None:
    terminal.type(f"{sys.executable} {Path(__file__).parent / 'failing_app.py'} {filled.root}", enter=True)
    terminal.until(lambda text: "q Quit" in text)
    terminal.type("F9")
    text = terminal.until(lambda text: "This is a bug in empathy-tui" in text)
    assert "failing_app.py" in text
    assert "␛[2J" in text, "the error's words steer nothing"
    terminal.type("echo code $?", enter=True)
    terminal.until(lambda text: "code 1" in text)
    assert terminal.is_as_it_was()


def test_putting_it_aside_and_bringing_it_back(terminal: Terminal, filled: WorkspacePaths) -> None:
    open_app(terminal, filled.root)
    terminal.type("C-z")
    terminal.until(lambda text: "Stopped" in text and "1 home" not in text)
    assert terminal.is_as_it_was()
    terminal.type("fg", enter=True)
    terminal.until(lambda text: "1 home" in text and "q Quit" in text)


def test_no_color_sends_no_colour(terminal: Terminal, filled: WorkspacePaths) -> None:
    terminal.type("export NO_COLOR=1", enter=True)
    open_app(terminal, filled.root)
    terminal.type("2")
    terminal.until(lambda text: "✓ done" in text)
    codes = {
        code
        for codes in re.findall(r"\x1b\[([0-9;:]*)m", terminal.text(escapes=True))
        for code in re.split("[;:]", codes)
    }
    # Bold, dim, underlined, reversed and their ends; no colour of any depth.
    assert codes <= {"", "0", "1", "2", "4", "7", "22", "24", "27", "39", "49"}, codes
    assert "7" in codes, "the cursor is seen without colour"


def test_a_terminal_without_unicode_is_sent_none(terminal: Terminal, filled: WorkspacePaths) -> None:
    terminal.type("export PYTHONIOENCODING=ascii", enter=True)
    open_app(terminal, filled.root)
    for key, words in (("1", "7 of 17 done"), ("2", "+ done"), ("6", "1/12")):
        terminal.type(key)
        text = terminal.until(lambda text, words=words: words in text)  # type: ignore[misc]
        assert text.isascii(), [character for character in text if not character.isascii()]


def test_a_terminal_that_only_prints_gets_the_status(terminal: Terminal, filled: WorkspacePaths) -> None:
    # All of it has room, whenever one looks.
    terminal.resize(80, 120)
    terminal.type(f"TERM=dumb {PROGRAM} --workspace {filled.root}", enter=True)
    terminal.until(lambda text: "no terminal to draw the app on" in text and "running" in text)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("1", "48 dialogues"),
        ("2", "✓ done"),
        ("3", "of 48"),
        ("4", "loss"),
        ("5", "Judge "),
        ("6", "/12"),
        ("7", "No requests yet"),
        ("8", "supervisor.log"),
    ],
)
def test_hostile_text_sends_no_escape_of_its_own(opened: Terminal, key: str, words: str) -> None:
    opened.type(key)
    opened.until(lambda text: words in text)
    if key == "8":
        opened.type("Down")
        opened.until(lambda text: "made job" in text)
    title = opened.pane.cmd("display-message", "-p", "#{pane_title}").stdout
    assert "owned" not in "".join(title)
    raw = opened.text(escapes=True)
    assert "\u202e" not in raw
    # Whatever escapes tmux reports are colours and styles: nothing moved, cleared or renamed.
    for part in raw.split("\x1b")[1:]:
        assert re.match(r"\[[0-9;:]*m|\(B|\]8;", part), part[:20]
