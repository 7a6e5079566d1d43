"""The tables of people's votes, and of win rates from votes and verdicts."""

from __future__ import annotations

from core.domain.evaluation.human_evaluation import PredictionPoweredWinRate
from core.reports.gather import Report
from core.reports.tables import cells
from core.reports.tables.cells import UNKNOWN, ReportCell, ReportTable

#: What `by people` means, in the caption of other tables.
CAPTION = (
    "By people: prediction-powered win rate (PPI++, arXiv 2311.01453), from votes on some dialogues and the "
    "judge's verdicts on all. "
)


def by_people(found: PredictionPoweredWinRate | None) -> ReportCell:
    """The prediction-powered win rate with its interval."""
    if found is None:
        return ReportCell(None, UNKNOWN)
    return ReportCell(found.win_rate_b, cells.rate_text(found.win_rate_b, found.ci_low, found.ci_high))


def breakdown(report: Report) -> ReportTable:
    """Win rates by votes over parts of the dialogues."""
    found = [(rate, cell) for rate in report.human for cell in rate.cells]
    note = (
        f"{len(found):,} cells: win rates of B by blind votes over some dialogues, in %, weighted where "
        "these were drawn by the judge's uncertainty. Nothing is corrected for the number of cells."
    )
    return ReportTable(
        "human_votes_breakdown",
        "Human votes by emotion and sentiment",
        note,
        ("A", "B", "by", "value", "dialogues", "for B", "for A", "ties", "win rate of B", "low", "high"),
        frozenset(range(4, 11)),
        tuple(
            (
                *map(cells.text, (rate.a, rate.b, cell.kind, cell.value)),
                *map(cells.count, (cell.n, cell.wins_b, cell.wins_a, cell.ties)),
                *map(cells.share, (cell.win_rate_b, cell.ci_low, cell.ci_high)),
            )
            for rate, cell in found
        ),
    )


def prediction_powered(report: Report) -> ReportTable:
    """Win rates by people, from votes and verdicts, beside those by votes and by verdicts alone."""
    found = [(c.rate, c.with_votes) for c in report.comparisons if c.with_votes is not None]
    names = ("judge", "A", "B", "n", "voted")
    note = (
        "Win rates of B in %. By people: prediction-powered (PPI++, arXiv 2311.01453), from blind votes on "
        "some dialogues and the judge's verdicts on all, unbiased whatever the judge's errors; votes alone: "
        "without the verdicts; verdicts alone: the judge's win rate. Identical texts are ties in each. "
        "Intervals of 95 %, clustered by dialogue (Wilson, effective sample size). More: further dialogues "
        "with votes until the interval excludes 50 %, if the win rate stays as it is; unknown if all would "
        "not be enough. Votes on dialogues drawn by the judge's uncertainty are weighted by the "
        "inverse of their probabilities (arXiv 2403.03208)."
    )
    title = "Win rates by people, from votes and verdicts"
    named = [
        (*map(cells.text, (rate.judge, rate.a, rate.b)), *map(cells.count, (one.n, one.voted)))
        for rate, one in found
    ]
    more = (
        *("by people", "low", "high", "votes alone", "votes low", "votes high"),
        *("verdicts alone", "verdicts low", "verdicts high", "weight", "strata", "identical", "changed"),
        *("voters", "more", "fingerprint"),
    )
    full = ReportTable(
        "prediction_powered",
        title,
        note,
        (*names, *more),
        frozenset(i for i in range(3, len(names) + len(more) - 1) if (*names, *more)[i] != "voters"),
        tuple(
            (
                *name,
                *map(cells.share, (one.win_rate_b, one.ci_low, one.ci_high)),
                *map(cells.share, (one.votes_win_rate_b, one.votes_low, one.votes_high)),
                *map(cells.share, (rate.win_rate_b, rate.ci_low, rate.ci_high)),
                cells.decimal(one.weight),
                *map(cells.count, (one.strata, one.identical, one.changed)),
                cells.text(", ".join(one.voters)),
                cells.count(one.more),
                cells.text(rate.fingerprint[:10]),
            )
            for name, (rate, one) in zip(named, found, strict=True)
        ),
    )
    rows = tuple(
        (
            *name,
            by_people(one),
            ReportCell(
                one.votes_win_rate_b, cells.rate_text(one.votes_win_rate_b, one.votes_low, one.votes_high)
            ),
            ReportCell(rate.win_rate_b, cells.rate_text(rate.win_rate_b, rate.ci_low, rate.ci_high)),
            cells.count(one.more),
        )
        for name, (rate, one) in zip(named, found, strict=True)
    )
    columns = (*names, "by people", "votes alone", "verdicts alone", "more")
    return ReportTable("prediction_powered", title, note, columns, frozenset(range(3, 9)), rows, full)
