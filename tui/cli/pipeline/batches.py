"""The commands about batches of requests: list, show, refresh, cancel, retry, adopt."""

from __future__ import annotations

import time

import click

from core.api import Submission, Workspace, adopt_problem
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
from tui.cli.pipeline import jobs
from tui.format import submissions

#: Number of requests that `show --requests` prints for people.
_REQUESTS = 500


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    epilog=examples("batches", "batches show batch_68a1 --requests"),
)
@json_option
@click.pass_context
def batches(ctx: click.Context, as_json: bool) -> None:
    """Show the batches and live sessions of requests, with their state and cost.

    Teachers and judges send them. Each has an ID at the provider and a token; the subcommands take either, or
    a unique beginning of it.
    """
    if ctx.invoked_subcommand is not None:
        return
    spending = workspace_of(ctx).spending
    found, summary = spending.submissions(), spending.summary()
    if as_json:
        json.write(json.Batches(batches=found, spending=summary))
        return
    from tui.cli.output.pipeline.batches import print_batches
    from tui.cli.output.tables import make_console

    events = {one.token: spending.batch_events(one.token) for one in found if not one.collected}
    print_batches(make_console(), found, events, summary, time.time())


@batches.command(epilog=examples("batches show batch_68a1 --requests"))
@click.argument("batch", metavar="ID")
@click.option("--requests", "with_requests", is_flag=True, help="List its requests and their answers.")
@json_option
@click.pass_context
def show(ctx: click.Context, batch: str, with_requests: bool, as_json: bool) -> None:
    """Show a batch: its timeline, the outcomes of its requests, and its files."""
    spending = workspace_of(ctx).spending
    one = find(spending.submissions(), batch)
    events, outcomes = spending.batch_events(one.token), spending.answer_counts(one.token)
    limit = one.requests * 100 if as_json else _REQUESTS
    requests = spending.sent_requests(one.token, limit=limit) if with_requests else []
    if as_json:
        json.write(json.BatchReport(batch=one, timeline=events, outcomes=outcomes, requests=requests))
        return
    from tui.cli.output.pipeline.batches import print_batch
    from tui.cli.output.tables import make_console

    print_batch(make_console(), one, events, outcomes, requests)


@batches.command(epilog=examples("batches refresh batch_68a1"))
@click.argument("batch", metavar="ID")
@click.pass_context
def refresh(ctx: click.Context, batch: str) -> None:
    """Poll a batch now instead of at the next scheduled time."""
    workspace = workspace_of(ctx)
    one = _find_for(workspace, "refresh", batch)
    commands = workspace.commands
    commands.wait(commands.refresh(one.job))
    click.echo(f"polling {submissions.name(one)}")


@batches.command(epilog=examples("batches cancel batch_68a1"))
@click.argument("batch", metavar="ID")
@click.pass_context
def cancel(ctx: click.Context, batch: str) -> None:
    """Cancel a batch at its provider, and the job that waits for it.

    Answers that exist are kept, and are charged. A retry sends the other requests.
    """
    one = _find_for(workspace_of(ctx), "cancel", batch)
    ctx.invoke(jobs.cancel, job=one.job, as_json=False)


@batches.command(epilog=examples("batches retry batch_68a1"))
@click.argument("batch", metavar="ID")
@click.pass_context
def retry(ctx: click.Context, batch: str) -> None:
    """Send again the requests that have no usable answer yet."""
    one = _find_for(workspace_of(ctx), "retry", batch)
    ctx.invoke(jobs.retry, job=one.job, as_json=False)


@batches.command(epilog=examples("batches adopt batch_68a1 --job generate:improve-human/naive"))
@click.argument("batch", metavar="ID")
@click.option(
    "--job", metavar="JOB", help="The job that needs its answers; required unless only one is unfinished."
)
@click.pass_context
def adopt(ctx: click.Context, batch: str, job: str | None) -> None:
    """Use the answers of a batch that exists at the provider. ID is the provider's."""
    workspace = workspace_of(ctx)
    if job is not None:
        found = workspace.pipeline.find_job(job)
    else:
        unfinished = [
            one
            for one in workspace.pipeline.snapshot().jobs
            if one.stage == "generate" and one.requested and adopt_problem(one.name, one.state) is None
        ]
        if len(unfinished) != 1:
            names = ", ".join(one.name for one in unfinished[:6]) or "none"
            raise CommandError(f"name the job that needs its answers with --job; unfinished: {names}")
        found = unfinished[0].id
    commands = workspace.commands
    commands.wait(commands.adopt(batch, found))
    click.echo(f"checking {batch} for {found}; `empathy-tui batches` shows the result")


def find(found: list[Submission], wanted: str) -> Submission:
    """The submission with this id, or this beginning of one. Raises `CommandError` unless there is one."""
    exact = [one for one in found if wanted in (one.batch, one.token)]
    named = exact or [
        one for one in found if one.token.startswith(wanted) or (one.batch or "").startswith(wanted)
    ]
    if len(named) == 1:
        return named[0]
    if named:
        names = ", ".join(submissions.name(one) for one in named[:6])
        raise CommandError(f"{wanted!r} names {len(named)} batches: {names}")
    raise CommandError(f"there is no batch {wanted!r}: `empathy-tui batches` lists them")


def _find_for(workspace: Workspace, action: str, batch: str) -> Submission:
    """The submission, if `action` applies to it now. Raises `CommandError` saying why it does not."""
    one = find(workspace.spending.submissions(), batch)
    reason = submissions.unavailable(action, one)
    if reason is not None:
        raise CommandError(f"{submissions.name(one)}: {reason}")
    return one
