"""The commands about data: import, statistics, download."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.api import DATA_SOURCE, DATA_TERMS, DATA_URL, Workspace, create_workspace
from tui.cli.groups import CommandGroup
from tui.cli.options import confirm, examples, json_option, workspace_of, yes_option
from tui.cli.output import json
from tui.cli.output.data import data_json
from tui.format.data import imports
from tui.format.text import visible

if TYPE_CHECKING:
    from rich.console import Console

    from core.api import ImportPlan


@click.command(
    "import",
    epilog=examples(
        "import dataset.csv",
        "import --dry-run train.jsonl.gz",
        "import 'hf:OWNER/NAME?split=train'",
        "import --map situation=context --map response_human=reply chats.parquet",
    ),
)
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, readable=False))
@click.option(
    "columns",
    "--map",
    metavar="FIELD=COLUMN",
    multiple=True,
    help="The column of a field; repeatable. No COLUMN after = means that the data lacks the field.",
)
@click.option("--encoding", metavar="NAME", help="Encoding of a text file; by default it is detected.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported, and import nothing.")
@click.option("--strict", is_flag=True, help="Refuse a file with suspicious texts or incomplete responses.")
@yes_option
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path | None,
    columns: tuple[str, ...],
    encoding: str | None,
    dry_run: bool,
    strict: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Check a file of dialogues and import it.

    FILE is a CSV with any delimiter, JSON Lines, JSON or Parquet, also compressed (gzip, bzip2, xz, zstd, or
    a ZIP archive of one file), with a row for each dialogue, each conversation or each turn. Columns with
    other names than the known ones are guessed; the guess is shown first. hf:OWNER/NAME is a data set on the
    Hugging Face Hub, optionally with ?config=…&split=…&revision=….

    FIELD is dialog_id, emotion, sentiment, plutchik, situation, utterance, response_SOURCE or rating_SOURCE;
    messages for a list of chat messages; and for a row of each turn conversation, turn, speaker and text.
    [data] in config.toml has the same settings. Without FILE, the data sets that [data_sets.NAME] in
    config.toml defines are imported together.

    A response without a text or a valid rating is left out. Texts that a person probably did not write,
    such as nan, #NAME? or <|im_end|>, are imported. Both are counted and shown.

    A file that differs from the imported data replaces it, after you have confirmed the changes.
    """
    from tui.cli.output.data.data import print_file, print_imported
    from tui.cli.output.progress import reading
    from tui.cli.output.tables import make_console

    # It raises for an invalid config.toml itself; one that does not fit the data so far is no fault of it.
    workspace = workspace_of(ctx, checked=False)
    commands, paths = workspace.commands, workspace.paths
    with reading() as progress:
        plan = commands.plan_import(
            file, columns=columns, encoding=encoding, strict=strict, progress=progress
        )
    console = make_console(stderr=as_json)
    if dry_run:
        _print_plan(console, plan, as_json=as_json)
        return
    _confirm_plan(console, plan, yes=yes)
    if not plan.changes_nothing:
        commands.wait(commands.apply_import(plan), timeout_s=300)
    if not paths.config.exists():
        create_workspace(paths)
        click.echo(visible(f"Created {paths.config}, for you to edit."), err=as_json)
    counts = imports.counted(plan.table.dialogues)
    if as_json:
        json.write(data_json.imported(plan, counts))
    elif plan.changes_nothing:
        click.echo(visible(f"Nothing changed: {plan.file} was imported before."))
        print_file(console, plan)
    else:
        print_imported(console, plan, counts)
        _print_next(workspace)


def _print_plan(console: Console, plan: ImportPlan, *, as_json: bool) -> None:
    """What an import would do."""
    from tui.cli.output.data.data import print_changes, print_preview

    if as_json:
        json.write(data_json.imported(plan, imports.counted(plan.table.dialogues)))
        return
    print_preview(console, plan)
    if plan.changes:
        print_changes(console, plan)
    click.echo("Nothing was imported.")


def _confirm_plan(console: Console, plan: ImportPlan, *, yes: bool) -> None:
    """Have guessed columns and changes of the imported data confirmed; ends the command if they are not."""
    from tui.cli.output.data.data import print_changes, print_preview

    if plan.table.is_guessed and not plan.changes_nothing and not yes:
        print_preview(console, plan)
        confirm("Import it with these columns?", "nothing was imported: name the columns with --map")
    if plan.changes:
        print_changes(console, plan)
        if not yes:
            confirm("Replace the imported data?", "nothing was imported")


def _print_next(workspace: Workspace) -> None:
    """What to do after an import: run, or fix config.toml first."""
    workspace.pipeline.snapshot()
    if workspace.config_problem is None:
        click.echo("Next: `empathy-tui run` starts every job that config.toml defines.")
        return
    click.echo("Next: edit config.toml, which does not fit this data yet; then `empathy-tui run`.")
    click.echo(visible(workspace.config_problem, lines=True))


@click.group(cls=CommandGroup, invoke_without_command=True, epilog=examples("data", "data fetch"))
@json_option
@click.pass_context
def data(ctx: click.Context, as_json: bool) -> None:
    """Show statistics of the imported data."""
    if ctx.invoked_subcommand is not None:
        return
    workspace = workspace_of(ctx)
    imported, statistics = workspace.data.imported(), workspace.data.statistics()
    counts = workspace.pipeline.snapshot().dialogues
    if as_json:
        json.write(data_json.data(imported, counts, statistics))
        return
    from tui.cli.output.data.data import print_data
    from tui.cli.output.tables import make_console

    print_data(make_console(), imported, counts, statistics)


@data.command(epilog=examples("data fetch"))
@yes_option
@click.option(
    "--url", metavar="URL", default=DATA_URL, show_default=True, help="Another address of the same file."
)
@click.pass_context
def fetch(ctx: click.Context, yes: bool, url: str) -> None:
    """Download the public data set to dataset.csv in the workspace."""
    from tui.cli.output.progress import transferring

    workspace = workspace_of(ctx)
    click.echo(f"Source: {DATA_SOURCE}\nTerms:  {DATA_TERMS}", err=True)
    target = workspace.paths.root / "dataset.csv"
    if target.exists() and not yes:
        confirm(f"Replace {target}?", f"{target} exists already and was not replaced")
    with transferring() as progress:
        path = workspace.commands.fetch_data(progress, url)
    click.echo(visible(f"Downloaded {path}."))
    click.echo(visible(f"Next: `empathy-tui import {shlex.quote(str(path))}`"))
