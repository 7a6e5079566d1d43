"""The command that starts jobs, and what other commands use of it: starting, waiting, estimating costs."""

from __future__ import annotations

from collections.abc import Sequence

import click

from core.api import IntentResult, StartOutcome, Workspace
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
from tui.format.text import visible

_INTERRUPTED = "\nStopped waiting. The jobs continue: `empathy-tui status`"


@click.command(
    epilog=examples(
        "run",
        "run sft --wait",
        "run sft:smollm2/direct/chatgpt/sft --force",
        "run recipe:improve-human/naive --dry-run",
        "run --engine cluster --wait",
    )
)
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--wait", is_flag=True, help="Show progress until all of these jobs have ended.")
@click.option(
    "--no-wait", is_flag=True, help="Return once these jobs wait for nothing but submitted batches."
)
@click.option(
    "--force",
    is_flag=True,
    help="Rerun the named jobs from the start if they have ended. Their results stay until there are new "
    "ones; answers that were paid for are used again.",
)
@click.option(
    "--engine",
    metavar="NAME",
    help="Run these jobs on this engine of config.toml, or on `local`, instead of their slots' engines.",
)
@click.option(
    "--dry-run",
    is_flag=True,
    help="Show how many jobs there are and what is done, which requests would be sent and their cost, and "
    "the device, memory and time of each run; start nothing.",
)
@json_option
@click.pass_context
def run(
    ctx: click.Context,
    targets: tuple[str, ...],
    wait: bool,
    no_wait: bool,
    force: bool,
    engine: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Start jobs in the background: by default all that config.toml defines.

    A TARGET is a job's id, a stage (generate, holdout, recipe, filter, sft, sft-dpo, respond, judge,
    validate, compare, rung) or a name. The jobs that it depends on start as well. A run that you
    name starts even if a rung stopped it. Finished jobs are not rerun, unless they are named with --force;
    jobs that depend on those keep their results.
    """
    if wait + no_wait + dry_run > 1:
        raise click.UsageError("use only one of --wait, --no-wait and --dry-run")
    if force and not targets:
        raise click.UsageError("--force needs the jobs to rerun: name at least one TARGET")
    workspace = workspace_of(ctx)
    if dry_run:
        if force and not as_json:
            for job in workspace.pipeline.ended_jobs(targets):
                click.echo(f"{job.id} {visible(job.name)} would be rerun from the start")
        if not as_json:
            _print_changes(workspace)
        print_costs(workspace, targets, as_json=as_json)
        return
    started = start(workspace, targets, force=force, engine=engine)
    jobs, new, done, again = started.jobs, started.new, started.done, started.again
    if not as_json:
        counts = f"{new} new, {len(done)} done before"
        counts += f", {len(again)} again from the start" if again else ""
        click.echo(f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}: {counts}")
    if wait:
        wait_for(ctx, workspace, jobs, done, as_json=as_json)
        return
    if no_wait:
        _wait_for_batches(ctx, workspace, jobs, as_json=as_json)
        return
    paused = workspace.pipeline.snapshot().paused
    if as_json:
        json.write(json.StartReport(jobs=jobs, new=new, done=len(done), again=again, paused=paused))
    elif paused:
        click.echo("Paused: no job starts until `empathy-tui resume`.")
    elif len(done) < len(jobs):
        click.echo("The jobs run in the background. Watch them: `empathy-tui`, or `empathy-tui status`.")


def _print_changes(workspace: Workspace) -> None:
    """Print what has changed in config.toml since jobs were last started, and what that means."""
    before = workspace.configuration.started()
    text = workspace.configuration.text()
    if before is None or before == text:
        return
    found = workspace.configuration.change(before, text)
    if found.settings:
        from tui.cli.output.tables import make_console
        from tui.cli.output.workspace.config import print_change

        click.echo("Changed in config.toml since jobs were last started:")
        print_change(make_console(), found)
        click.echo()


def print_costs(
    workspace: Workspace, targets: tuple[str, ...], validate: dict[str, int] | None = None, *, as_json: bool
) -> None:
    """Print the requests that the targets would send, and their cost, and what runs need.

    `validate`: judge → number of pairs.
    """
    problem = workspace.pipeline.snapshot().config_error
    if problem is not None:
        raise CommandError(problem)
    found, spending = workspace.spending.estimates(targets, validate), workspace.spending.summary()
    runs = workspace.training.estimates(targets) if validate is None else ()
    stages = workspace.pipeline.work(targets, runs) if validate is None else ()
    from tui.cli.output.pipeline.batches import print_estimates
    from tui.cli.output.pipeline.runs import print_runs, print_work
    from tui.cli.output.tables import make_console
    from tui.format.submissions import total_usd

    if as_json:
        json.write(
            json.Costs(
                recipes=[*map(json.estimate, found)],
                usd=total_usd(found),
                spending=spending,
                runs=runs,
                stages=stages,
            )
        )
        return
    console = make_console()
    print_work(console, stages)
    print_estimates(console, found, spending)
    print_runs(console, runs)


def start(
    workspace: Workspace, targets: tuple[str, ...] = (), *, force: bool = False, engine: str | None = None
) -> StartOutcome:
    """Request the targets' jobs on an engine; with `force`, those that have ended again from the start."""
    commands = workspace.commands
    return started_jobs(commands.wait(commands.start(targets, force=force, engine=engine)))


def started_jobs(result: IntentResult) -> StartOutcome:
    """The outcome of an intent to start jobs that is done."""
    assert isinstance(result.outcome, StartOutcome)
    return result.outcome


def wait_for(
    ctx: click.Context,
    workspace: Workspace,
    jobs: Sequence[str],
    done: Sequence[str],
    *,
    as_json: bool = False,
) -> None:
    """Show the jobs' progress until they end; `done` were done before.

    Raises `CommandError` unless all of them get done.
    """
    from tui.cli.output.progress import follow
    from tui.cli.output.tables import make_console

    try:
        ending = follow(workspace, jobs, done, make_console(stderr=as_json))
    except KeyboardInterrupt:
        click.echo(_INTERRUPTED, err=True)
        ctx.exit(130)
    if as_json:
        json.write(json.Finished(ok=ending.ok, jobs=tuple(json.job_record(job) for job in ending.jobs)))
    if ending.problem is not None:
        raise CommandError(ending.problem)


def _wait_for_batches(
    ctx: click.Context, workspace: Workspace, jobs: Sequence[str], *, as_json: bool
) -> None:
    """Wait until the jobs have ended or only wait for batches at their providers, and print those."""
    from tui.cli.output.progress import submitted

    try:
        found = submitted(workspace, jobs)
    except KeyboardInterrupt:
        click.echo(_INTERRUPTED, err=True)
        ctx.exit(130)
    if as_json:
        json.write(json.SubmittedBatches(jobs=jobs, batches=found))
        return
    for one in found:
        click.echo(f"{one.batch} {visible(one.job_name)}: {one.requests} requests, {one.state}")
    click.echo("The supervisor collects the answers. If it ends, the next `empathy-tui run` starts it again.")
