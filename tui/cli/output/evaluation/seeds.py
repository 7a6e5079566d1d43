"""What the commands about win rates print of runs that differ in their seeds alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from core.api import SeedGroup
from tui.cli.output.tables import cell, make_table, print_line, print_table
from tui.format.evaluation import win_rates
from tui.format.evaluation.seeds import mean_and_sd, seeds_alone
from tui.format.values import UNKNOWN, count, percent, span


def print_seeds(console: Console, found: Sequence[SeedGroup], labels: Mapping[str, str]) -> None:
    """The table of the groups; `labels` are the judges'."""
    if not found:
        print_line(
            console,
            "No comparisons differ in the seed of their run alone. List several under `seeds` in [grid] of "
            "config.toml.",
        )
        return
    print_groups(console, found)
    for judge in dict.fromkeys(one.judge for one in found):
        print_line(console, win_rates.judge_words(labels, judge))


def print_groups(console: Console, found: Sequence[SeedGroup]) -> None:
    """The table of the groups, and what its columns mean."""
    judges = {one.judge for one in found}
    words = ("a (baseline)", "b, over seeds", *(("judge",) if len(judges) > 1 else ()))
    titles = ("win rate ± sd", "seeds", "range", "over seeds", "seeds and dialogues")
    shown = make_table(*words, *titles, left=len(words))
    for one in found:
        by = (one.judge,) if len(judges) > 1 else ()
        shown.add_row(
            *(cell(name) for name in (one.a, one.b, *by)),
            cell(mean_and_sd(one), "bold"),
            cell(f"{one.n} of {len(one.comparisons)}" if one.n < len(one.comparisons) else count(one.n)),
            cell(UNKNOWN if one.min is None else f"{percent(one.min, 1)} – {percent(one.max, 1)}", "dim"),
            cell(seeds_alone(one)),
            cell(span(one.low, one.high)),
        )
    print_table(console, shown)
    print_line(
        console,
        "win rate ± sd: mean and standard deviation of the win rates of runs that differ in their seeds "
        "alone; over seeds: Student's 95 % interval of that mean, for other seeds on these dialogues; seeds "
        "and dialogues: 95 % interval for other seeds and other test dialogues. The judge's errors are in "
        "neither",
        "dim",
    )
