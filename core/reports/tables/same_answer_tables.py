"""The table of responders that give the same answers, word for word."""

from __future__ import annotations

from core.reports.gather import Report
from core.reports.tables import cells
from core.reports.tables.cells import ReportTable


def same_answers(report: Report) -> ReportTable:
    """Responders with an answer in common, of each the ten most alike."""
    rows = tuple(
        (
            *map(cells.text, (one.a, one.b)),
            *map(cells.count, (one.same, one.dialogues)),
            cells.share(one.same / one.dialogues),
        )
        for one in report.same_answers
    )
    note = (
        "Test dialogues to which two responders give the same answer, word for word, of those that both "
        f"answer. {cells.sources(report)}"
    )
    titles = ("A", "B", "same answer", "dialogues", "share")
    return ReportTable("same_answers", "The same answers", note, titles, frozenset(range(2, 5)), rows)
