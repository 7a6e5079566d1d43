"""The commands about prompts: which there are, and what one says for a dialogue."""

from __future__ import annotations

import click

from core.api import Dialogue, UserError, prompt_conversation, prompt_improves, stray_prompts
from core.api import prompts as all_prompts
from tui.cli.options import Refused, json_option, workspace_of
from tui.cli.output import json
from tui.format.text import visible


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def prompts(ctx: click.Context, as_json: bool) -> None:
    """List the prompt templates; a file of the same name in the workspace's prompts/ overrides one.

    The exit code is 1 when one of them cannot be used.
    """
    if ctx.invoked_subcommand is not None:
        return
    folder = workspace_of(ctx).paths.prompts
    found, strays = all_prompts(folder), stray_prompts(folder)
    if as_json:
        json.write({"prompts": [json.prompt(one) for one in found], "strays": [str(path) for path in strays]})
    else:
        from tui.cli.output import printing

        printing.prompts(printing.console(), found)
        for path in strays:
            click.echo(
                visible(f"{path} overrides nothing: no prompt is read from a file of that name."), err=True
            )
    broken = [one.name for one in found if one.error is not None]
    if broken:
        raise Refused(f"{len(broken)} of {len(found)} prompts cannot be used: {', '.join(broken)}")


@prompts.command()
@click.argument("name")
@click.option("--dialogue", "dialog_id", metavar="ID", help="Fill the fields from this dialogue.")
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, dialog_id: str | None, as_json: bool) -> None:
    """Show one template, or the conversation that it makes of a dialogue.

    The human response stands for the one to improve; a teacher's earlier answers are placeholders.
    """
    workspace = workspace_of(ctx)
    dialogue: Dialogue | None = None
    if dialog_id is not None:
        dialogue = next((d for d in workspace.data.dialogues() if d.dialog_id == dialog_id), None)
        if dialogue is None:
            raise UserError(f"the imported data has no dialogue {dialog_id!r}")
    turns = prompt_conversation(name, workspace.paths.prompts, dialogue)
    if as_json:
        json.write([{"role": role, "content": text} for role, text in turns])
        return
    if dialogue is not None and prompt_improves(name):
        # Beside the prompt, not in it: what goes to stdout is what a model is sent.
        click.echo(
            "The human response is the one to improve here; improve-llm improves the teacher's own.", err=True
        )
    for place, (role, text) in enumerate(turns):
        if len(turns) > 1:
            click.echo(f"{'' if place == 0 else chr(10)}── {role}")
        click.echo(visible(text, lines=True))
