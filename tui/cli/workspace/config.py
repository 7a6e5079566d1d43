"""The commands about config.toml: its settings, changes of it, and what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.api import UserError, Workspace
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json

if TYPE_CHECKING:
    # Importing it takes time, which the program's help must not.
    from core.api import ConfigChange

dry_run_option = click.option("--dry-run", is_flag=True, help="Show the effect of the change; write nothing.")


@click.group(
    cls=CommandGroup,
    epilog=examples("config show epochs", "config set sft.num_train_epochs 2", "config diff"),
)
def config() -> None:
    """Show or change the settings of config.toml, and show the effect of a change."""


@config.command(epilog=examples("config show", "config show epochs", "config show recipes.train --json"))
@click.argument("words", metavar="[WORD]...", nargs=-1)
@click.option("--set", "only_set", is_flag=True, help="Only those that the file sets.")
@json_option
@click.pass_context
def show(ctx: click.Context, words: tuple[str, ...], only_set: bool, as_json: bool) -> None:
    """List settings with their value and default, and which the file sets.

    With a WORD, only those that contain it in their name or description. If that is one, its description is
    shown too.
    """
    wanted = [word.casefold() for word in words]
    found = [
        one
        for one in workspace_of(ctx).configuration.settings()
        if all(word in f"{one.key} {one.meaning}".casefold() for word in wanted)
        and (one.is_set or not only_set)
    ]
    exact = [one for one in found if list(words) == [one.key]]
    found = exact or found
    if not found:
        raise CommandError(f"no setting contains {' '.join(words)}: `empathy-tui config show` lists them all")
    if as_json:
        json.write(found)
        return
    from tui.cli.output.tables import make_console
    from tui.cli.output.workspace.config import print_settings

    print_settings(make_console(), found)


@config.command(
    "set",
    epilog=examples(
        "config set sft.num_train_epochs 2",
        "config set recipes.train direct/chatgpt,direct/llama --dry-run",
        "config set teachers.gpt-4o.provider openai teachers.gpt-4o.model gpt-4o",
    ),
    context_settings={"ignore_unknown_options": True},
)
@click.argument("pairs", metavar="KEY VALUE [KEY VALUE]...", nargs=-1, required=True)
@dry_run_option
@json_option
@click.pass_context
def set_(ctx: click.Context, pairs: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Set options of config.toml; its comments and order are kept.

    VALUE is as in TOML, a string without quotes, or the items of a list with commas between them. Nothing is
    written unless the result is valid. The effect of the change is shown; no job is started.
    """
    if len(pairs) % 2:
        raise click.UsageError(f"each KEY needs a VALUE; {pairs[-1]} has none")
    changes: dict[str, str | None] = dict(zip(pairs[::2], pairs[1::2], strict=True))
    _change(ctx, changes, dry_run=dry_run, as_json=as_json)


@config.command(epilog=examples("config unset sft.num_train_epochs"))
@click.argument("keys", metavar="KEY...", nargs=-1, required=True)
@dry_run_option
@json_option
@click.pass_context
def unset(ctx: click.Context, keys: tuple[str, ...], dry_run: bool, as_json: bool) -> None:
    """Remove options from config.toml, so that their defaults apply."""
    _change(ctx, dict.fromkeys(keys), dry_run=dry_run, as_json=as_json)


@config.command(epilog=examples("config diff", "config diff other/config.toml"))
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@json_option
@click.pass_context
def diff(ctx: click.Context, file: Path | None, as_json: bool) -> None:
    """Show what differs since jobs were last started, and the effect.

    With FILE, show the effect of using that file in place of config.toml.
    """
    workspace = workspace_of(ctx)
    reader = workspace.configuration
    text = reader.text()
    if file is None:
        before = reader.started()
        if before is None:
            raise CommandError(
                "there is no record of what config.toml had when jobs were last started: `empathy-tui run` "
                "makes one"
            )
        found = _meaning(workspace, before, text)
    else:
        found = _meaning(workspace, text, _read(file))
    _print(found, as_json=as_json, saved=None)


def _change(ctx: click.Context, changes: dict[str, str | None], *, dry_run: bool, as_json: bool) -> None:
    workspace = workspace_of(ctx)
    if not dry_run:
        # Before anything is computed that could not be saved.
        workspace.paths.check_writable()
    before = workspace.configuration.text()
    after = workspace.configuration.edited(before, changes)
    found = _meaning(workspace, before, after)
    saves = not dry_run and after != before
    if saves:
        workspace.commands.save_config(before, after)
        workspace.pipeline.snapshot()
    _print(found, as_json=as_json, saved=saves)


def _meaning(workspace: Workspace, before: str, after: str) -> ConfigChange:
    return workspace.configuration.change(before, after)


def _read(file: Path) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error


def _print(found: ConfigChange, *, as_json: bool, saved: bool | None) -> None:
    """Print a change that was saved, or was not; None if there was nothing to save."""
    from tui.cli.output.tables import make_console
    from tui.cli.output.workspace.config import print_change, report

    if as_json:
        json.write(report(found, saved=bool(saved)))
        return
    print_change(make_console(), found)
    if saved is False:
        click.echo("Nothing was written.")
    elif saved and found.to_run:
        click.echo("Saved. Nothing has started: `empathy-tui run` does.")
