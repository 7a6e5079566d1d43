"""The commands about what was sent to teachers: list, look, refresh, cancel, retry, adopt."""

from __future__ import annotations

import time
from dataclasses import asdict

import click

from core.api import Submission
from tui.cli.options import Refused, json_option, workspace_of
from tui.cli.output import json
from tui.format import submissions

#: Requests that `show --requests` prints for people.
_REQUESTS = 500


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def batches(ctx: click.Context, as_json: bool) -> None:
    """Show what was sent to teachers and judges, its state, and what it cost.

    An ID is the provider's, or the token, or a unique beginning of either.
    """
    if ctx.invoked_subcommand is not None:
        return
    workspace = workspace_of(ctx)
    found, spending = workspace.spending.submissions(), workspace.spending.summary()
    moments = {one.token: workspace.spending.batch_events(one.token) for one in found if not one.collected}
    if as_json:
        json.write({"batches": [asdict(one) for one in found], "spending": asdict(spending)})
        return
    from tui.cli.output import batches as printing_batches
    from tui.cli.output import printing

    printing_batches.batches(printing.console(), found, moments, spending, time.time())


@batches.command()
@click.argument("batch", metavar="ID")
@click.option("--requests", "with_requests", is_flag=True, help="List its requests and their answers.")
@json_option
@click.pass_context
def show(ctx: click.Context, batch: str, with_requests: bool, as_json: bool) -> None:
    """Show one batch: its timeline, how its requests ended, and where its files are."""
    workspace = workspace_of(ctx)
    one = find(workspace.spending.submissions(), batch)
    moments, outcomes = (
        workspace.spending.batch_events(one.token),
        workspace.spending.answer_counts(one.token),
    )
    limit = one.requests * 100 if as_json else _REQUESTS
    requests = workspace.spending.sent_requests(one.token, limit=limit) if with_requests else []
    if as_json:
        json.write(
            asdict(one)
            | {
                "timeline": [asdict(moment) for moment in moments],
                "outcomes": [asdict(group) for group in outcomes],
                "requests_behind": [asdict(request) for request in requests],
            }
        )
        return
    from tui.cli.output import batches as printing_batches
    from tui.cli.output import printing

    printing_batches.batch(printing.console(), one, moments, outcomes, requests, time.time())


@batches.command()
@click.argument("batch", metavar="ID")
@click.pass_context
def refresh(ctx: click.Context, batch: str) -> None:
    """Ask after a batch now, instead of at the next poll."""
    one = _able(ctx, "refresh", batch)
    commands = workspace_of(ctx).commands
    commands.wait(commands.refresh(one.job))
    click.echo(f"{submissions.name(one)} is being asked after")


@batches.command()
@click.argument("batch", metavar="ID")
@click.pass_context
def cancel(ctx: click.Context, batch: str) -> None:
    """Cancel a batch at its provider, with the job that waits for it.

    What it has answered is kept and paid; a retry asks for the rest.
    """
    from tui.cli import work

    one = _able(ctx, "cancel", batch)
    ctx.invoke(work.cancel, job=one.job, as_json=False)


@batches.command()
@click.argument("batch", metavar="ID")
@click.pass_context
def retry(ctx: click.Context, batch: str) -> None:
    """Ask again for what failed: only for requests that have no usable answer yet."""
    from tui.cli import work

    one = _able(ctx, "retry", batch)
    ctx.invoke(work.retry, job=one.job, as_json=False)


@batches.command()
@click.argument("batch", metavar="ID")
@click.option("--job", help="The job that wants its answers; needed unless only one is unfinished.")
@click.pass_context
def adopt(ctx: click.Context, batch: str, job: str | None) -> None:
    """Take the answers of a batch that exists at the provider, under the ID that it has there."""
    workspace = workspace_of(ctx)
    if job is not None:
        found = workspace.pipeline.find_job(job)
    else:
        open_ = [
            j
            for j in workspace.pipeline.snapshot().jobs
            if j.stage == "teach" and j.requested and j.state != "done"
        ]
        if len(open_) != 1:
            names = ", ".join(j.name for j in open_[:6]) or "none"
            raise Refused(f"say with --job whose answers they are; unfinished ones: {names}")
        found = open_[0].id
    commands = workspace.commands
    commands.wait(commands.adopt(batch, found))
    click.echo(f"{batch} will be looked at for {found}: `empathy-tui batches` shows what comes of it")


def find(found: list[Submission], wanted: str) -> Submission:
    """The one submission that `wanted` names. Raises `Refused` when it is not exactly one."""
    exact = [one for one in found if wanted in (one.batch, one.token)]
    named = exact or [
        one for one in found if one.token.startswith(wanted) or (one.batch or "").startswith(wanted)
    ]
    if len(named) == 1:
        return named[0]
    if named:
        raise Refused(
            f"{wanted!r} names {len(named)} batches: {', '.join(submissions.name(one) for one in named[:6])}"
        )
    raise Refused(f"there is no batch {wanted!r}: `empathy-tui batches` lists them")


def _able(ctx: click.Context, action: str, batch: str) -> Submission:
    """The submission, if `action` can be done to it. Raises `Refused` with why not."""
    workspace = workspace_of(ctx)
    one = find(workspace.spending.submissions(), batch)
    reason = submissions.unavailable(action, one)
    if reason is not None:
        raise Refused(f"{submissions.name(one)}: {reason}")
    return one
