"""The commands about judges: what is known of each, and holding one against people."""

from __future__ import annotations

from dataclasses import asdict

import click

from tui.cli.options import json_option, workspace_of
from tui.cli.output import json
from tui.format.text import visible


@click.group()
def judge() -> None:
    """Hold judges against people."""


@judge.command()
@click.argument("name", metavar="JUDGE")
@click.option(
    "--pairs",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="How many pairs it is asked about.",
)
@click.option("--wait", is_flag=True, help="Draw the progress until it has answered.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked and cost; start nothing.")
@json_option
@click.pass_context
def calibrate(ctx: click.Context, name: str, pairs: int, wait: bool, dry_run: bool, as_json: bool) -> None:
    """Ask JUDGE about pairs of responses of which people rated one higher.

    Each pair is of another train dialogue, always the same ones for the same data. The share in which the
    judge agrees with the ratings stands beside its win rates from then on.
    """
    from tui.cli.work import tell_costs, wait_for

    if wait and dry_run:
        raise click.UsageError("--wait and --dry-run exclude each other")
    workspace = workspace_of(ctx)
    if dry_run:
        tell_costs(workspace, (f"calibrate:{name}",), {name: pairs}, as_json=as_json)
        return
    commands = workspace.commands
    asked = commands.wait(commands.validate_judge(name, pairs)).result or {}
    if wait:
        wait_for(ctx, workspace, asked["jobs"], asked["done"], as_json=as_json)
    (job,) = workspace.pipeline.jobs(asked["jobs"])
    said = job.result or {}
    if as_json:
        if not wait:
            json.write({"job": asdict(job)})
        return
    if job.state != "done":
        click.echo("It is asked in the background: `empathy-tui status`.")
        return
    if said["agreement_pairs"] < pairs:
        click.echo(f"The data has {said['agreement_pairs']} such dialogues.")
    click.echo(
        f"{visible(name)} agrees with the ratings on {said['agreement']:.1%} of "
        f"{said['agreement_pairs']} pairs ({said['agreement_low']:.1%} to {said['agreement_high']:.1%})."
    )
