"""What the commands share: options, the workspace, questions, and errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import IO, Any, NamedTuple, TextIO

import click

from core.api import Workspace, open_workspace
from tui.format.text import visible
from tui.remote.this_host import this_host

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
#: Where a context keeps the workspace that its command has opened.
_OPENED = "tui.cli.workspace"

yes_option = click.option("--yes", is_flag=True, help="Answer every question with yes.")


def examples(*commands: str) -> str:
    """The end of a command's help: how to call it, without the program's name."""
    title = "Example:" if len(commands) == 1 else "Examples:"
    return "\n".join(("\b", title, *(f"  empathy-tui {command}" for command in commands)))


class CommandError(click.ClickException):
    """The command was not carried out: the message goes to stderr, the exit code is 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        host = this_host()
        place = "" if host is None else f" on {host.name}"
        click.echo(f"empathy-tui{place}: {visible(self.message, lines=True)}", file=file, err=file is None)


class GlobalOptions(NamedTuple):
    """The options before the command."""

    workspace: Path | None
    """The workspace's folder; None for the current one."""
    read_only: bool
    """Whether nothing in the workspace may change."""


def global_options(ctx: click.Context) -> GlobalOptions:
    options = ctx.obj
    assert isinstance(options, GlobalOptions)
    return options


def workspace_of(ctx: click.Context, *, checked: bool = True) -> Workspace:
    """Open the workspace of the global options; it closes with `ctx`.

    If `checked`, the command fails in the end if config.toml, or what it plans with the data, is invalid.
    """
    options = global_options(ctx)
    opened = ctx.with_resource(open_workspace(options.workspace, read_only=options.read_only))
    if checked:
        ctx.meta[_OPENED] = opened
    return opened


def check_config(ctx: click.Context) -> None:
    """Raise `CommandError` if the command has read config.toml, and it is invalid.

    What a command can do without it, it has done by then.
    """
    opened = ctx.meta.get(_OPENED)
    problem = None if opened is None else opened.config_problem
    if problem is not None:
        raise CommandError(problem)


def with_config_problem(ctx: click.Context, message: str) -> str:
    """An error's message, followed by what is wrong with config.toml if that may be its cause."""
    opened = ctx.meta.get(_OPENED)
    problem = None if opened is None else opened.config_problem
    return message if problem is None or problem in message else f"{message}\n{problem}"


def new_workspace_folder(ctx: click.Context, folder: Path | None, default: Path) -> Path:
    """Where to create a workspace: the command's argument, else the global option, else `default`.

    Raises `CommandError` with --read-only.
    """
    options = global_options(ctx)
    if options.read_only:
        raise CommandError("this command creates a workspace, which needs --write instead of --read-only")
    return folder or options.workspace or default


def confirm(question: str, refusal: str) -> None:
    """Ask a yes/no question. Raises `CommandError` with `refusal` for a no, and without a terminal."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stderr)):
        raise CommandError(f"{refusal}: there is no terminal to ask in; confirm with --yes")
    if not click.confirm(visible(question), err=True):
        raise CommandError(refusal)


def in_terminal() -> bool:
    """Whether the app can be drawn here: neither a pipe nor a terminal that only prints."""
    drawable = os.environ.get("TERM", "") not in ("", "dumb")
    return drawable and is_terminal(sys.stdin) and is_terminal(sys.stdout)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a standard stream, None if it was closed before the start, is a terminal."""
    return stream is not None and stream.isatty()
