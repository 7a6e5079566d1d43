"""The commands about work and its results: run and steer jobs, see states, pairs and logs."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

import click

from core.api import Workspace
from tui.cli.options import Refused, json_option, workspace_of
from tui.cli.output import json
from tui.format.text import visible

#: Seconds that a job has to stop: the supervisor kills it well before.
_STOP_S = 60.0


@click.command()
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--wait", is_flag=True, help="Draw the progress until all of it has ended.")
@click.option("--no-wait", is_flag=True, help="Return once only batches on their way are left to wait for.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked of teachers and cost; start nothing.")
@json_option
@click.pass_context
def run(
    ctx: click.Context, targets: tuple[str, ...], wait: bool, no_wait: bool, dry_run: bool, as_json: bool
) -> None:
    """Start work in the background: all that config.toml asks for, or the targets.

    A TARGET is a job's id, a stage (teach, recipe, sft, sft-dpo, respond, judge, compare) or a
    name; everything that it needs is started with it. What is done is not done again.
    """
    if wait + no_wait + dry_run > 1:
        raise click.UsageError("--wait, --no-wait and --dry-run exclude each other")
    workspace = workspace_of(ctx)
    if dry_run:
        tell_costs(workspace, targets, as_json=as_json)
        return
    asked = start(workspace, targets)
    jobs, new, done = asked["jobs"], asked["new"], asked["done"]
    if not as_json:
        click.echo(f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}: {new} new, {len(done)} done before")
    if wait:
        wait_for(ctx, workspace, jobs, done, as_json=as_json)
        return
    if no_wait:
        _wait_for_batches(ctx, workspace, jobs, as_json=as_json)
        return
    paused = workspace.pipeline.snapshot().paused
    if as_json:
        json.write({"jobs": jobs, "new": new, "done": len(done), "paused": paused})
    elif paused:
        click.echo("Paused: no job starts until `empathy-tui resume`.")
    elif len(done) < len(jobs):
        click.echo("The work goes on in the background: `empathy-tui status`, or `empathy-tui` for the app.")


def tell_costs(
    workspace: Workspace, targets: tuple[str, ...], calibrate: dict[str, int] | None = None, *, as_json: bool
) -> None:
    """Print what the targets would ask of large models, and what it would cost."""
    problem = workspace.pipeline.snapshot().config_error
    if problem is not None:
        raise Refused(problem)
    found, spending = workspace.spending.estimates(targets, calibrate), workspace.spending.summary()
    from tui.cli.output import batches, printing
    from tui.format import submissions

    if as_json:
        total = submissions.total_usd(found)
        recipes = [asdict(one) for one in found]
        json.write({"recipes": recipes, "usd": total, "spending": asdict(spending)})
        return
    batches.estimates(printing.console(), found, spending)


def _wait_for_batches(ctx: click.Context, workspace: Workspace, jobs: list[str], *, as_json: bool) -> None:
    """Wait until every job has ended, or only batches that are at their providers keep it waiting."""
    from tui.cli.output.progress import submitted

    try:
        found = submitted(workspace, jobs)
    except KeyboardInterrupt:
        click.echo("\nno longer waiting; the work itself goes on: `empathy-tui status`", err=True)
        ctx.exit(130)
    if as_json:
        json.write({"jobs": jobs, "batches": [asdict(one) for one in found]})
        return
    for one in found:
        click.echo(f"{one.batch} {visible(one.job_name)}: {one.requests} requests, {one.state}")
    click.echo(
        "The supervisor collects what comes; should it end, the next start of anything here goes on with it."
    )


def start(workspace: Workspace, targets: tuple[str, ...] = ()) -> dict[str, Any]:
    """Ask for the targets' jobs: `jobs` their ids, `new` how many were never asked for, `done` the ids of
    those that are done already."""
    commands = workspace.commands
    return commands.wait(commands.start(targets)).result or {}


def wait_for(
    ctx: click.Context, workspace: Workspace, jobs: list[str], done: list[str], *, as_json: bool = False
) -> None:
    """Draw the jobs' progress to its end; `done` were so before. Raises `Refused` unless all get done."""
    from tui.cli.output import printing
    from tui.cli.output.progress import follow

    try:
        ending = follow(workspace, jobs, done, printing.console(stderr=as_json))
    except KeyboardInterrupt:
        click.echo("\nno longer waiting; the work itself goes on: `empathy-tui status`", err=True)
        ctx.exit(130)
    if as_json:
        json.write({"ok": ending.ok, "jobs": [json.job(job) for job in ending.jobs]})
    if ending.problem is not None:
        raise Refused(ending.problem)


