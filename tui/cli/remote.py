"""The program on another machine: any command, and the app, on a workspace that ssh reaches."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import click
import msgspec

from core.api import Check
from tui.cli.options import CommandError, is_terminal
from tui.format.text import visible
from tui.remote.address import RemoteWorkspace
from tui.remote.command_line import NO_PROGRAM, PROGRAM, command_line
from tui.remote.connection import ssh_words
from tui.remote.session import SessionEnd, run_in_terminal, run_piped

#: Commands that serve on the loopback address of their own machine.
_SERVERS = ("serve", "serve-model")


@dataclass(frozen=True)
class RemoteProgram:
    """How the program is called on another machine."""

    workspace: RemoteWorkspace
    read_only: bool
    command: str
    """What starts it there, as a POSIX shell reads it."""

    def ssh(self, words: Sequence[str], *, in_terminal: bool) -> list[str]:
        """The local command that calls it with these arguments."""
        line = command_line(self.workspace, words, read_only=self.read_only, program=self.command)
        return ssh_words(self.workspace.host, line, ["-t" if in_terminal else "-T"])


def run_there(program: RemoteProgram, words: Sequence[str]) -> NoReturn:
    """Run a command, or the app for no `words`, on the workspace's machine; exit as it does."""
    host = program.workspace.host
    if words and words[0] in _SERVERS:
        raise CommandError(
            f"{words[0]} listens on {host.name} alone: log in there and forward its port, "
            f"as in `{host.ssh_command} -L 8000:127.0.0.1:8000`"
        )
    if words and words[0] == "doctor":
        _examine(program, words)
    else:
        sys.exit(_exit_code(program, _run(program, words)))


def _run(program: RemoteProgram, words: Sequence[str]) -> int:
    """Run a command or the app until it ends; its exit code.

    The app can be connected again when the connection broke. A command is not repeated: it may have done its
    work.
    """
    # stderr of a session in a terminal arrives with stdout.
    streams = (sys.stdin, sys.stdout, *((sys.stderr,) if words else ()))
    in_terminal = all(is_terminal(stream) for stream in streams)
    while True:
        ssh = program.ssh(words, in_terminal=in_terminal)
        end = run_in_terminal(ssh) if in_terminal else run_piped(ssh)
        if not end.is_lost:
            return end.code
        click.echo(f"{PROGRAM}: {visible(_lost(program.workspace, words, end))}", err=True)
        if words or not in_terminal or not click.confirm("Connect again?", default=True, err=True):
            return end.code


def _lost(workspace: RemoteWorkspace, words: Sequence[str], end: SessionEnd) -> str:
    name, address = workspace.host.name, shlex.quote(workspace.address)
    if end.was_drawn:
        again = f"{PROGRAM} --workspace {address}"
        return f"the connection to {name} broke; jobs there continue. To look again: {again}"
    if not words:
        return f"no connection to {name}: ssh says why above. By hand: `{workspace.host.ssh_command}`"
    return (
        f"no connection to {name}, or it broke before the command ended: ssh says why above. Jobs there "
        f"continue; `{PROGRAM} --workspace {address} status` shows what has been done"
    )


def _exit_code(program: RemoteProgram, code: int) -> int:
    """The exit code of a command that ended. Raises `CommandError` if the program does not run there."""
    if code == NO_PROGRAM:
        raise CommandError(
            f"`{program.command}` does not run on {program.workspace.host.name}: install it there as on this "
            f"machine, or name its command, as in --remote-command '~/venv/bin/{PROGRAM}'"
        )
    return code


def _examine(program: RemoteProgram, words: Sequence[str]) -> NoReturn:
    """Run the doctor there after checks of the connection."""
    from tui.cli.output import json
    from tui.cli.output.tables import make_console
    from tui.cli.output.workspace.doctor import print_check
    from tui.remote.checks import examine_connection

    as_json = "--json" in words
    checks: list[Check] = []
    for check in examine_connection(program.workspace.host, program.command):
        checks.append(check)
        if not as_json:
            print_check(make_console(), check)
    failed = any(check.outcome == "fail" for check in checks)
    if not as_json:
        sys.exit(1 if failed else _exit_code(program, _run(program, words)))
    code = 1
    if not failed:
        ended = subprocess.run(program.ssh(words, in_terminal=False), stdout=subprocess.PIPE, check=False)
        code = ended.returncode
        if ended.stdout:
            checks += msgspec.json.decode(ended.stdout, type=list[Check])
    json.write(checks)
    sys.exit(code)
