"""The commands about judges: how far they agree with people, how many verdicts to ask for, reading again."""

from __future__ import annotations

from collections.abc import Mapping

import click

from core.api import CompareResult, FilterResult, Job, ReparseOutcome, ValidateResult, Workspace
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
from tui.cli.pipeline.run import print_costs, started_jobs, wait_for
from tui.format.text import visible
from tui.format.values import percent


@click.group(cls=CommandGroup, epilog=examples("judge validate gpt-4o --dry-run", "judge plan --detect 5"))
def judge() -> None:
    """Measure how far judges agree with people, plan verdicts, and read answers again."""


@judge.command(epilog=examples("judge validate gpt-4o --dry-run", "judge validate gpt-4o --pairs 500 --wait"))
@click.argument("name", metavar="JUDGE")
@click.option(
    "--pairs",
    metavar="N",
    type=click.IntRange(min=1),
    default=200,
    show_default=True,
    help="Number of pairs to judge.",
)
@click.option("--wait", is_flag=True, help="Show progress until the result is there.")
@click.option(
    "--dry-run", is_flag=True, help="Show which requests would be sent, and their cost; start nothing."
)
@json_option
@click.pass_context
def validate(ctx: click.Context, name: str, pairs: int, wait: bool, dry_run: bool, as_json: bool) -> None:
    """Measure how often JUDGE agrees with the ratings that people gave.

    The judge compares pairs of responses of which people rated one higher, each from another train dialogue.
    The same data gives the same pairs. The agreement is shown with all its win rates from then on.
    """
    if wait and dry_run:
        raise click.UsageError("use only one of --wait and --dry-run")
    workspace = workspace_of(ctx)
    if dry_run:
        print_costs(workspace, (f"validate:{name}",), {name: pairs}, as_json=as_json)
        return
    commands = workspace.commands
    started = started_jobs(commands.wait(commands.validate_judge(name, pairs)))
    if wait:
        wait_for(ctx, workspace, started.jobs, started.done, as_json=as_json)
    (job,) = workspace.pipeline.jobs(started.jobs)
    if as_json:
        if not wait:
            json.write(json.Validation(job=json.job_record(job)))
        return
    result = job.result
    if not isinstance(result, ValidateResult):
        click.echo("The judge runs in the background: `empathy-tui status`.")
        return
    if result.agreement_pairs < pairs:
        click.echo(f"The data has only {result.agreement_pairs} such dialogues.")
    click.echo(
        f"{visible(name)} agrees with the ratings on {percent(result.agreement, 1)} of "
        f"{result.agreement_pairs} pairs ({percent(result.agreement_low, 1)} to "
        f"{percent(result.agreement_high, 1)})."
    )


@judge.command(epilog=examples("judge reparse", "judge reparse gpt-4o"))
@click.argument("names", metavar="[JUDGE]...", nargs=-1)
@json_option
@click.pass_context
def reparse(ctx: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Read the verdicts of judges, by default all, again from their stored answers.

    After an update that understands more forms of an answer, verdicts and results are computed again, and
    which preference pairs a filter keeps. Nothing is sent, and it costs nothing.
    """
    workspace = workspace_of(ctx)
    before = {job.id: job for job in workspace.pipeline.snapshot().jobs}
    commands = workspace.commands
    outcome = commands.wait(commands.reparse(names)).outcome
    assert isinstance(outcome, ReparseOutcome)
    try:
        wait_for(ctx, workspace, outcome.jobs, (), as_json=as_json)
    finally:
        if not as_json:
            _print_changes(workspace, outcome.jobs, before)
    kept = [job for job in workspace.pipeline.jobs(outcome.jobs) if job.state == "done" and job.error]
    if kept:
        raise CommandError("\n".join(f"{job.title}: {job.error}" for job in kept))


def _print_changes(workspace: Workspace, jobs: tuple[str, ...], before: Mapping[str, Job]) -> None:
    keeps_others = False
    for job in workspace.pipeline.jobs(jobs):
        if job.state == "done" and not job.error:
            old = before[job.id].result if job.id in before else None
            click.echo(f"{visible(job.stage)} {visible(job.name)}: {_read(job.result)}; before: {_read(old)}")
            keeps_others |= _keeps_others(job.result, old)
    if keeps_others:
        click.echo(
            "DPO runs that are done were trained on the pairs kept before: `empathy-tui run sft-dpo --force` "
            "trains all of them again."
        )


def _keeps_others(now: object, before: object) -> bool:
    """Whether a filter that was done keeps other preference pairs."""
    return (
        isinstance(now, FilterResult)
        and isinstance(before, FilterResult)
        and (now.kept, now.dropped) != (before.kept, before.dropped)
    )


def _read(result: object) -> str:
    """The valid verdicts of a result, and what follows from them."""
    match result:
        case CompareResult():
            found = f"win rate of b {percent(result.win_rate_b, 1)}"
        case ValidateResult():
            found = f"agreement {percent(result.agreement, 1)}"
        case FilterResult():
            found = f"{result.kept} of {result.pairs} preference pairs kept"
        case _:
            return "no result"
    return f"{result.verdicts - result.invalid_verdicts} of {result.verdicts} verdicts valid, {found}"


@judge.command(epilog=examples("judge plan --detect 5", "judge plan gpt-4o --detect 3 --power 90"))
@click.argument("name", metavar="[JUDGE]", required=False)
@click.option(
    "--detect",
    metavar="POINTS",
    type=click.FloatRange(0.1, 49.0),
    default=5.0,
    show_default=True,
    help="The difference to detect, in percentage points.",
)
@click.option(
    "--power",
    metavar="PERCENT",
    type=click.FloatRange(1, 99),
    default=80.0,
    show_default=True,
    help="The probability of detecting it if it exists.",
)
@json_option
@click.pass_context
def plan(ctx: click.Context, name: str | None, detect: float, power: float, as_json: bool) -> None:
    """Show how many dialogues, orders and repeats are needed to detect a difference, and their cost.

    The numbers follow from how often JUDGE, by default each judge, saw a tie or disagreed with itself so far,
    and from the prices that `run --dry-run` uses. Nothing is started.
    """
    workspace = workspace_of(ctx)
    problem = workspace.pipeline.snapshot().config_error
    if problem is not None:
        raise CommandError(problem)
    evaluation = workspace.evaluation
    names = evaluation.judge_names() if name is None else (name,)
    found = [evaluation.judge_plan(one, detect / 100, power / 100) for one in names]
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.plans import print_plan
    from tui.cli.output.tables import make_console

    if not found:
        click.echo("There is no judge: name one in config.toml under [judges].")
    for one in found:
        print_plan(make_console(), one)
