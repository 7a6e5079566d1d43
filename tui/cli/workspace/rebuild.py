"""The command that makes state.db again."""

from __future__ import annotations

import click

from tui.cli.options import confirm, examples, json_option, workspace_of, yes_option
from tui.cli.output import json
from tui.format.text import visible


@click.command(epilog=examples("rebuild", "--workspace study rebuild --yes"))
@yes_option
@json_option
@click.pass_context
def rebuild(ctx: click.Context, yes: bool, as_json: bool) -> None:
    """Rebuild state.db from the records of the jobs in artifacts/.

    For a state.db that is lost, damaged or empty. Finished jobs are finished afterwards, and nothing is
    trained or paid again. Jobs that were requested are requested still. The old file is kept.
    """
    workspace = workspace_of(ctx)
    workspace.paths.check_writable()
    if workspace.paths.state.exists() and not yes:
        confirm(f"Set {workspace.paths.state} aside, and rebuild it?", "nothing was changed")
    made = workspace.commands.rebuild()
    if as_json:
        json.write(made)
        return
    click.echo(
        f"state.db was rebuilt: {made.jobs} jobs, {made.requested} that had not begun, "
        f"{made.attempts} attempts, {made.records:,} records, {made.votes} votes, {made.dialogues} dialogues"
    )
    for problem in made.problems:
        click.echo(visible(f"  {problem}"))
    if made.set_aside is not None:
        click.echo(visible(f"The old file is {made.set_aside}."))
    click.echo("Next: the app, or `empathy-tui run`, continues.")
