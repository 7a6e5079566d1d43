"""The commands about prompts: the templates, and one of them with a dialogue."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from core.api import Dialogue, Prompt, prompt_differences, prompt_improves, stray_prompts
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
from tui.cli.output.data import data_json
from tui.format.text import visible


@click.group(cls=CommandGroup, invoke_without_command=True, epilog=examples("prompts", "prompts show naive"))
@json_option
@click.pass_context
def prompts(ctx: click.Context, as_json: bool) -> None:
    """List the prompt templates. A file of the same name in the workspace's prompts/ overrides one.

    The exit code is 1 when a template is invalid.
    """
    if ctx.invoked_subcommand is not None:
        return
    workspace = workspace_of(ctx)
    found, strays = workspace.data.prompts(), stray_prompts(workspace.paths.prompts)
    if as_json:
        json.write(data_json.Prompts(prompts=found, strays=strays))
    else:
        from tui.cli.output.data.prompts import print_prompts
        from tui.cli.output.tables import make_console

        print_prompts(make_console(), found)
        _print_strays(strays)
    _refuse_invalid(found)


@prompts.command(epilog=examples("prompts new polite", "prompts new polite --method improve-llm"))
@click.argument("name")
@click.option(
    "--method",
    "methods",
    type=click.Choice(("improve-human", "improve-llm")),
    multiple=True,
    help="Make a recipe of this method; repeatable. By default both.",
)
@click.pass_context
def new(ctx: click.Context, name: str, methods: tuple[str, ...]) -> None:
    """Create the prompt file of a strategy of your own, prompts/strategies/NAME.txt.

    It makes the recipes improve-human/NAME and improve-llm/NAME. Edit its prompt, then see `prompts check`.
    """
    path = workspace_of(ctx).commands.new_strategy(name, methods or ("improve-human", "improve-llm"))
    click.echo(visible(str(path)))


@prompts.command(epilog=examples("prompts check"))
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Check all prompt files of the workspace, each error with its file and line.

    The exit code is 1 when one is invalid.
    """
    workspace = workspace_of(ctx)
    found = [prompt for prompt in workspace.data.prompts() if prompt.overridden]
    strays = stray_prompts(workspace.paths.prompts)
    if as_json:
        json.write(data_json.Prompts(prompts=found, strays=strays))
        _refuse_invalid(found)
        return
    for prompt in found:
        click.echo(visible(f"{prompt.path}: ok" if prompt.error is None else prompt.error, lines=True))
    _print_strays(strays)
    if not found:
        click.echo(visible(f"{workspace.paths.prompts} has no prompt file: the built-in prompts are used."))
    _refuse_invalid(found)


@prompts.command(epilog=examples("prompts diff", "prompts diff judge polite"))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.pass_context
def diff(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Show what the workspace's prompt files change in the built-in ones, as a unified diff.

    A strategy of your own is compared with what `prompts new` writes.
    """
    workspace = workspace_of(ctx)
    # An invalid config.toml fails this command as it fails the others.
    workspace.data.config()
    found = prompt_differences(workspace.paths.prompts, names)
    click.echo(visible(found, lines=True) if found else "The built-in prompts are used as they are.")


def _print_strays(strays: Sequence[Path]) -> None:
    for path in strays:
        click.echo(visible(f"{path} overrides nothing: there is no prompt of that name."), err=True)


def _refuse_invalid(found: Sequence[Prompt]) -> None:
    invalid = [one.name for one in found if one.error is not None]
    if invalid:
        raise CommandError(f"{len(invalid)} of {len(found)} prompts are invalid: {', '.join(invalid)}")


@prompts.command(epilog=examples("prompts show naive", "prompts show naive --dialogue sample:017"))
@click.argument("name")
@click.option("--dialogue", "dialog_id", metavar="ID", help="Fill the template with this dialogue.")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, dialog_id: str | None, as_json: bool) -> None:
    """Show a template, or the messages that a model gets for a dialogue.

    The human response is used as the one to improve. Placeholders stand for a teacher's earlier answers.
    """
    workspace = workspace_of(ctx)
    dialogue: Dialogue | None = None
    if dialog_id is not None:
        dialogue = workspace.data.browser.dialogue(dialog_id)
        if dialogue is None:
            raise CommandError(f"the imported data has no dialogue {dialog_id!r}")
    messages = workspace.data.prompt_conversation(name, dialogue)
    if as_json:
        json.write([data_json.ChatMessage(role=role, content=text) for role, text in messages])
        return
    if dialogue is not None and prompt_improves(name):
        # On stderr: stdout is what a model gets.
        click.echo(
            "The human response is the one to improve here; improve-llm improves the teacher's own.", err=True
        )
    for place, (role, text) in enumerate(messages):
        if len(messages) > 1:
            click.echo(f"{'' if place == 0 else chr(10)}── {role}")
        click.echo(visible(text, lines=True))
