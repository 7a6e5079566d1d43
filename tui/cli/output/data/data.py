"""What the commands about data and recipes print for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import DialogueCounts, Finding, ImportedData, ImportPlan, Recipe, Statistics
from tui.cli.output.tables import cell, make_table, print_fields, print_line
from tui.format.data import findings, imports
from tui.format.data.recipes import dropped_pairs
from tui.format.data.recipes import flaws as flaw_counts
from tui.format.values import count


def dialogue_counts(counts: DialogueCounts) -> str:
    if not counts.total:
        return "none yet"
    return f"{count(counts.total)} dialogues: {count(counts.train)} train, {count(counts.test)} test"


def print_imported(console: Console, plan: ImportPlan, counts: DialogueCounts) -> None:
    """What the workspace holds after an import."""
    print_line(console, f"Imported {plan.file}: {dialogue_counts(counts)}", "bold")
    print_fields(console, ("sources", ", ".join(("human", *plan.imported.sources))))
    print_file(console, plan)


def print_preview(console: Console, plan: ImportPlan) -> None:
    """What a file would be imported as, with its first dialogue."""
    dialogues = plan.table.dialogues
    print_line(console, f"{plan.file}: {dialogue_counts(imports.counted(dialogues))}", "bold")
    print_fields(console, ("sources", ", ".join(("human", *plan.imported.sources))))
    print_file(console, plan)
    print_line(console, "The first dialogue:")
    print_fields(console, *((f"  {name}", text) for name, text in imports.first_fields(dialogues[0])))


def print_file(console: Console, plan: ImportPlan) -> None:
    """How a file was read: what was skipped and left out, and suspicious texts."""
    table = plan.table
    for name, part in (table.parts or {"": table}).items():
        if name:
            print_line(console, f"{name}: {dialogue_counts(imports.counted(part.dialogues))} before the draw")
        fields = [("format", imports.written(part.format)), ("split", part.split)]
        if part.mapping:
            guessed = " (guessed)" if part.is_guessed else ""
            fields.insert(1, ("columns", f"{part.columns}{guessed}"))
        print_fields(console, *fields)
    counts = imports.counted(table.dialogues)
    for side, number in (("train", counts.train), ("test", counts.test)):
        if not number:
            print_line(
                console,
                f"There is no {side} dialogue: data.split in config.toml sets how dialogues are divided, "
                'such as split = { by = "random" }, or with a column test = ["validation"].',
                "yellow",
            )
    if skipped := findings.skipped(table.blank_rows, table.blank_columns):
        print_fields(console, ("skipped", skipped))
    if table.ignored:
        print_fields(console, ("ignored", findings.ignored(table.ignored)))
    _print_findings(console, table.suspicious, table.left_out)
    if findings.is_other_scale(table.left_out):
        print_line(console, findings.SCALE_HINT)
    if table.undecided:
        print_line(console, findings.undecided(table.undecided))
    for number, line in enumerate(imports.near_duplicates(table.near_duplicates)):
        print_line(console, line, "" if number else "yellow")
    if plan.unavailable:
        print_line(console, "Not available with this data:", "yellow")
        for line in plan.unavailable:
            print_line(console, f"  {line}")


def _print_findings(
    console: Console, suspicious: Sequence[Finding] | None, left_out: Sequence[Finding] | None
) -> None:
    """Responses that are left out and suspicious texts, each kind with its first place."""
    for found, title in ((left_out, findings.LEFT_OUT), (suspicious, findings.SUSPICIOUS)):
        if found:
            print_line(console, findings.heading(found, title), "yellow")
            for finding in found:
                print_line(console, f"  {finding}")


def print_changes(console: Console, plan: ImportPlan) -> None:
    """What an import would change, and the finished jobs that it would make stale."""
    print_line(console, f"{plan.file} differs from the imported data:", "bold")
    for line in plan.changes:
        print_line(console, f"  {line}")
    if not plan.stale:
        print_line(console, "No finished job becomes stale.")
        return
    count_of = len(plan.stale)
    become = "job becomes" if count_of == 1 else "jobs become"
    print_line(console, f"{count_of} finished {become} stale (their results stay in artifacts/):")
    for job in plan.stale:
        print_line(console, f"  {job.title}")


def print_data(
    console: Console, imported: ImportedData | None, counts: DialogueCounts, statistics: Statistics | None
) -> None:
    """Statistics of the imported data."""
    if imported is None or statistics is None:
        print_line(console, "There is no data yet: `empathy-tui import FILE`, or `empathy-tui data fetch`.")
        return
    sentiments = ", ".join(
        f"{name or '(none)'} {count(number)}" for name, number in statistics.sentiments.items()
    )
    print_fields(
        console,
        ("file", imported.file),
        ("data", dialogue_counts(counts)),
        ("emotions", count(sum(1 for name in statistics.emotions if name))),
        ("sentiment", sentiments),
    )
    if imported.suspicious is None:
        print_fields(console, ("suspicious", findings.UNKNOWN))
    _print_findings(console, imported.suspicious, imported.left_out)
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
        print_line(console, "There is no data yet, and so no recipe: `empathy-tui import FILE`.")
        return
    names = ["recipe", "method", "SFT examples", "preference pairs", "flaws"]
    are_filtered = any(recipe.filtered is not None for recipe in recipes)
    table = make_table(*names, *(["dropped pairs"] if are_filtered else []), left=2)
    for recipe in recipes:
        flaws = None if recipe.flaws is None else sum(recipe.flaws.values())
        counts = [count(recipe.sft_examples), count(recipe.preference_pairs), count(flaws)]
        if are_filtered:
            counts.append(dropped_pairs(recipe.filtered))
        table.add_row(cell(recipe.name), cell(recipe.method), *map(cell, counts))
    console.print(table)
    for recipe in recipes:
        if words := flaw_counts(recipe):
            print_line(console, f"{recipe.name}: {words}")
        if recipe.filtered is not None:
            print_line(console, f"{recipe.name}: {recipe.filtered.words}")
