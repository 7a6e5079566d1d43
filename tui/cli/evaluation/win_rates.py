"""The commands about win rates: the table, one comparison, recipes, the ranking, the judges, paired tests."""

from __future__ import annotations

import click

from core.api import ALPHA, is_sample
from tui.cli.groups import CommandGroup
from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json


@click.group(cls=CommandGroup, invoke_without_command=True, epilog=examples("winrates", "winrates ranking"))
@click.option("--superseded", is_flag=True, help="Also comparisons of runs and judges with other settings.")
@json_option
@click.pass_context
def winrates(ctx: click.Context, superseded: bool, as_json: bool) -> None:
    """Show every comparison with its win rate and interval."""
    if ctx.invoked_subcommand is not None:
        return
    workspace = workspace_of(ctx)
    evaluation = workspace.evaluation
    found = evaluation.all_win_rates() if superseded else evaluation.win_rates()
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.win_rates import print_win_rates
    from tui.cli.output.tables import make_console

    with_votes = workspace.evaluation.prediction_powered()
    unstarted = {job.id for job in workspace.pipeline.snapshot().jobs if not job.requested}
    print_win_rates(
        make_console(),
        found,
        with_votes,
        sample=is_sample(workspace.data.imported()),
        unstarted=unstarted,
        seeds=evaluation.seed_groups(),
    )


@winrates.command(epilog=examples('winrates show "smollm2 vs smollm2/direct/chatgpt/sft @ gpt-4o"'))
@click.argument("job", metavar="COMPARISON")
@json_option
@click.pass_context
def show(ctx: click.Context, job: str, as_json: bool) -> None:
    """Show all results of a comparison, and its win rates by emotion, sentiment and length.

    COMPARISON is its job's id or the beginning of it, or its name: `A vs B @ JUDGE`, as `winrates` shows it,
    and with --superseded those of runs and judges with other settings.
    """
    workspace = workspace_of(ctx)
    try:
        comparison = workspace.evaluation.comparison(
            workspace.evaluation.find_comparison(job) or workspace.pipeline.find_job(job)
        )
    except KeyError as error:
        raise CommandError(f"{job} is not a comparison: `empathy-tui winrates` lists them") from error
    if as_json:
        json.write(comparison)
        return
    from tui.cli.output.evaluation.win_rates import print_comparison
    from tui.cli.output.tables import make_console

    print_comparison(make_console(), comparison)


@winrates.command(epilog=examples("winrates recipes"))
@json_option
@click.pass_context
def recipes(ctx: click.Context, as_json: bool) -> None:
    """Show each recipe's win rate over the base students: overall, and in each dimension of empathy.

    Dimensions are shown of judges with `dimensions = true`.
    """
    evaluation = workspace_of(ctx).evaluation
    found = evaluation.recipe_rates()
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.win_rates import print_recipes
    from tui.cli.output.tables import make_console

    print_recipes(make_console(), found, evaluation.win_rates())


@winrates.command(epilog=examples("winrates seeds"))
@json_option
@click.pass_context
def seeds(ctx: click.Context, as_json: bool) -> None:
    """Show mean and spread of the win rates of runs that differ in their seeds alone.

    `seeds` in [grid] of config.toml lists seeds.
    """
    evaluation = workspace_of(ctx).evaluation
    found = evaluation.seed_groups()
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.seeds import print_seeds
    from tui.cli.output.tables import make_console

    print_seeds(make_console(), found, evaluation.win_rates())


@winrates.command(epilog=examples("winrates ranking --over-seeds"))
@click.option("--over-seeds", is_flag=True, help="One responder for runs that differ in their seeds alone.")
@json_option
@click.pass_context
def ranking(ctx: click.Context, over_seeds: bool, as_json: bool) -> None:
    """Rank all responders by Bradley–Terry strength, separately for each judge."""
    evaluation = workspace_of(ctx).evaluation
    found = evaluation.rankings(over_seeds=over_seeds)
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.win_rates import print_rankings
    from tui.cli.output.tables import make_console

    print_rankings(make_console(), found, evaluation.win_rates())


@winrates.command(epilog=examples("winrates judges"))
@json_option
@click.pass_context
def judges(ctx: click.Context, as_json: bool) -> None:
    """Show each judge's quality, the agreement between judges, and the win rates by people's votes."""
    evaluation = workspace_of(ctx).evaluation
    cards, agreements, votes = evaluation.scorecards(), evaluation.agreements(), evaluation.human_win_rates()
    tests, models = evaluation.annotator_tests(), evaluation.bias_models()
    if as_json:
        json.write(
            json.Judges(
                judges=cards, agreements=agreements, votes=votes, annotator_tests=tests, bias_models=models
            )
        )
        return
    from tui.cli.output.evaluation.win_rates import print_judges
    from tui.cli.output.tables import make_console

    print_judges(make_console(), cards, agreements, votes, tests, models)


@winrates.command(epilog=examples("winrates votes"))
@json_option
@click.pass_context
def votes(ctx: click.Context, as_json: bool) -> None:
    """Show the win rates by people: from their votes on some dialogues and a judge's verdicts on all.

    Such a prediction-powered win rate is unbiased whatever the judge's errors, and its interval is never
    wider than that of the votes alone. It also shows how many more votes would decide who is better.
    """
    evaluation = workspace_of(ctx).evaluation
    found = evaluation.prediction_powered()
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.win_rates import print_votes
    from tui.cli.output.tables import make_console

    print_votes(make_console(), evaluation.human_win_rates(), found)


@winrates.command(epilog=examples("winrates tests --significant"))
@click.option("--significant", is_flag=True, help="Only tests with p below 0.05 after Holm's correction.")
@json_option
@click.pass_context
def tests(ctx: click.Context, significant: bool, as_json: bool) -> None:
    """Compare any two responders by their results against a third one, with a paired test."""
    evaluation = workspace_of(ctx).evaluation
    made = evaluation.paired_tests()
    found = [test for test in made if not significant or test.p_holm < ALPHA]
    if as_json:
        json.write(found)
        return
    from tui.cli.output.evaluation.win_rates import print_tests
    from tui.cli.output.tables import make_console

    print_tests(make_console(), found, len(made), evaluation.win_rates())
