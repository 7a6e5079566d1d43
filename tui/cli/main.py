"""The command `empathy-tui`: the app without a command, and the same work without the app.

Exit codes: 0 what was asked was done, 1 it was not, 2 the command was not understood, 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from core.api import UserError
from tui.cli.options import (
    Place,
    Refused,
    in_terminal,
    open_app,
    workspace_of,
)

#: Command → the module that has it, and its name there. The app's start waits for none of them.
_COMMANDS = {
    "demo": ("tui.cli.setup", "demo"),
    "init": ("tui.cli.setup", "init"),
    "import": ("tui.cli.data", "import_"),
    "data": ("tui.cli.data", "data"),
    "recipes": ("tui.cli.data", "recipes"),
    "prompts": ("tui.cli.prompts", "prompts"),
    "run": ("tui.cli.work", "run"),
    "status": ("tui.cli.work", "status"),
    "cancel": ("tui.cli.work", "cancel"),
    "retry": ("tui.cli.work", "retry"),
    "pause": ("tui.cli.work", "pause"),
    "resume": ("tui.cli.work", "resume"),
    "batches": ("tui.cli.batches", "batches"),
    "judge": ("tui.cli.judge", "judge"),
    "winrates": ("tui.cli.win_rates", "winrates"),
    "report": ("tui.cli.report", "report"),
    "pairs": ("tui.cli.pairs", "pairs"),
    "vote": ("tui.cli.vote", "vote"),
    "logs": ("tui.cli.work", "logs"),
    "export": ("tui.cli.data", "export"),
    "keys": ("tui.cli.setup", "keys"),
    "serve": ("tui.cli.serve", "serve"),
    "doctor": ("tui.cli.setup", "doctor"),
}


class _Program(click.Group):
    """Loads a command when it is called, and turns errors that a person can act on into one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A terminal that lacks a character shows another; that is no reason to stop.
                stream.reconfigure(errors="replace")
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise Refused(str(error)) from error
        except KeyboardInterrupt:
            click.echo("\nstopped", err=True)
            ctx.exit(130)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            raise Refused(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from error


@click.group(
    cls=_Program, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="empathy-tui", prog_name="empathy-tui")
@click.option(
    "--workspace",
    type=click.Path(path_type=Path, readable=False),
    envvar="EMPATHY_WORKSPACE",
    show_envvar=True,
    metavar="DIR",
    help="The folder with config.toml; the current one by default.",
)
@click.option("--read-only", is_flag=True, help="Watch a workspace: change nothing, start nothing.")
@click.pass_context
def main(ctx: click.Context, workspace: Path | None, read_only: bool) -> None:
    """Distil empathy from large language models into small ones, live in a terminal.

    Without a command the app opens. Work goes on in the background, whatever becomes of the app.
    """
    ctx.obj = Place(workspace, read_only)
    if ctx.invoked_subcommand is not None:
        return
    if in_terminal():
        open_app(workspace_of(ctx).paths)
    click.echo("There is no terminal that the app can be drawn on; this is the status.", err=True)
    status = main.get_command(ctx, "status")
    assert status is not None
    ctx.invoke(status)
