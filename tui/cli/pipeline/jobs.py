"""The commands about jobs: see them, cancel, retry, pause and resume."""

from __future__ import annotations

import time

import click

from core.api import RetryOutcome, count_jobs
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json

#: Seconds to wait for a cancelled job to stop; the supervisor kills it well before.
_STOP_S = 60.0
#: Seconds between two looks at what is watched.
_WATCH_S = 1.0


@click.command(epilog=examples("status", "status --watch"))
@click.option("--watch", is_flag=True, help="Show it again at each change, until no job runs or can start.")
@json_option
@click.pass_context
def status(ctx: click.Context, watch: bool, as_json: bool) -> None:
    """Show every job: its state and progress, and why it waits or failed."""
    if watch and as_json:
        raise click.UsageError("--watch is for people: programs call `status --json` again")
    pipeline = workspace_of(ctx).pipeline
    if as_json:
        json.write(json.status(pipeline.snapshot()))
        return
    from tui.cli.output.pipeline.jobs import print_status
    from tui.cli.output.tables import make_console

    console, shown = make_console(), None
    while True:
        snapshot = pipeline.snapshot()
        if snapshot is not shown:
            shown = snapshot
            if watch and console.is_terminal:
                console.clear()
            print_status(console, snapshot)
        counts = count_jobs(snapshot.jobs)
        if not watch or not (counts.active or counts.waiting):
            return
        time.sleep(_WATCH_S)


@click.command(epilog=examples("cancel sft:smollm2/direct/chatgpt/sft"))
@click.argument("job")
@json_option
@click.pass_context
def cancel(ctx: click.Context, job: str, as_json: bool) -> None:
    """Stop a job that waits or runs. A retry of a training job continues from its last checkpoint.

    JOB is an id or its beginning, or STAGE:NAME.
    """
    workspace = workspace_of(ctx)
    commands, pipeline = workspace.commands, workspace.pipeline
    found = pipeline.find_job(job)
    commands.wait(commands.cancel(found))
    deadline = time.monotonic() + _STOP_S
    while (state := pipeline.jobs([found])[0].state) == "running" and time.monotonic() < deadline:
        commands.ensure_supervisor()
        time.sleep(0.1)
    if as_json:
        json.write(json.JobStateReport(job=found, state=state))
    if state != "cancelled":
        why = (
            "it is cancelling: it still runs, and a stop was requested"
            if state == "running"
            else f"it is {state}"
        )
        raise CommandError(f"{found} was not cancelled: {why}")
    if not as_json:
        click.echo(f"{found} is cancelled; `empathy-tui retry {found}` starts it again")


@click.command(epilog=examples("retry sft:smollm2/direct/chatgpt/sft"))
@click.argument("job")
@json_option
@click.pass_context
def retry(ctx: click.Context, job: str, as_json: bool) -> None:
    """Retry a failed, cancelled or stopped job, with the failed jobs that it depends on.

    JOB is an id or its beginning, or STAGE:NAME.
    """
    workspace = workspace_of(ctx)
    commands = workspace.commands
    found = workspace.pipeline.find_job(job)
    outcome = commands.wait(commands.retry(found)).outcome
    assert isinstance(outcome, RetryOutcome)
    retried = outcome.jobs
    if as_json:
        json.write(json.Retried(jobs=retried))
    else:
        click.echo(f"retrying {', '.join(retried)}")


@click.command(epilog=examples("pause"))
@json_option
@click.pass_context
def pause(ctx: click.Context, as_json: bool) -> None:
    """Start no more jobs until `resume`. Running jobs continue."""
    commands = workspace_of(ctx).commands
    commands.wait(commands.pause())
    if as_json:
        json.write(json.Paused(paused=True))
    else:
        click.echo("Paused: no job starts until `empathy-tui resume`. Running jobs continue.")


@click.command(epilog=examples("resume"))
@json_option
@click.pass_context
def resume(ctx: click.Context, as_json: bool) -> None:
    """Let jobs start again after `pause`."""
    commands = workspace_of(ctx).commands
    commands.wait(commands.resume())
    if as_json:
        json.write(json.Paused(paused=False))
    else:
        click.echo("Resumed: jobs start again.")