@click.command()
@json_option
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show the pipeline: every job, how far it is, and why it waits or failed."""
    workspace = workspace_of(ctx)
    snapshot = workspace.pipeline.snapshot()
    if as_json:
        json.write(json.status(snapshot))
        return
    from tui.cli.output import printing

    printing.status(printing.console(), snapshot)


@click.command()
@click.argument("job")
@json_option
@click.pass_context
def cancel(ctx: click.Context, job: str, as_json: bool) -> None:
    """Stop a job that waits or runs; a run can go on later from its last checkpoint."""
    workspace = workspace_of(ctx)
    commands = workspace.commands
    found = workspace.pipeline.find_job(job)
    commands.wait(commands.cancel(found))
    deadline = time.monotonic() + _STOP_S
    while (state := workspace.pipeline.jobs([found])[0].state) == "running" and time.monotonic() < deadline:
        commands.ensure_supervisor()
        time.sleep(0.1)
    if as_json:
        json.write({"job": found, "state": state})
    if state != "cancelled":
        still = "it still runs: it was asked to stop" if state == "running" else f"it is {state}"
        raise Refused(f"{found} was not cancelled: {still}")
    if not as_json:
        click.echo(f"{found} is cancelled; `empathy-tui retry {found}` takes it up again")


@click.command()
@click.argument("job")
@json_option
@click.pass_context
def retry(ctx: click.Context, job: str, as_json: bool) -> None:
    """Try a failed or cancelled job again, with those it needs that failed too."""
    workspace = workspace_of(ctx)
    commands = workspace.commands
    found = workspace.pipeline.find_job(job)
    again = (commands.wait(commands.retry(found)).result or {})["jobs"]
    if as_json:
        json.write({"jobs": again})
    else:
        click.echo(f"to be tried again: {', '.join(again)}")


@click.command()
@json_option
@click.pass_context
def pause(ctx: click.Context, as_json: bool) -> None:
    """Start no more jobs until `resume`; those that run go on."""
    commands = workspace_of(ctx).commands
    commands.wait(commands.pause())
    if as_json:
        json.write({"paused": True})
    else:
        click.echo("Paused: no job starts until `empathy-tui resume`; those that run go on.")


@click.command()
@json_option
@click.pass_context
def resume(ctx: click.Context, as_json: bool) -> None:
    """Let jobs start again after `pause`."""
    commands = workspace_of(ctx).commands
    commands.wait(commands.resume())
    if as_json:
        json.write({"paused": False})
    else:
        click.echo("Jobs start again.")


@click.command()
@click.argument("job", required=False)
@click.option("-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True, help="How many.")
@click.pass_context
def logs(ctx: click.Context, job: str | None, lines: int) -> None:
    """Print the end of a job's log, or of the supervisor's."""
    workspace = workspace_of(ctx)
    log = workspace.pipeline.log(None if job is None else workspace.pipeline.find_job(job))
    found: list[str] = []
    before: int | None = None
    while log is not None and len(found) < lines and before != 0:
        page = log.back(before, lines - len(found))
        found[:0] = [visible(line.text.expandtabs(4)) for line in page.lines]
        before = page.start
    if not found:
        raise Refused("there is no log yet: " + ("no supervisor ran" if job is None else "the job never ran"))
    click.echo("\n".join(found))
