"""What the commands about runs print for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import RunComparison, difference_interval
from tui.cli.output.tables import cell, make_table, print_line, print_table
from tui.format.evaluation import win_rates
from tui.format.runs import RunColumn, RunResults, columns
from tui.format.values import UNKNOWN, p_value, percent, span

#: Columns that are left out where no run has a value.
_OPTIONAL = ("tags", "note", "tokens", "cost", "judge")


def print_runs(
    console: Console, shown: Sequence[RunColumn], rows: Sequence[RunResults], *, of: int, archived: int
) -> None:
    """The table of runs; `of` are all, without those that are archived."""
    if not of:
        print_line(console, "There is no run yet: config.toml defines none, or there is no data.")
    elif not rows:
        print_line(console, f"None of {of} runs contains these words.")
    else:
        _print_rows(console, shown, rows)
        names = {column.key for column in _kept(shown, rows)}
        cost = "cost: of judging it; " if "cost" in names else ""
        print_line(
            console,
            f"win rate: over the base student by the first judge that compared them; {cost}disk: of its own "
            "folder",
            "dim",
        )
    if archived:
        print_line(console, f"{archived} archived: `empathy-tui runs list --archived` shows them", "dim")


def print_comparison(console: Console, found: RunComparison, rows: Sequence[RunResults]) -> None:
    """Runs side by side, their win rates, the tests between them, and what they answer alike."""
    _print_rows(console, columns(found.runs), rows)
    if not found.settings:
        print_line(console, "They differ in no setting of their own: see what they were trained on.", "dim")
    rates = [rate for run in found.runs for rate in run.rates]
    if rates:
        console.print()
        shown = make_table("judge", "a (baseline)", "b", "win rate of b", "interval", "decision", left=3)
        for rate in sorted(rates, key=lambda rate: (rate.judge, rate.a)):
            shown.add_row(
                *(cell(name) for name in (rate.judge, rate.a, rate.b)),
                cell(percent(rate.win_rate_b, 1), "bold"),
                cell(span(rate.ci_low, rate.ci_high)),
                cell(win_rates.brief_decision(rate) or UNKNOWN),
            )
        print_table(console, shown)
    if found.tests:
        console.print()
        tests = make_table("judge", "against", "a", "b", "b − a", "interval", "p, Holm", "n", left=4)
        for test in found.tests:
            tests.add_row(
                *(cell(name) for name in (test.judge, test.baseline, test.a, test.b)),
                cell(f"{test.difference * 100:+z.1f}", "bold"),
                cell(difference_interval(test.low, test.high)),
                cell(p_value(test.p_holm)),
                cell(str(test.n)),
            )
        print_table(console, tests)
        print_line(console, "paired tests on the same dialogues: b's win rate minus a's, in points", "dim")
    for one in found.same_answers:
        print_line(console, win_rates.same_answers_line(one), "yellow")


def _print_rows(console: Console, shown: Sequence[RunColumn], rows: Sequence[RunResults]) -> None:
    kept = _kept(shown, rows)
    words = [column for column in kept if column.is_words and column.key in ("run", "state")]
    table = make_table(*(column.label for column in kept), left=len(words))
    for row in rows:
        style = "dim" if row.run.is_superseded else ""
        table.add_row(*(cell(column.text(row) or UNKNOWN, style) for column in kept))
    print_table(console, table)


def _kept(shown: Sequence[RunColumn], rows: Sequence[RunResults]) -> list[RunColumn]:
    return [
        column for column in shown if column.key not in _OPTIONAL or any(column.value(row) for row in rows)
    ]
