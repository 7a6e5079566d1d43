"""The commands about win rates: the table, one comparison, the ranking, the judges, runs against runs."""

from __future__ import annotations

from dataclasses import asdict

import click

from core.api import is_sample
from tui.cli.options import Refused, json_option, workspace_of
from tui.cli.output import json
from tui.format import win_rates


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def winrates(ctx: click.Context, as_json: bool) -> None:
    """Show every comparison: the baseline, what meets it, and the win rate with its interval."""
    if ctx.invoked_subcommand is not None:
        return
    workspace = workspace_of(ctx)
    found, facts = workspace.evaluation.win_rates(), workspace.data.facts()
    if as_json:
        json.write([json.win_rate(rate) for rate in found])
        return
    from tui.cli.output import printing

    printing.win_rates(printing.console(), found, sample=is_sample(facts))


@winrates.command()
@click.argument("job", metavar="COMPARISON")
@json_option
@click.pass_context
def show(ctx: click.Context, job: str, as_json: bool) -> None:
    """Show one comparison: every figure with its meaning, and the win rate by emotion, sentiment, length.

    A COMPARISON is the job's id or its beginning, or its name: `A vs B @ JUDGE`.
    """
    workspace = workspace_of(ctx)
    try:
        comparison = workspace.evaluation.comparison(workspace.pipeline.find_job(job))
    except KeyError as error:
        raise Refused(f"{job} is no comparison: `empathy-tui winrates` lists them") from error
    if as_json:
        json.write(asdict(comparison))
        return
    from tui.cli.output import printing, win_rates

    win_rates.comparison(printing.console(), comparison)


@winrates.command()
@json_option
@click.pass_context
def ranking(ctx: click.Context, as_json: bool) -> None:
    """Rank all responders by Bradley–Terry strength, one judge at a time."""
    workspace = workspace_of(ctx)
    found, known = workspace.evaluation.rankings(), workspace.evaluation.win_rates()
    if as_json:
        json.write([asdict(one) for one in found])
        return
    from tui.cli.output import printing, win_rates

    win_rates.rankings(printing.console(), found, known)


@winrates.command()
@json_option
@click.pass_context
def judges(ctx: click.Context, as_json: bool) -> None:
    """Show what each judge is worth, who agrees with whom, and what people voted."""
    workspace = workspace_of(ctx)
    cards, agreements, votes = (
        workspace.evaluation.scorecards(),
        workspace.evaluation.agreements(),
        workspace.evaluation.human_win_rates(),
    )
    if as_json:
        json.write(
            {
                "judges": [asdict(card) for card in cards],
                "agreements": [asdict(one) for one in agreements],
                "votes": [asdict(one) for one in votes],
            }
        )
        return
    from tui.cli.output import printing, win_rates

    win_rates.judges(printing.console(), cards, agreements, votes)


@winrates.command()
@click.option("--significant", is_flag=True, help="Only those below 5 % after Holm's correction.")
@json_option
@click.pass_context
def tests(ctx: click.Context, significant: bool, as_json: bool) -> None:
    """Test any two responders that met the same third one, on the same dialogues."""
    workspace = workspace_of(ctx)
    made, known = workspace.evaluation.paired_tests(), workspace.evaluation.win_rates()
    found = [test for test in made if not significant or test.p_holm < win_rates.ALPHA]
    if as_json:
        json.write([asdict(test) for test in found])
        return
    from tui.cli.output import printing, win_rates

    win_rates.tests(printing.console(), found, len(made), known)
