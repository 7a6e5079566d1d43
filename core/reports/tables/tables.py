"""The tables of a report, each defined once for all formats."""

from __future__ import annotations

from collections.abc import Iterator

from core.domain.data.recipes import DROP_REASONS
from core.domain.evaluation.comparisons import Scorecard
from core.reports.gather import Report
from core.reports.tables import (
    cells,
    comparison_tables,
    dimension_tables,
    judge_tables,
    same_answer_tables,
    seed_tables,
    stopping_tables,
    vote_tables,
)
from core.reports.tables.cells import UNKNOWN, ReportCell, ReportTable


def tables(report: Report) -> tuple[ReportTable, ...]:
    """All tables that have rows, in the report's order."""
    found = (
        *(comparison_tables.grid(report, judge) for judge in report.judges),
        seed_tables.seeds(report),
        comparison_tables.comparisons(report),
        dimension_tables.comparisons(report),
        dimension_tables.recipes(report),
        *_rankings(report),
        _tests(report),
        _scorecards(report),
        judge_tables.bias_models(report),
        judge_tables.annotator_tests(report),
        _agreements(report),
        _human(report),
        vote_tables.prediction_powered(report),
        stopping_tables.stopped(report),
        stopping_tables.sequences(report),
        comparison_tables.breakdown(report),
        vote_tables.breakdown(report),
        same_answer_tables.same_answers(report),
        _filtered(report),
        _data(report),
    )
    return tuple(table for table in found if table.rows)


def _rankings(report: Report) -> Iterator[ReportTable]:
    for ranking in report.rankings:
        rows = tuple(
            (
                cells.count(entry.group + 1),
                cells.text(entry.responder),
                *map(cells.decimal, (entry.strength, entry.low, entry.high)),
                ReportCell(entry.wins, f"{entry.wins:g}"),
                cells.count(entry.dialogues),
            )
            for entry in ranking.entries
        )
        note = (
            "Bradley–Terry log-strengths, 0 on average within a group, with 95 % intervals of a bootstrap "
            "over dialogues; "
            f"{'one responder for runs that differ in their seeds alone; ' * bool(report.seeds)}"
            f"{ranking.comparisons} comparisons, "
            f"{ranking.unjudged} dialogues of them unjudged. "
            f"{cells.source(report, ranking.judge)}"
        )
        titles = ("group", "responder", "strength", "low", "high", "wins", "judged")
        name = f"ranking-{ranking.judge}"
        yield ReportTable(
            name, f"Ranking by {ranking.judge}", note, titles, frozenset({0, 2, 3, 4, 5, 6}), rows
        )


def _tests(report: Report) -> ReportTable:
    rows = tuple(
        (
            *map(cells.text, (test.judge, test.baseline, test.a, test.b)),
            cells.count(test.n),
            cells.count(test.unjudged),
            cells.count(test.better_a),
            cells.count(test.better_b),
            *(ReportCell(v, f"{v * 100:+z.1f}") for v in (test.difference, test.low, test.high)),
            *map(cells.p_value, (test.p, test.p_holm)),
        )
        for test in report.tests
    )
    return ReportTable(
        "paired_tests",
        "Pairs of responders on the same dialogues",
        "Two responders that met the same baseline: in how many dialogues which one scored higher, the "
        "difference of their win rates (B less A, in points) with Student's 95 % interval, the p of the "
        "sign-flip permutation test of that difference, and Holm's correction over all tests of a judge and "
        "baseline. Dialogues that are invalid for either are left out, as are unjudged ones: those on which "
        f"only one was judged, because the other comparison was decided before. {cells.sources(report)}",
        (
            "judge",
            "baseline",
            "A",
            "B",
            "n",
            "unjudged",
            "A better",
            "B better",
            "difference",
            "low",
            "high",
            "p",
            "p (Holm)",
        ),
        frozenset(range(4, 13)),
        rows,
    )


def _scorecards(report: Report) -> ReportTable:
    """Each judge's quality; the full table has the ends of intervals as columns."""

    def row(card: Scorecard, *, full: bool) -> tuple[ReportCell, ...]:
        def estimate(*found: float | None) -> tuple[ReportCell, ...]:
            if full:
                return tuple(map(cells.share, found))
            return (ReportCell(found[0], cells.rate_text(*found)),)

        usd = UNKNOWN if card.usd_per_1000 is None else f"{card.usd_per_1000:.2f}"
        return (
            cells.text(card.judge),
            cells.text(card.model or card.provider),
            cells.text(card.design or None),
            *estimate(card.agreement, card.agreement_low, card.agreement_high),
            cells.share(card.longer_agreement),
            cells.count(card.pairs),
            cells.count(card.verdicts),
            cells.share(card.invalid_share),
            *((cells.text(_forms(card)),) if full else ()),
            *estimate(card.prefers_first, card.prefers_first_low, card.prefers_first_high),
            *estimate(card.prefers_longer, card.prefers_longer_low, card.prefers_longer_high),
            *estimate(card.flip_rate, card.flip_rate_low, card.flip_rate_high),
            ReportCell(card.usd_per_1000, usd),
        )

    def table(*, full: bool) -> ReportTable:
        def ends(name: str, short: str) -> tuple[str, ...]:
            return (name, f"{short}low", f"{short}high") if full else (name,)

        titles = (
            *("judge", "model", "design", *ends("agrees with people", ""), "the longer one wins", "pairs"),
            *("verdicts", "invalid", *(("forms of answers",) if full else ())),
            *(*ends("prefers first", "first "), *ends("prefers longer", "longer ")),
            *(*ends("flip rate", "flip "), "USD per 1,000"),
        )
        note = (
            "Agreement with the human ratings is measured on pairs with different ratings; a split decision "
            "counts half, pairs without a valid verdict are left out; beside it what “the longer one wins” "
            "reaches on the same pairs, where chance is 50. First and longer: shares of the verdicts with a "
            "winner (on different lengths); flip rate: over pairs of different texts judged in both orders. "
            f"95 % intervals, clustered by dialogue. Shares in %. {cells.sources(report)}"
        )
        rows = tuple(row(card, full=full) for card in report.scorecards)
        more = None if full else table(full=True)
        return ReportTable("judges", "Judges", note, titles, frozenset(range(3, len(titles))), rows, more)

    return table(full=False)


