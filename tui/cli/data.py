"""The commands about data: import, statistics, fetching, recipes, export."""

from __future__ import annotations

from pathlib import Path

import click

from core.api import DATA_SOURCE, DATA_TERMS, DATA_URL, create_workspace
from tui.cli.options import (
    confirm,
    json_option,
    workspace_of,
    yes_option,
)
from tui.cli.output import json
from tui.format.text import visible


@click.command("import")
@click.argument("file", metavar="CSV", type=click.Path(path_type=Path, readable=False))
@yes_option
@json_option
@click.pass_context
def import_(ctx: click.Context, file: Path, yes: bool, as_json: bool) -> None:
    """Check a CSV of rated dialogues and take it in.

    A file that differs from the imported data replaces it, once you have seen what that changes.
    """
    from tui.cli.output import printing

    workspace = workspace_of(ctx)
    commands = workspace.commands
    plan = commands.plan_import(file)
    to = printing.console(stderr=as_json)
    if plan.changes:
        printing.changes(to, plan)
        if not yes:
            confirm("Replace the imported data?", "nothing was imported")
    if not plan.changes_nothing:
        commands.wait(commands.apply_import(plan), timeout_s=300)
    if not workspace.paths.config.exists():
        create_workspace(workspace.paths.root)
        click.echo(visible(f"Made {workspace.paths.config}, for you to edit."), err=as_json)
    counts = workspace.pipeline.snapshot().dialogues
    if as_json:
        json.write(json.imported(plan, counts, changed=not plan.changes_nothing))
    elif plan.changes_nothing:
        click.echo(visible(f"Nothing changed: {file} is what was imported before."))
    else:
        printing.imported(to, plan, counts)
        click.echo("Next: `empathy-tui run` does all that config.toml asks for.")


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def data(ctx: click.Context, as_json: bool) -> None:
    """Show the imported data in figures, or fetch the public data set."""
    if ctx.invoked_subcommand is not None:
        return
    from tui.cli.output import printing

    workspace = workspace_of(ctx)
    facts, counts, figures = (
        workspace.data.facts(),
        workspace.pipeline.snapshot().dialogues,
        workspace.data.statistics(),
    )
    if as_json:
        json.write(json.data(facts, counts, figures))
    else:
        printing.data(printing.console(), facts, counts, figures)


@data.command()
@yes_option
@click.option("--url", default=DATA_URL, show_default=True, help="A place that has the very same file.")
@click.pass_context
def fetch(ctx: click.Context, yes: bool, url: str) -> None:
    """Download the public data set to dataset.csv in the workspace."""
    from tui.cli.output.progress import downloading

    workspace = workspace_of(ctx)
    click.echo(f"Source: {DATA_SOURCE}\nTerms:  {DATA_TERMS}", err=True)
    there = workspace.paths.root / "dataset.csv"
    if there.exists() and not yes:
        confirm(f"Replace {there}?", f"{there} is there already, and was left as it is")
    with downloading() as progress:
        path = workspace.commands.fetch_data(progress, url)
    click.echo(visible(f"Fetched {path}."))
    click.echo(visible(f"Next: `empathy-tui import {path}`"))


@click.command()
@json_option
@click.pass_context
def recipes(ctx: click.Context, as_json: bool) -> None:
    """List the recipes that the data allows, and what each yields."""
    workspace = workspace_of(ctx)
    found = workspace.data.recipes()
    if as_json:
        json.write([json.recipe(recipe) for recipe in found])
        return
    from tui.cli.output import printing

    printing.recipes(printing.console(), found)


@click.group()
def export() -> None:
    """Write examples for other programs."""


@export.command("llama-factory")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@click.option("--recipe", "names", metavar="NAME", multiple=True, help="Only this one; may be repeated.")
@json_option
@click.pass_context
def llama_factory(ctx: click.Context, folder: Path, names: tuple[str, ...], as_json: bool) -> None:
    """Write SFT examples and preference pairs as LLaMA-Factory loads them.

    All recipes, unless some are named. DIR gets a dataset_info.json that registers the files.
    """
    written = workspace_of(ctx).commands.export_llama_factory(folder, names)
    if as_json:
        json.write({"files": [str(path) for path in written]})
        return
    for path in written:
        click.echo(visible(str(path)))
