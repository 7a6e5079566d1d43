"""The command that shows pairs."""

from __future__ import annotations

import click

from tui.cli.options import Refused, json_option, workspace_of
from tui.cli.output import json
from tui.navigation import pair_filter
from tui.navigation.pair_filter import (
    DISAGREEMENTS,
    OUTCOMES,
    Disagreement,
    Outcome,
    PairFilter,
)

#: Pairs that are printed for people unless they ask for more.
_PAIRS = 5


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--limit", type=click.IntRange(min=0), help="How many to show, 0 for all.")
@click.option("--verdict", type=click.Choice(list(OUTCOMES)), help="Only those with this outcome.")
@click.option("--disagree", type=click.Choice(list(DISAGREEMENTS)), help="Only those where these disagree.")
@click.option("--judge", metavar="NAME", help="Whose outcome, or orders; any judge's by default.")
@click.option("--emotion", metavar="NAME", help="Only dialogues of this emotion.")
@click.option("--search", metavar="TEXT", default="", help="Only those with this in their texts.")
@json_option
@click.pass_context
def pairs(
    ctx: click.Context,
    a: str,
    b: str,
    limit: int | None,
    verdict: Outcome | None,
    disagree: Disagreement | None,
    judge: str | None,
    emotion: str | None,
    search: str,
    as_json: bool,
) -> None:
    """Show two responders' responses to the test dialogues side by side, with the verdicts."""
    wanted = PairFilter(verdict, disagree, judge, emotion, search)
    workspace = workspace_of(ctx)
    every = workspace.evaluation.pairs(a, b)
    for name, known, what in (
        (judge, pair_filter.judges(every), "judge has a verdict on these two and"),
        (emotion, pair_filter.emotions(every), "test dialogue's emotion"),
    ):
        if name is not None and name not in known:
            raise Refused(f"no {what} is called {name!r}; there are: {', '.join(known) or 'none'}")
    found = pair_filter.chosen(every, wanted)
    if as_json:
        json.write([json.pair(pair) for pair in found[: limit or None]])
        return
    from tui.cli.output import printing

    if every and not found:
        raise Refused(f"none of {len(every)} pairs is: {wanted.words()}")
    printing.pairs(printing.console(), a, b, found, _PAIRS if limit is None else limit or None)
