"""The app on another machine, through a real sshd, in a real terminal."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from core.config.workspace import WorkspacePaths
from tests.cli.conftest import ROOT
from tests.support import waiting
from tests.support.servers import ssh_server
from tests.support.servers.ssh_server import SshServer
from tests.terminal.conftest import Terminal
from tests.terminal.test_program import PROGRAM


@pytest.fixture(scope="module")
def server() -> Iterator[SshServer]:
    reason = ssh_server.reason_to_skip()
    if reason is not None:
        pytest.skip(reason)
    with ssh_server.ssh_server() as started:
        yield started


@pytest.fixture
def app(terminal: Terminal, filled: WorkspacePaths, server: SshServer) -> Terminal:
    """The app on the other machine."""
    terminal.type(
        f"export PATH={server.path} PYTHONPATH={ROOT} EMPATHY_REMOTE_COMMAND={server.program}; clear",
        enter=True,
    )
    terminal.type(f"{PROGRAM} --workspace ssh://gpubox{filled.root}", enter=True)
    terminal.until(is_drawn)
    return terminal


def is_drawn(text: str) -> bool:
    lines = text.splitlines()
    return len(lines) > 1 and "gpubox:" in lines[1] and "read-only" in lines[1] and "q Quit" in lines[-1]


def is_at_prompt(text: str) -> bool:
    return text.rstrip().endswith("ready>")


def test_it_is_the_app_of_the_other_machine_and_changes_nothing(app: Terminal) -> None:
    app.resize(100, 30)
    app.until(lambda text: max(map(len, text.splitlines())) > 80 and is_drawn(text))
    app.type("P")
    app.until(lambda text: "open it with --write" in text)
    app.type("q")
    app.until(is_at_prompt)
    app.type("echo code $?", enter=True)
    text = app.until(lambda text: "code 0" in text)
    assert "closed" not in text
    assert app.is_as_it_was()


def test_a_broken_connection_gives_the_terminal_back_and_is_made_again(
    app: Terminal, server: SshServer
) -> None:
    server.end_connections()
    app.until(lambda text: "Connect again? [Y/n]:" in text and "closed by remote host" in text)
    assert app.is_as_it_was()
    app.type("", enter=True)
    app.until(is_drawn)
    (ssh,) = (
        p for p in psutil.process_iter(["cmdline"]) if f"{server.folder}/config" in (p.info["cmdline"] or ())
    )
    ssh.kill()
    app.until(lambda text: text.count("Connect again? [Y/n]:") == 2 and "jobs there continue" in text)
    assert app.is_as_it_was()
    app.type("n", enter=True)
    app.until(is_at_prompt)
    app.type("echo code $?; stty -a", enter=True)
    text = app.until(lambda text: "code 255" in text and "echoctl" in text.split("code 255")[1])
    assert " -echo " not in text
    waiting.wait_until(lambda: not server.connections(), "the app there to end")


def test_putting_it_aside_and_bringing_it_back(app: Terminal) -> None:
    app.type("C-z")
    assert "Stopped" in app.until(is_at_prompt)
    assert app.is_as_it_was()
    app.resize(90, 20)
    app.type("fg", enter=True)
    app.until(lambda text: is_drawn(text) and len(text.splitlines()) == 20)
    app.type("2")
    app.until(lambda text: "✓ done" in text)


def test_a_terminated_program_restores_the_terminal(app: Terminal) -> None:
    pane = psutil.Process(int(app.pane.cmd("display-message", "-p", "#{pane_pid}").stdout[0]))
    (program,) = pane.children()
    os.kill(program.pid, signal.SIGTERM)
    app.until(is_at_prompt)
    app.type("echo code $?", enter=True)
    app.until(lambda text: f"code {128 + signal.SIGTERM}" in text)
    assert app.is_as_it_was()
