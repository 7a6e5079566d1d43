"""The table of runs that differ in their seeds alone."""

from __future__ import annotations

from core.domain.evaluation.seeds import SeedGroup
from core.reports.gather import Report
from core.reports.tables import cells
from core.reports.tables.cells import UNKNOWN, ReportCell, ReportTable

_NOTE = (
    "Win rates in % of runs that differ in the seed of their training alone: mean, standard deviation "
    "(n − 1), lowest and highest. Two 95 % intervals of the mean: over seeds, Student's, for other seeds on "
    "these test dialogues; over both, for other seeds and other test dialogues, from a two-way table with "
    "both random. The judge's own error is in neither."
)


def seeds(report: Report) -> ReportTable:
    """Mean and spread over seeds; the full table has the ends of intervals as columns."""

    def row(one: SeedGroup, *, full: bool) -> tuple[ReportCell, ...]:
        over_seeds = (one.mean, one.seeds_low, one.seeds_high)
        over_both = (one.mean, one.low, one.high)
        return (
            *map(cells.text, (one.judge, one.a, one.b)),
            *map(cells.count, (one.n, len(one.comparisons) - one.n)),
            *map(cells.share, (one.mean, one.sd, one.min, one.max)),
            *(
                map(cells.share, (*over_seeds[1:], *over_both[1:]))
                if full
                else (
                    ReportCell(one.mean, _seeds_alone(one)),
                    ReportCell(one.mean, cells.span(*over_both[1:])),
                )
            ),
            *((cells.count(one.dialogues),) if full else ()),
        )

    def table(*, full: bool) -> ReportTable:
        ends = (
            ("seeds low", "seeds high", "low", "high", "dialogues") if full else ("over seeds", "over both")
        )
        titles = ("judge", "A", "B", "seeds", "unfinished", "mean", "sd", "min", "max", *ends)
        return ReportTable(
            "seeds",
            "Over seeds",
            f"{_NOTE} {cells.sources(report)}",
            titles,
            frozenset(range(3, len(titles))),
            tuple(row(one, full=full) for one in report.seeds),
            None if full else table(full=True),
        )

    return table(full=False)


def _seeds_alone(group: SeedGroup) -> str:
    """The interval over seeds; unknown from seeds that do not differ."""
    if group.seeds_low is None and group.sd is not None:
        return f"no spread in {group.n} seeds"
    return cells.span(group.seeds_low, group.seeds_high)


def mean_text(group: SeedGroup | None) -> str:
    """`61.3 ± 2.1 (n = 3)`."""
    if group is None or group.mean is None:
        return UNKNOWN
    spread = "" if group.sd is None else f" ± {group.sd * 100:.1f}"
    return f"{group.mean * 100:.1f}{spread} (n = {group.n})"
