"""The commands about prompts: the templates, and one of them with a dialogue."""

from __future__ import annotations

import click

from core.api import Dialogue, prompt_conversation, prompt_improves, stray_prompts
from core.api import prompts as all_prompts
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
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
    folder = workspace_of(ctx).paths.prompts
    found, strays = all_prompts(folder), stray_prompts(folder)
    if as_json:
        json.write(json.Prompts(prompts=found, strays=strays))
    else:
        from tui.cli.output.prompts import print_prompts
        from tui.cli.output.tables import make_console

        print_prompts(make_console(), found)
        for path in strays:
            click.echo(visible(f"{path} overrides nothing: there is no prompt of that name."), err=True)
    invalid = [one.name for one in found if one.error is not None]
    if invalid:
        raise CommandError(f"{len(invalid)} of {len(found)} prompts are invalid: {', '.join(invalid)}")


@prompts.command(epilog=examples("prompts show naive", "prompts show naive --dialogue 17"))
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
    messages = prompt_conversation(name, workspace.paths.prompts, dialogue)
    if as_json:
        json.write([json.ChatMessage(role=role, content=text) for role, text in messages])
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
