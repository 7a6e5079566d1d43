"""The tables of the dimensions of empathy: by comparison, and by recipe."""

from __future__ import annotations

from core.domain.evaluation.dimension_rates import DimensionRate
from core.domain.evaluation.verdicts import DIMENSIONS
from core.reports.gather import Report
from core.reports.tables import cells
from core.reports.tables.cells import ReportCell, ReportTable

_NOTE = (
    "Win rates in %, with 95 % intervals over dialogues. The judge names the better response in each "
    "dimension and overall in one answer. Ties, orders and invalid dialogues count as in the win rate "
    "overall; nothing is corrected for the number of dimensions."
)


def comparisons(report: Report) -> ReportTable:
    """The win rate of B in each dimension, of comparisons whose judge reports them."""
    found = [(rate, name, part) for rate in report.rates for name, part in (rate.dimensions or {}).items()]
    names = ("judge", "A", "B", "dimension", "B wins", "A wins", "ties", "invalid")
    named = [
        (
            *map(cells.text, (rate.judge, rate.a, rate.b, name)),
            *map(cells.count, (part.wins_b, part.wins_a, part.ties, part.invalid)),
        )
        for rate, name, part in found
    ]
    title, note = "By dimension of empathy", f"{_NOTE} {cells.sources(report)}"
    full = ReportTable(
        "dimensions",
        title,
        note,
        (*names, "win rate of B", "low", "high", "min", "max", "fingerprint"),
        frozenset(range(4, 13)),
        tuple(
            (
                *name,
                *map(cells.share, (part.win_rate_b, part.ci_low, part.ci_high)),
                *map(cells.share, (part.min_win_rate_b, part.max_win_rate_b)),
                cells.text(rate.fingerprint[:10]),
            )
            for name, (rate, _, part) in zip(named, found, strict=True)
        ),
    )
    rows = tuple((*name, _cell(part)) for name, (_, _, part) in zip(named, found, strict=True))
    columns = (*names, "win rate of B")
    return ReportTable("dimensions", title, note, columns, frozenset(range(4, 9)), rows, full)


def recipes(report: Report) -> ReportTable:
    """Each recipe's win rate over the base students, overall and in each dimension that was requested."""
    asked = [name for name in DIMENSIONS if any(name in one.dimensions for one in report.recipes)]
    names = ("judge", "recipe", "stage", "students", "n", "invalid")

    def row(index: int, *, full: bool) -> tuple[ReportCell, ...]:
        one = report.recipes[index]
        overall = (one.win_rate_b, one.ci_low, one.ci_high)
        found = [overall, *(_ends(one.dimensions.get(name)) for name in asked)]
        return (
            *map(cells.text, (one.judge, one.recipe, one.stage_and_settings)),
            *map(cells.count, (one.comparisons, one.n, one.invalid)),
            *(
                cell
                for ends in found
                for cell in (
                    map(cells.share, ends) if full else (ReportCell(ends[0], cells.rate_text(*ends)),)
                )
            ),
        )

    def table(*, full: bool) -> ReportTable:
        columns = ("overall", *asked)
        titles = (
            tuple(title for name in columns for title in (name, f"{name} low", f"{name} high"))
            if full
            else columns
        )
        note = (
            "Win rates of the runs over their base students in %, with 95 % intervals over dialogues; a "
            "dialogue scores the mean over the students with a valid score. Nothing is corrected for the "
            f"number of recipes and dimensions. {cells.sources(report)}"
        )
        return ReportTable(
            "recipes",
            "By recipe",
            note,
            (*names, *titles),
            frozenset(range(3, len(names) + len(titles))),
            tuple(row(index, full=full) for index in range(len(report.recipes))),
            None if full else table(full=True),
        )

    return table(full=False)


def _ends(part: DimensionRate | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if part is None else (part.win_rate_b, part.ci_low, part.ci_high)


def _cell(part: DimensionRate) -> ReportCell:
    return ReportCell(part.win_rate_b, cells.rate_text(part.win_rate_b, part.ci_low, part.ci_high))
