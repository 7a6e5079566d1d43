"""The command `empathy-tui`: the app without a command, and the same work without the app.

Exit codes: 0 what was asked was done, 1 it was not, 2 the command was not understood, 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import io
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn

import click

from core.api import Reader, UserError, Workspace, create_workspace, examine, is_sample
from tui import cli_data, cli_work, shapes
from tui.cli_options import Refused, json_option, workspace_of
from tui.text import visible


class _Program(click.Group):
    """Turns the errors that a person can act on into one message and an exit code."""

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
@click.pass_context
def main(ctx: click.Context, workspace: Path | None) -> None:
    """Distil empathy from large language models into small ones, live in a terminal.

    Without a command the app opens. Work goes on in the background, whatever becomes of the app.
    """
    ctx.obj = workspace
    if ctx.invoked_subcommand is not None:
        return
    if _in_terminal():
        _open_app(workspace_of(ctx))
    click.echo("There is no terminal, and so no app; this is the status.", err=True)
    ctx.invoke(cli_work.status)


def _in_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _open_app(workspace: Workspace) -> NoReturn:
    """Run the app until it is left."""
    from tui.app import EmpathyApp

    app = EmpathyApp(workspace)
    app.run()
    sys.exit(app.return_code or 0)


@main.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--template", default="default", metavar="NAME", help="What config.toml begins with.")
@json_option
@click.pass_context
def init(ctx: click.Context, folder: Path | None, template: str, as_json: bool) -> None:
    """Make a folder a workspace, with a config.toml to edit."""
    made = create_workspace(folder or ctx.obj or Path.cwd(), template)
    if as_json:
        shapes.write({"workspace": str(made.root), "config": str(made.config), "template": template})
        return
    click.echo(visible(f"Made {made.config}."))
    click.echo("Next: `empathy-tui import CSV` (or `empathy-tui data fetch`), then `empathy-tui run`.")


@main.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--headless", is_flag=True, help="Print progress instead of opening the app.")
@click.pass_context
def demo(ctx: click.Context, folder: Path | None, headless: bool) -> None:
    """Show the whole road on a bundled sample, in minutes: no key, no GPU, no network.

    Makes a workspace in DIR (the folder demo by default), or goes on with the one that is there.
    """
    from tui import demo as show
    from tui import printing

    begun = time.monotonic()
    workspace = show.prepare(folder or ctx.obj or Path("demo"))
    jobs = cli_work.start(workspace)["jobs"]
    if not headless and _in_terminal():
        _open_app(workspace)
    console = printing.console()
    printing.demo(console, workspace.root)
    try:
        cli_work.wait_for(ctx, workspace, jobs)
    finally:
        # What there is of it, also when something failed.
        with closing(Reader(workspace)) as reader:
            rates, facts = reader.win_rates(), reader.data()
        console.print()
        printing.win_rates(console, rates, sample=is_sample(facts))
    printing.demo_ended(console, workspace.root, time.monotonic() - begun)


@main.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look whether this machine and the workspace are fit for work, and say what to do about it."""
    checks = []
    if as_json:
        checks = list(examine(workspace_of(ctx)))
        shapes.write([shapes.check(check) for check in checks])
    else:
        from tui import printing

        console = printing.console()
        for check in examine(workspace_of(ctx)):
            checks.append(check)
            printing.check(console, check)
    failed = sum(check.outcome == "fail" for check in checks)
    if failed:
        raise Refused(f"{failed} of {len(checks)} checks failed")


for command in (
    cli_data.import_,
    cli_data.data,
    cli_data.recipes,
    cli_data.export,
    cli_work.run,
    cli_work.status,
    cli_work.cancel,
    cli_work.retry,
    cli_work.pause,
    cli_work.resume,
    cli_work.winrates,
    cli_work.pairs,
    cli_work.logs,
):
    main.add_command(command)
