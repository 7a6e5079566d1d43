"""What the commands about data and recipes print for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import DialogueCounts, ImportedData, ImportPlan, Recipe, Statistics
from tui.cli.output.tables import cell, make_table, print_fields, print_line
from tui.format.values import count


def dialogue_counts(counts: DialogueCounts) -> str:
    if not counts.total:
        return "none yet"
    return f"{count(counts.total)} dialogues: {count(counts.train)} train, {count(counts.test)} test"


def print_imported(console: Console, plan: ImportPlan, counts: DialogueCounts) -> None:
    """What the workspace holds after an import."""
    print_line(console, f"Imported {plan.file}: {dialogue_counts(counts)}", "bold")
    print_fields(console, ("sources", ", ".join(("human", *plan.imported.sources))))
    if plan.table.ignored:
        print_fields(console, ("ignored", f"{len(plan.table.ignored)} columns that are not needed"))


def print_changes(console: Console, plan: ImportPlan) -> None:
    """What an import would change, and the finished jobs that it would make stale."""
    print_line(console, f"{plan.file} differs from the imported data:", "bold")
    for line in plan.changes:
        print_line(console, f"  {line}")
    if not plan.stale:
        print_line(console, "No finished job becomes stale.")
        return
    print_line(console, f"{len(plan.stale)} finished jobs become stale (their results stay in artifacts/):")
    for job in plan.stale:
        print_line(console, f"  {job.stage} {job.name}")


def print_data(
    console: Console, imported: ImportedData | None, counts: DialogueCounts, statistics: Statistics | None
) -> None:
    """Statistics of the imported data."""
    if imported is None or statistics is None:
        print_line(console, "There is no data yet: `empathy-tui import CSV`, or `empathy-tui data fetch`.")
        return
    sentiments = ", ".join(
        f"{name or '(none)'} {count(number)}" for name, number in statistics.sentiments.items()
    )
    print_fields(
        console,
        ("file", imported.file),
        ("data", dialogue_counts(counts)),
        ("emotions", count(len(statistics.emotions))),
        ("sentiment", sentiments),
    )
    console.print()
    table = make_table("source", "rated 1", "rated 2", "rated 3", "mean words", "max words")
    for source in statistics.sources:
        numbers = (*map(count, source.ratings), f"{source.mean_words:.1f}", count(source.max_words))
        table.add_row(cell(source.source), *map(cell, numbers))
    console.print(table)
    for crosstab in statistics.crosstabs:
        console.print()
        table = make_table("human rated", *(f"{crosstab.source} {rating}" for rating in (1, 2, 3)))
        for rating, row in enumerate(crosstab.counts, start=1):
            table.add_row(str(rating), *(cell(count(number)) for number in row))
        console.print(table)


def print_recipes(console: Console, recipes: Sequence[Recipe]) -> None:
    if not recipes:
        print_line(console, "There is no data yet, and so no recipe: `empathy-tui import CSV`.")
        return
    table = make_table("recipe", "method", "SFT examples", "preference pairs", left=2)
    for recipe in recipes:
        counts = (count(recipe.sft_examples), count(recipe.preference_pairs))
        table.add_row(cell(recipe.name), cell(recipe.method), *map(cell, counts))
    console.print(table)
