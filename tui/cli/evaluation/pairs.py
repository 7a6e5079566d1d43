"""The command that shows pairs of responses."""

from __future__ import annotations

import click

from tui.cli.options import CommandError, examples, json_option, workspace_of
from tui.cli.output import json
from tui.navigation import pair_filter
from tui.navigation.pair_filter import (
    DISAGREEMENTS,
    OUTCOMES,
    Disagreement,
    PairFilter,
    PairOutcome,
)

#: Number of pairs that are printed for people by default.
_LIMIT = 5


@click.command(
    epilog=examples("pairs human chatgpt", "pairs smollm2 smollm2/direct/chatgpt/sft --verdict b --limit 20")
)
@click.argument("a")
@click.argument("b")
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(min=0),
    help=f"Show at most N pairs, 0 for all; by default {_LIMIT}, all with --json.",
)
@click.option("--verdict", type=click.Choice(list(OUTCOMES)), help="Only pairs with this outcome.")
@click.option(
    "--disagree", type=click.Choice(list(DISAGREEMENTS)), help="Only pairs on which these disagree."
)
@click.option("--judge", metavar="NAME", help="The judge for the two filters above; by default any judge.")
@click.option("--emotion", metavar="NAME", help="Only dialogues with this emotion.")
@click.option("--search", metavar="TEXT", default="", help="Only pairs with this in one of their texts.")
@json_option
@click.pass_context
def pairs(
    ctx: click.Context,
    a: str,
    b: str,
    limit: int | None,
    verdict: PairOutcome | None,
    disagree: Disagreement | None,
    judge: str | None,
    emotion: str | None,
    search: str,
    as_json: bool,
) -> None:
    """Show the responses of A and B to the test dialogues side by side, with the verdicts.

    A and B are responders: students, runs (STUDENT/RECIPE/STAGE), teachers, or sources in the data.
    """
    wanted = PairFilter(verdict, disagree, judge, emotion, search)
    every = workspace_of(ctx).evaluation.pairs(a, b)
    for name, known, what in (
        (judge, pair_filter.judges(every), "judge has a verdict on these two and"),
        (emotion, pair_filter.emotions(every), "test dialogue's emotion"),
    ):
        if name is not None and name not in known:
            raise CommandError(f"no {what} is called {name!r}; known: {', '.join(known) or 'none'}")
    found = pair_filter.chosen(every, wanted)
    if as_json:
        json.write(found[: limit or None])
        return
    from tui.cli.output.evaluation.pairs import print_pairs
    from tui.cli.output.tables import make_console

    if every and not found:
        raise CommandError(f"none of {len(every)} pairs is: {wanted.words()}")
    print_pairs(make_console(), a, b, found, _LIMIT if limit is None else limit or None)
