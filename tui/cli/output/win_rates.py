"""What the commands about win rates print for people, the table of all comparisons apart."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import Agreement, Comparison, HumanWinRate, PairedTest, Ranking, Scorecard, WinRate
from tui.cli.output.tables import cell, line, table
from tui.format import win_rates
from tui.format.values import count, p_value
from tui.screens.win_rates import comparison_metrics, judge_metrics
from tui.screens.win_rates.comparison_metrics import Metric
from tui.screens.win_rates.matrix import SIGNIFICANT


def comparison(console: Console, found: Comparison) -> None:
    """One comparison with its breakdown."""
    rate = found.rate
    line(console, f"{rate.b} against {rate.a}, judged by {rate.judge}: {rate.state}", "bold")
    for warning in comparison_metrics.warnings(rate):
        line(console, f"! {warning}", "yellow")
    _facts(console, comparison_metrics.of_comparison(found))
    line(console, f"Judge: {win_rates.label_of([rate], rate.judge)}")


def rankings(console: Console, found: Sequence[Ranking], known: Sequence[WinRate]) -> None:
    """Each judge's ranking; `known` has the judges' labels."""
    if not found:
        line(console, "No comparison is finished, so nothing is ranked yet.")
        return
    for one in found:
        line(console, f"Ranking by {one.judge}, over {one.comparisons} comparisons", "bold")
        shown = table("", "responder", "strength", "95 % interval", "wins", "of", left=2)
        groups = list(dict.fromkeys(entry.group for entry in one.entries))
        for group in groups:
            if len(groups) > 1:
                shown.add_row("", cell(f"group {groups.index(group) + 1}", "bold"))
            own = [entry for entry in one.entries if entry.group == group]
            for place, entry in enumerate(own, start=1):
                shown.add_row(
                    str(place),
                    cell(entry.responder),
                    cell(f"{entry.strength:+z.2f}", "bold"),
                    cell(f"{entry.low:+z.2f} – {entry.high:+z.2f}"),
                    cell(f"{entry.wins:,.1f}"),
                    cell(count(entry.dialogues)),
                )
        console.print(shown)
        if one.groups > 1:
            line(
                console,
                f"! {one.groups} groups that never met, not even by way of others: strengths of different "
                "groups say nothing of each other.",
                "yellow",
            )
        line(console, f"Judge: {win_rates.label_of(known, one.judge)}")
        console.print()
    line(
        console, "Bradley–Terry log-strengths, 0 the average; a tie is half a win; bootstrap intervals", "dim"
    )


def judges(
    console: Console,
    cards: Sequence[Scorecard],
    agreements: Sequence[Agreement],
    votes: Sequence[HumanWinRate],
) -> None:
    found = judge_metrics.of_judges(cards, agreements, votes, {})
    if not found:
        line(console, "There is no judge: name one in config.toml under [judges].")
        return
    _facts(console, found)


def tests(console: Console, found: Sequence[PairedTest], made: int, known: Sequence[WinRate]) -> None:
    """Those of `made` tests that are `found`; `known` has the judges' labels."""
    if not made:
        line(console, "No two responders met the same third one yet, so there is nothing to test.")
        return
    words = ("judge", "over", "a", "b")
    shown = table(*words, "b ahead", "better a/b", "n", "p", "p, Holm", left=len(words))
    for test in found:
        star = SIGNIFICANT if test.p_holm < win_rates.ALPHA else ""
        shown.add_row(
            *(cell(name) for name in (test.judge, test.baseline, test.a, test.b)),
            cell(f"{test.difference * 100:+z.1f}{star}", "bold" if star else ""),
            cell(f"{count(test.better_a)}/{count(test.better_b)}"),
            cell(count(test.n)),
            cell(p_value(test.p)),
            cell(p_value(test.p_holm)),
        )
    console.print(shown)
    line(
        console,
        f"{len(found)} of {made} tests. b ahead: points of win rate against the one that both met; "
        f"{SIGNIFICANT} below 5 % after Holm's correction over all tests of that judge and that one",
        "dim",
    )
    for judge in dict.fromkeys(test.judge for test in found):
        line(console, f"Judge: {win_rates.label_of(known, judge)}")


def _facts(console: Console, found: Sequence[Metric]) -> None:
    shown = table("", "", "95 % interval", "of", "", left=1)
    shown.columns[-1].justify, shown.columns[-1].no_wrap = "left", False
    for fact in found:
        if fact.heading:
            shown.add_row(cell(fact.name, "bold"), "", "", "", cell(fact.note, "dim"))
            continue
        shown.add_row(
            cell(f"  {fact.name}"),
            cell(fact.value, "dim" if fact.is_unsure else "bold"),
            cell(fact.interval, "dim"),
            cell("" if fact.n is None else count(fact.n), "dim"),
            cell(("! " if fact.warns else "") + fact.note, "yellow" if fact.warns else "dim"),
        )
    console.print(shown)
