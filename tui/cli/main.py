"""The command `empathy-tui`: the app, and a command for all that it does.

Exit codes: 0 for success, 1 for failure, 2 for wrong usage, 130 for Ctrl+C, 255 for a
workspace on another machine that cannot be reached.
"""

from __future__ import annotations

import io
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from core.api import UserError, trouble_in_words, visible
from tui.app.launch import open_app
from tui.cli.groups import COMPLETION, CommandGroup, print_versions, with_leading_option
from tui.cli.options import (
    CommandError,
    GlobalOptions,
    check_config,
    examples,
    in_terminal,
    with_config_problem,
    workspace_of,
)
from tui.cli.workspace_address import WorkspaceAddress
from tui.remote.this_host import this_host
from tui.runtime.hangup import end_with_reader

if TYPE_CHECKING:
    from tui.remote.address import RemoteWorkspace

#: Command → its module, and its name there. A module is imported when its command is called.
_COMMANDS = {
    "demo": ("tui.cli.workspace.setup", "demo"),
    "init": ("tui.cli.workspace.setup", "init"),
    "import": ("tui.cli.data.data", "import_"),
    "data": ("tui.cli.data.data", "data"),
    "config": ("tui.cli.workspace.config", "config"),
    "recipes": ("tui.cli.data.recipes", "recipes"),
    "prompts": ("tui.cli.data.prompts", "prompts"),
    "run": ("tui.cli.pipeline.run", "run"),
    "status": ("tui.cli.pipeline.jobs", "status"),
    "cancel": ("tui.cli.pipeline.jobs", "cancel"),
    "retry": ("tui.cli.pipeline.jobs", "retry"),
    "pause": ("tui.cli.pipeline.jobs", "pause"),
    "resume": ("tui.cli.pipeline.jobs", "resume"),
    "batches": ("tui.cli.pipeline.batches", "batches"),
    "judge": ("tui.cli.evaluation.judge", "judge"),
    "runs": ("tui.cli.pipeline.runs", "runs"),
    "winrates": ("tui.cli.evaluation.win_rates", "winrates"),
    "report": ("tui.cli.evaluation.report", "report"),
    "pairs": ("tui.cli.evaluation.pairs", "pairs"),
    "vote": ("tui.cli.evaluation.vote", "vote"),
    "chat": ("tui.cli.chat", "chat"),
    "logs": ("tui.cli.pipeline.logs", "logs"),
    "export": ("tui.cli.data.recipes", "export"),
    "publish": ("tui.cli.data.publish", "publish"),
    "keys": ("tui.cli.workspace.keys", "keys"),
    "serve": ("tui.cli.serve", "serve"),
    "serve-model": ("tui.cli.serve_model", "serve_model"),
    "rebuild": ("tui.cli.workspace.rebuild", "rebuild"),
    "doctor": ("tui.cli.workspace.doctor", "doctor"),
}

#: Where a context keeps the command and its arguments as they were written.
_WORDS = "tui.cli.words"


class _Program(CommandGroup):
    """Imports a command when it is called, and prints an error that users can act on as one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, name = _COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), name)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, with_leading_option(args, "--workspace"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        ctx.meta[_WORDS] = list(args)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A character that the terminal lacks is replaced; it does not stop the program.
                stream.reconfigure(errors="replace")
        try:
            result = super().invoke(ctx)
            check_config(ctx)
            return result
        except UserError as error:
            meant = self._with_workspace_meant(ctx, str(error))
            raise CommandError(with_config_problem(ctx, meant)) from error
        except click.UsageError as error:
            # What was typed may have been pasted, or come from a script.
            meant = visible(self._with_workspace_meant(ctx, error.format_message()), lines=True)
            raise click.UsageError(meant, ctx=error.ctx) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            words = trouble_in_words(error)
            if words is None:
                raise
            raise CommandError(words) from error
        except KeyboardInterrupt:
            click.echo("\nstopped", err=True)
            ctx.exit(130)

    def _with_workspace_meant(self, ctx: click.Context, message: str) -> str:
        """A message, with the option that was meant if a word is a workspace's folder, out of place."""
        words: list[str] = ctx.meta.get(_WORDS, [])
        found = [word for word in words if f"({word})" in message or f"'{word}'" in message]
        command = self.get_command(ctx, ctx.invoked_subcommand or "")
        arguments = (
            [] if command is None else [one for one in command.params if isinstance(one, click.Argument)]
        )
        if not any(isinstance(one.type, click.Path) for one in arguments):
            # No word of the command is a folder that it works on.
            found += words[1:]
        folder = next((word for word in found if (Path(word) / "config.toml").is_file()), None)
        return message if folder is None else f"{message}\nDid you mean --workspace {folder}?"

    def main(self, *args: Any, **extra: Any) -> Any:
        # Help is printed before a command is invoked. A closed pipe, which is no error, is click's to end.
        try:
            return super().main(*args, **extra)
        except OSError as error:
            # Errors of writing, to the output as to a file, name no place.
            place = error.filename or "writing to the output or to a file failed"
            CommandError(trouble_in_words(error) or f"{place}: {error.strerror or error}").show()
            sys.exit(CommandError.exit_code)


@click.group(
    cls=_Program,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=f"{examples('demo', 'status --workspace study', 'status --workspace ssh://gpubox/~/study')}\n\n{COMPLETION}",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=print_versions,
    help="Show the versions of the program and of its main libraries, and exit.",
)
@click.option(
    "--workspace",
    type=WorkspaceAddress(),
    envvar="EMPATHY_WORKSPACE",
    show_envvar=True,
    metavar="DIR",
    help="The workspace's folder, by default the current one; on another machine, ssh://HOST/DIR.",
)
@click.option(
    "--read-only/--write",
    default=None,
    help="Change nothing and start nothing. The default is --write, and --read-only for a workspace on "
    "another machine.",
)
@click.option(
    "--remote-command",
    default="empathy-tui",
    envvar="EMPATHY_REMOTE_COMMAND",
    show_envvar=True,
    show_default=True,
    metavar="COMMAND",
    help="How to start the program on another machine.",
)
@click.pass_context
def main(
    ctx: click.Context,
    workspace: Path | RemoteWorkspace | None,
    read_only: bool | None,
    remote_command: str,
) -> None:
    """Distil empathy from large language models into small ones, live in a terminal.

    Opens the app when no command is given. Jobs run in the background: closing the app does not stop them.
    """
    if workspace is not None and not isinstance(workspace, Path):
        from tui.cli.remote import RemoteProgram, run_there

        program = RemoteProgram(workspace, read_only is not False, remote_command)
        run_there(program, ctx.meta.get(_WORDS, []))
    if this_host() is not None and sys.stdout is not None and not sys.stdout.isatty():
        # ssh ends what it runs in a terminal; this would go on without a reader.
        end_with_reader(sys.stdout.fileno())
    ctx.obj = GlobalOptions(workspace, bool(read_only))
    if ctx.invoked_subcommand is not None:
        return
    if in_terminal():
        open_app(workspace_of(ctx).paths)
    click.echo("There is no terminal to draw the app on; here is the status instead.", err=True)
    status = main.get_command(ctx, "status")
    assert status is not None
    ctx.invoke(status)
