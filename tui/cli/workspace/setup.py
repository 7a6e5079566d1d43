"""The commands that create a workspace: init and demo."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import click

from core.api import create_workspace, is_sample, template_names
from tui.app.launch import open_app
from tui.cli.options import examples, in_terminal, json_option, new_workspace_folder
from tui.cli.output import json
from tui.cli.output.data import data_json
from tui.cli.pipeline import run
from tui.format.text import visible
from tui.format.values import duration


@click.command(epilog=examples("init study", "init study --template paper"))
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--template",
    default="default",
    show_default=True,
    metavar="NAME",
    help=f"The config.toml to start from: {', '.join(template_names())}.",
)
@json_option
@click.pass_context
def init(ctx: click.Context, folder: Path | None, template: str, as_json: bool) -> None:
    """Create a workspace: a folder with a config.toml to edit.

    By default in the current folder.
    """
    made = create_workspace(new_workspace_folder(ctx, folder, Path.cwd()), template)
    if as_json:
        json.write(
            data_json.CreatedWorkspace(workspace=str(made.root), config=str(made.config), template=template)
        )
        return
    click.echo(visible(f"Created {made.config}."))
    click.echo("Next: `empathy-tui import FILE` (or `empathy-tui data fetch`), then `empathy-tui run`.")


@click.command(epilog=examples("demo", "demo --headless", "demo second --seed 2"))
@click.argument("folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option("--headless", is_flag=True, help="Print progress instead of opening the app.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Train with this seed; for a new workspace. Win rates of several seeds show how much is chance.",
)
@click.pass_context
def demo(ctx: click.Context, folder: Path | None, headless: bool, seed: int | None) -> None:
    """Run the whole pipeline on a small sample, in minutes: no API key, no GPU.

    Creates a workspace in DIR (by default `demo`), or continues in the one that exists there.
    """
    from core.api import open_workspace, prepare_demo
    from tui.cli.output.evaluation.learned import print_learned
    from tui.cli.output.evaluation.win_rates import SAMPLE_WARNING, print_win_rates
    from tui.cli.output.tables import make_console, print_line

    started = time.monotonic()
    paths = prepare_demo(new_workspace_folder(ctx, folder, Path("demo")), seed)
    workspace = ctx.with_resource(open_workspace(paths))
    started_work = run.start(workspace)
    if not headless and in_terminal():
        open_app(paths)
    console = make_console()
    print_line(console, f"Demo workspace: {paths.root}", "bold")
    print_line(console, SAMPLE_WARNING, "yellow")
    try:
        run.wait_for(ctx, workspace, started_work.jobs, started_work.done)
    finally:
        # Show the results that exist, also after a failure.
        rates, imported = workspace.evaluation.win_rates(), workspace.data.imported()
        console.print()
        with_votes = workspace.evaluation.prediction_powered()
        print_win_rates(console, rates, with_votes, sample=is_sample(imported))
        cards = workspace.evaluation.scorecards()
        print_learned(console, rates, {card.judge for card in cards if card.provider == "embedded"})
    took = duration(time.monotonic() - started)
    print_line(
        console,
        f"All done in {took}. Open it in the app: `empathy-tui --workspace {shlex.quote(str(paths.root))}`",
    )
