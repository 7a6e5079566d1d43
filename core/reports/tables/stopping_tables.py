"""The tables of comparisons whose judge stops once it is decided who is better."""

from __future__ import annotations

from core.reports.gather import Report
from core.reports.tables import cells
from core.reports.tables.cells import ReportCell, ReportTable

_NAMES = ("judge", "A", "B")


def stopped(report: Report) -> ReportTable:
    """How far each was judged, and what was saved."""
    rows = tuple(
        (
            *map(cells.text, (rate.judge, rate.a, rate.b, "yes" if rate.stopping.decided else "no")),
            *map(cells.count, (rate.n, rate.stopping.dialogues, rate.unjudged)),
            *map(cells.count, (rate.stopping.requests, rate.stopping.all_requests)),
            cells.count(rate.stopping.all_requests - rate.stopping.requests),
            cells.count(rate.stopping.seed),
        )
        for rate in report.rates
        if rate.stopping is not None
    )
    titles = (*_NAMES, "decided", "judged", "dialogues", "unjudged", "verdicts", "of", "saved", "seed")
    note = (
        "Dialogues are judged in random order, by the seed, until 50 % is outside the 95 % confidence "
        "sequence of the win rate. Verdicts: those on different texts, in each order and repeat. "
        f"{cells.sources(report)}"
    )
    return ReportTable("stopped", "Stopped once decided", note, titles, frozenset(range(4, 11)), rows)


def sequences(report: Report) -> ReportTable:
    """The last point of each confidence sequence; the full table has all of them."""
    found = [
        (comparison.rate, comparison.sequence) for comparison in report.comparisons if comparison.sequence
    ]

    def rows(*, full: bool) -> tuple[tuple[ReportCell, ...], ...]:
        return tuple(
            (
                *map(cells.text, (rate.judge, rate.a, rate.b)),
                cells.count(point.n),
                cells.text(point.dialog_id),
                *map(cells.share, (point.score, point.win_rate_b, point.low, point.high)),
                ReportCell(point.e_value, f"{point.e_value:.3g}"),
            )
            for rate, points in found
            for point in (points if full else points[-1:])
        )

    titles = (*_NAMES, "n", "dialogue", "score of B", "win rate of B", "low", "high", "e-value")
    numeric = frozenset({3, *range(5, 10)})
    title = "Confidence sequences"
    note = (
        "After each valid dialogue: the mean score of B in %, its 95 % betting confidence sequence, and the "
        "e-value against 50 %, which decides at 20 (Waudby-Smith and Ramdas, arXiv 2010.09686). Here the "
        "last point of each; the CSV file has all."
    )
    full = ReportTable("sequences", title, note, titles, numeric, rows(full=True))
    return ReportTable("sequences", title, note, titles, numeric, rows(full=False), full)
