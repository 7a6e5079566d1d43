"""The tables of what moves judges."""

from __future__ import annotations

from core.reports.gather import Report
from core.reports.tables import cells
from core.reports.tables.cells import UNKNOWN, ReportCell, ReportTable

_PASSED = {True: "passed", False: "not passed", None: None}


def bias_models(report: Report) -> ReportTable:
    """Position, length and strengths of each judge, from one model."""
    found = [(model, effect) for model in report.bias_models for effect in model.effects]
    rows = tuple(
        (
            *map(cells.text, (model.judge, effect.kind, effect.responder)),
            *map(_log_odds, (effect.log_odds, effect.low, effect.high)),
            cells.count(effect.group + 1 if effect.kind == "strength" else None),
        )
        for model, effect in found
    )
    missing = " ".join(f"{model.judge}: {text}." for model in report.bias_models for text in model.missing)
    counts = "; ".join(
        f"{model.judge}: {model.verdicts:,} verdicts on {model.dialogues:,} dialogues"
        for model in report.bias_models
    )
    note = (
        "Log-odds that the response shown first is named: logistic GEE with independent working "
        "correlation, clustered by dialogue, with 95 % intervals. Position: at equal length and strength. "
        "Length: of a much longer response (tanh of the standardised difference in words). Strength: over "
        "the mean of the group of responders that comparisons link. Each is adjusted for the others. "
        f"{counts}. {missing}"
    )
    titles = ("judge", "effect", "responder", "log-odds", "low", "high", "group")
    title = "What moves the judges"
    return ReportTable("bias_models", title, note.strip(), titles, frozenset(range(3, 7)), rows)


def annotator_tests(report: Report) -> ReportTable:
    """Whether each judge does as well as a person: a row for each voter, or what is missing."""
    rows: list[tuple[ReportCell, ...]] = []
    for test in report.annotator_tests:
        named = (cells.text(test.judge), cells.text(_PASSED[test.passed]), cells.share(test.winning_rate))
        rows += [
            (
                *named,
                cells.text(one.voter),
                cells.count(one.pairs),
                *map(cells.share, (one.judge, one.voter_share)),
                cells.p_value(one.p),
            )
            for one in test.voters
        ] or [(*named, *map(cells.text, (None,) * 5))]
    epsilon = next((test.epsilon for test in report.annotator_tests), 0.0)
    missing = " ".join(f"{test.judge} {test.missing}." for test in report.annotator_tests if test.missing)
    note = (
        "Alternative annotator test (arXiv 2501.10970): on pairs that several people voted on, the judge "
        "takes the place of each voter in turn. Judge, voter: share of the pairs on which each agrees with "
        "the other voters at least as well as the other one does, in %. p: one-sided, that the judge is "
        "worse by "
        f"{epsilon:g} or more, over dialogues; as good as a voter where it is rejected after Benjamini and "
        f"Yekutieli's correction. Passed if as good as at least half of the voters. {missing}"
    )
    titles = ("judge", "test", "as good as", "voter", "pairs", "judge agrees", "voter agrees", "p")
    title = "As good as a person?"
    numeric = frozenset({2, 4, 5, 6, 7})
    return ReportTable("annotator_tests", title, note.strip(), titles, numeric, tuple(rows))


def _log_odds(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value:+z.2f}")
