"""What `judge plan` prints for people."""

from __future__ import annotations

from rich.console import Console

from core.api import JudgePlan, PlannedDesign
from tui.cli.output.tables import cell, make_table, print_line
from tui.format.values import UNKNOWN, count, dollars, percent

_ORDERS = {1: "baseline first", 2: "both"}


def print_plan(console: Console, plan: JudgePlan) -> None:
    """A judge's designs, what they need and cost, and the rates that this follows from."""
    print_line(
        console,
        f"{plan.judge}: to detect a difference of {plan.detect * 100:g} points with {percent(plan.power)} "
        f"power (p < {plan.alpha:g}, two-sided)",
        "bold",
    )
    shown = make_table(
        "orders", "repeats", "dialogues", "two runs", "requests", "cost", "test split detects", left=1
    )
    for design in plan.designs:
        style = "bold" if design.is_configured else ""
        bound = "≤ " if design.at_most else ""
        paired = design.dialogues_paired
        shown.add_row(
            cell(_ORDERS[design.orders] + (" *" if design.is_configured else ""), style),
            cell(str(design.repeats), style),
            cell(bound + count(design.dialogues) + ("" if design.fits else " !"), style),
            cell(UNKNOWN if paired is None else bound + count(paired), style),
            cell(bound + count(design.requests), style),
            cell(UNKNOWN if design.usd is None else f"{bound}~{dollars(design.usd)}", style),
            cell(_detectable(design), style),
        )
    console.print(shown)
    print_line(
        console,
        f"dialogues: until a win rate of {percent(0.5 + plan.detect, 1)} differs from 50 %; two runs: until "
        "two win rates over the same baseline differ by as much; requests, cost: of one comparison; test "
        f"split detects: the smallest difference that its {plan.test_dialogues} dialogues can detect; *: as "
        "in config.toml; !: more than the test split has; ≤: at most",
        "dim",
    )
    print_line(
        console,
        f"Seen so far: {count(plan.seen)} dialogues, {percent(plan.tie_rate)} ties, orders disagree on "
        f"{percent(plan.flip_rate)}, repeats on {percent(plan.repeat_rate)}.",
    )
    if any(design.orders == 2 for design in plan.designs):
        print_line(console, "With one order, position bias of the judge changes the win rate.", "yellow")
    for sentence in plan.missing:
        print_line(console, f"! {sentence}", "yellow")


def _detectable(design: PlannedDesign) -> str:
    if design.detectable is None:
        return UNKNOWN
    return f"{'≤ ' if design.at_most else ''}{design.detectable * 100:.1f} points"
