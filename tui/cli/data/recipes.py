"""The commands about recipes: what they yield, and their export."""

from __future__ import annotations

from pathlib import Path

import click

from tui.cli.groups import CommandGroup
from tui.cli.options import examples, json_option, workspace_of
from tui.cli.output import json
from tui.cli.output.places import say_where
from tui.format.text import visible


@click.command(
    epilog=examples("recipes", "recipes --flaws improve-human/naive", "recipes --dropped direct/all_together")
)
@click.option("--flaws", "flawed", metavar="NAME", help="List this recipe's responses with a flaw instead.")
@click.option("--dropped", metavar="NAME", help="List this recipe's pairs that a judge drops instead.")
@json_option
@click.pass_context
def recipes(ctx: click.Context, flawed: str | None, dropped: str | None, as_json: bool) -> None:
    """List the recipes that the data allows, and how many examples each yields.

    The column `flaws` counts the teacher's responses that are refusals, talk about the response, too long,
    unchanged, near copies, in another language or duplicates. recipes.leave_out in config.toml leaves them
    out.

    With recipes.filter_judge, dropped pairs are the preference pairs that the judge does not agree with.
    """
    if flawed is not None and dropped is not None:
        raise click.UsageError("--flaws and --dropped list different things: give one of them")
    if dropped is not None:
        from core.api import DROP_REASONS

        pairs = workspace_of(ctx).data.dropped_pairs(dropped)
        if as_json:
            json.write(pairs)
        for pair in () if as_json else pairs:
            click.echo(visible(f"{pair.dialog_id}  {DROP_REASONS[pair.reason]}"))
            click.echo(visible(f"  chosen: {pair.chosen}"))
            click.echo(visible(f"  rejected: {pair.rejected}"))
        return
    if flawed is not None:
        responses = workspace_of(ctx).data.flawed_responses(flawed)
        if as_json:
            json.write(responses)
        for one in () if as_json else responses:
            state = "left out" if one.left_out else "used"
            click.echo(visible(f"{one.dialog_id}  {one.flaw}, {state}: {one.text}"))
        return
    found = workspace_of(ctx).data.recipes()
    if as_json:
        json.write(found)
        return
    from tui.cli.output.data.data import print_recipes
    from tui.cli.output.tables import make_console

    print_recipes(make_console(), found)


@click.group(cls=CommandGroup, epilog=examples("export llama-factory data"))
def export() -> None:
    """Export training data for other programs."""


@export.command(
    "llama-factory",
    epilog=examples("export llama-factory data", "export llama-factory data --recipe direct/chatgpt"),
)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@click.option("--recipe", "names", metavar="NAME", multiple=True, help="Export this recipe; repeatable.")
@json_option
@click.pass_context
def llama_factory(ctx: click.Context, folder: Path, names: tuple[str, ...], as_json: bool) -> None:
    """Write SFT examples and preference pairs to DIR in LLaMA-Factory's format.

    By default those of all recipes. dataset_info.json in DIR registers the files.
    """
    written = workspace_of(ctx).commands.export_llama_factory(folder, names)
    say_where(folder)
    if as_json:
        json.write(json.Exported(files=written))
        return
    for path in written:
        click.echo(visible(str(path)))