def _forms(card: Scorecard) -> str | None:
    if card.forms is None:
        return None
    return ", ".join(f"{count:,} {form}" for form, count in card.forms.items()) or "none"


def _agreements(report: Report) -> ReportTable:
    rows = tuple(
        (
            cells.text(one.kind),
            cells.text(one.one),
            cells.text(one.other),
            cells.count(one.pairs),
            cells.count(one.dialogues),
            *map(cells.share, (one.raw, one.raw_low, one.raw_high)),
            *map(cells.decimal, (one.kappa, one.kappa_low, one.kappa_high)),
        )
        for one in report.agreements
    )
    return ReportTable(
        "agreements",
        "Agreement",
        "On pairs that both judged: the share with the same outcome in %, and Cohen's kappa, with 95 % "
        f"intervals of a bootstrap over dialogues. {cells.sources(report)}",
        (
            "kind",
            "one",
            "other",
            "pairs",
            "dialogues",
            "same",
            "low",
            "high",
            "kappa",
            "kappa low",
            "kappa high",
        ),
        frozenset(range(3, 11)),
        rows,
    )


def _human(report: Report) -> ReportTable:
    rows = tuple(
        (
            cells.text(rate.a),
            cells.text(rate.b),
            cells.text(", ".join(rate.voters)),
            *map(
                cells.count, (rate.dialogues, rate.votes, rate.skipped, rate.wins_b, rate.wins_a, rate.ties)
            ),
            *map(cells.share, (rate.win_rate_b, rate.ci_low, rate.ci_high)),
            cells.text("by uncertainty, weighted" if rate.weighted else "uniformly"),
        )
        for rate in report.human
    )
    titles = (
        "A",
        "B",
        "voters",
        "dialogues",
        "votes",
        "skipped",
        "for B",
        "for A",
        "ties",
        "win rate of B",
        "low",
        "high",
        "drawn",
    )
    note = (
        "Blind votes; a dialogue scores the mean over its voters; skipped ones are left out; interval: "
        "Wilson 95 %, effective sample size; in %. Where dialogues were drawn by the judge's "
        "uncertainty, the win rate is weighted by the inverse of their probabilities (arXiv 2403.03208), the "
        "counts are not."
    )
    return ReportTable("human_votes", "Human votes", note, titles, frozenset(range(3, 12)), rows)


def _filtered(report: Report) -> ReportTable:
    """What a judge left of each recipe's preference pairs."""
    rows = tuple(
        (
            *map(cells.text, (recipe, one.judge)),
            *map(cells.count, (one.pairs, one.kept, one.pairs - one.kept)),
            cells.share(one.dropped_share),
            *(cells.count(one.dropped.get(reason, 0)) for reason in DROP_REASONS),
        )
        for recipe, one in report.filtered
    )
    titles = ("recipe", "judge", "pairs", "kept", "dropped", "dropped %", *DROP_REASONS.values())
    note = (
        "DPO trains on the kept preference pairs: those whose chosen response the judge prefers, as a "
        "comparison counts a win. Dropped are those whose rejected response it prefers, on which it is "
        "undecided, of the same text, or without a valid verdict in each order."
    )
    return ReportTable(
        "filtered_pairs", "Filtered preference pairs", note, titles, frozenset(range(2, 10)), rows
    )


def _data(report: Report) -> ReportTable:
    sources = () if report.statistics is None else report.statistics.sources
    rows = tuple(
        (
            cells.text(one.source),
            *map(cells.count, one.ratings),
            cells.decimal(one.mean_words),
            cells.count(one.max_words),
        )
        for one in sources
    )
    counts = report.dialogues
    note = (
        f"{counts.total:,} dialogues, {counts.train:,} of them train and {counts.test:,} test; file "
        f"{report.file or UNKNOWN}, SHA-256 {report.file_sha256 or UNKNOWN}."
    )
    titles = ("source", "rated 1", "rated 2", "rated 3", "mean words", "max words")
    return ReportTable("data", "Data", note, titles, frozenset(range(1, 6)), rows)
