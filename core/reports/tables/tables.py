"""The tables of a report, each defined once for all formats."""

from __future__ import annotations

from collections.abc import Iterator

from core.domain.evaluation.comparisons import Scorecard
from core.domain.evaluation.win_rates import WinRate
from core.domain.text import visible
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
        _data(report),
    )
    return tuple(table for table in found if table.rows)


def warnings(report: Report) -> list[str]:
    """What readers of the results must know, one sentence each."""
    found = []
    if report.is_sample:
        found.append(
            "The data is the bundled sample: these results are for trying the program, not for research."
        )
    found += [
        f"{one.a} and {one.b} give the same answer to {one.same} of {one.dialogues} test dialogues."
        for one in report.same_answers
        if one.are_mostly_same
        and {one.a, one.b} <= {name for rate in report.rates for name in (rate.a, rate.b)}
    ]
    waiting = [rate for rate in report.rates if rate.n is None]
    if waiting:
        found.append(
            f"{len(waiting)} of {len(report.rates)} comparisons are not finished and have no results."
        )
    found += [
        f"{_name(one.rate)}: the votes on {one.with_votes.changed} dialogues no longer count, because a "
        "response has changed; the win rate by people is from the others, which may differ from them."
        for one in report.comparisons
        if one.with_votes is not None and one.with_votes.changed
    ]
    for rate in report.rates:
        name = f"{_name(rate)}:"
        if rate.invalid and rate.n:
            found.append(
                f"{name} {rate.invalid} of {rate.n} dialogues are invalid and left out; with them the win "
                f"rate of B would be between {cells.percent(rate.min_win_rate_b)} and "
                f"{cells.percent(rate.max_win_rate_b)} "
                f"(95 % Imbens–Manski interval {cells.span(rate.bounds_low, rate.bounds_high)})."
            )
        if rate.stopping is not None and rate.unjudged:
            found.append(
                f"{name} stopped once it was decided, after {rate.n} of {rate.stopping.dialogues} dialogues; "
                "the others are unjudged and missing. "
                f"{rate.stopping.all_requests - rate.stopping.requests:,} of "
                f"{rate.stopping.all_requests:,} verdicts were saved. Only the interval and the p of the win "
                "rate are valid at any time; other intervals and tests do not account for the stopping."
            )
        if rate.left_out:
            found.append(
                f"{name} {rate.left_out} test dialogues are not compared, because a responder has no usable "
                "response to them."
            )
        if rate.lc_differs:
            found.append(
                f"{name} the judge may reward length: win rate of B {cells.percent(rate.win_rate_b)}, but "
                f"{cells.percent(rate.lc_win_rate_b)} once length is controlled for."
            )
        if rate.lc_overlap is not None and rate.is_extrapolated:
            found.append(
                f"{name} one response is longer in {cells.percent(1 - rate.lc_overlap)} of the dialogues; "
                "the length-controlled win rate is extrapolated from the few others."
            )
        for side, addressing in (("A", rate.addressing_a), ("B", rate.addressing_b)):
            if addressing:
                found.append(
                    f"{name} {addressing} responses of {side} have words that may be meant for the judge."
                )
        for side, empty in (("A", rate.empty_a), ("B", rate.empty_b)):
            if empty:
                found.append(f"{name} {empty} responses of {side} are empty.")
    found += [
        f"Ranking by {visible(ranking.judge)}: {ranking.groups} groups were never compared; their "
        "strengths are not comparable."
        for ranking in report.rankings
        if ranking.groups > 1
    ]
    return found


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
            name, f"Ranking by {visible(ranking.judge)}", note, titles, frozenset({0, 2, 3, 4, 5, 6}), rows
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
            cells.share(card.invalid / card.verdicts if card.verdicts else None),
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
        f"{visible(report.file or UNKNOWN)}, SHA-256 {report.file_sha256 or UNKNOWN}."
    )
    titles = ("source", "rated 1", "rated 2", "rated 3", "mean words", "most words")
    return ReportTable("data", "Data", note, titles, frozenset(range(1, 6)), rows)


def _name(rate: WinRate) -> str:
    return visible(str(rate.name))
