"""Commands that set something up: a workspace, the demo, a look at the machine."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from core.api import create_workspace, examine, is_sample
from tui.cli import work
from tui.cli.options import (
    Refused,
    folder_to_make,
    in_terminal,
    json_option,
    open_app,
    workspace_of,
)
from tui.cli.output import json
from tui.format.text import visible


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--template", default="default", metavar="NAME", help="What config.toml begins with.")
@json_option
@click.pass_context
def init(ctx: click.Context, folder: Path | None, template: str, as_json: bool) -> None:
    """Make a folder a workspace, with a config.toml to edit."""
    made = create_workspace(folder_to_make(ctx, folder, Path.cwd()), template)
    if as_json:
        json.write({"workspace": str(made.root), "config": str(made.config), "template": template})
        return
    click.echo(visible(f"Made {made.config}."))
    click.echo("Next: `empathy-tui import CSV` (or `empathy-tui data fetch`), then `empathy-tui run`.")


@click.command()
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--headless", is_flag=True, help="Print progress instead of opening the app.")
@click.pass_context
def demo(ctx: click.Context, folder: Path | None, headless: bool) -> None:
    """Show the whole road on a bundled sample, in minutes: no key, no GPU, no network.

    Makes a workspace in DIR (the folder demo by default), or goes on with the one that is there.
    """
    from core.api import open_workspace, prepare_demo
    from tui.cli.output import printing

    begun = time.monotonic()
    paths = prepare_demo(folder_to_make(ctx, folder, Path("demo")))
    workspace = ctx.with_resource(open_workspace(paths))
    asked = work.start(workspace)
    if not headless and in_terminal():
        open_app(paths)
    console = printing.console()
    printing.demo(console, paths.root)
    try:
        work.wait_for(ctx, workspace, asked["jobs"], asked["done"])
    finally:
        # What there is of it, also when something failed.
        rates, facts = workspace.evaluation.win_rates(), workspace.data.facts()
        console.print()
        printing.win_rates(console, rates, sample=is_sample(facts))
    printing.demo_ended(console, paths.root, time.monotonic() - begun)


@click.command()
@json_option
def keys(as_json: bool) -> None:
    """List the app's keys with their ids, by which config.toml's [app.keys] gives them others."""
    from tui.app.keymap import key_lines

    lines = key_lines()
    if as_json:
        json.write([asdict(line) for line in lines])
        return
    from tui.cli.output import printing

    printing.keys(printing.console(), lines)


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Look whether this machine and the workspace are fit for work, and say what to do about it."""
    checks = []
    if as_json:
        checks = list(examine(workspace_of(ctx).paths))
        json.write([json.check(check) for check in checks])
    else:
        from tui.cli.output import printing

        console = printing.console()
        for check in examine(workspace_of(ctx).paths):
            checks.append(check)
            printing.check(console, check)
    failed = sum(check.outcome == "fail" for check in checks)
    if failed:
        raise Refused(f"{failed} of {len(checks)} checks failed")
