"""The tables of a report, each defined once for all formats."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.domain.names import RecipeName, RunName
from core.domain.text import visible
from core.domain.win_rates import WinRate
from core.reports.gather import Report

UNKNOWN = "–"
CellValue = str | int | float | bool | None


@dataclass(frozen=True)
class ReportCell:
    """One value of a table."""

    value: CellValue
    """For programs: unrounded; None if unknown."""
    text: str
    """For people: without invisible characters, and not escaped yet."""
    is_best: bool = False
    """Whether it is the best value of its column."""


@dataclass(frozen=True)
class ReportTable:
    """One table."""

    name: str
    """The file name without its extension."""
    title: str
    note: str
    """The caption: what the numbers are, and the data behind them."""
    columns: tuple[str, ...]
    """The titles of the columns."""
    numeric: frozenset[int]
    """Indices of the columns that are aligned to the right."""
    rows: tuple[tuple[ReportCell, ...], ...]


def tables(report: Report) -> tuple[ReportTable, ...]:
    """All tables that have rows, in the report's order."""
    found = (
        *(_grid(report, judge) for judge in report.judges),
        _comparisons(report),
        *_rankings(report),
        _tests(report),
        _scorecards(report),
        _agreements(report),
        _human(report),
        _breakdown(report),
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
    waiting = [rate for rate in report.rates if rate.n is None]
    if waiting:
        found.append(
            f"{len(waiting)} of {len(report.rates)} comparisons are not finished and have no results."
        )
    for rate in report.rates:
        name = f"{_name(rate)}:"
        if rate.invalid and rate.n:
            found.append(
                f"{name} {rate.invalid} of {rate.n} dialogues have no valid outcome and count as no win; "
                f"if B won all of them, its win rate would be {_percent(rate.max_win_rate_b)}."
            )
        if rate.left_out:
            found.append(
                f"{name} {rate.left_out} test dialogues are not compared, because a responder has no usable "
                "response to them."
            )
        if rate.lc_parted:
            found.append(
                f"{name} the judge may reward length: B wins {_percent(rate.win_rate_b)}, but "
                f"{_percent(rate.lc_win_rate_b)} once length is controlled for."
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


def fingerprint(rates: Iterable[WinRate]) -> str:
    """The fingerprint of one or several comparisons."""
    prints = sorted(rate.fingerprint for rate in rates)
    if len(prints) == 1:
        return prints[0][:10]
    return hashlib.sha256("".join(prints).encode()).hexdigest()[:10]


def source(report: Report, judge: str) -> str:
    """The data behind a judge's results: number of dialogues, design and fingerprint."""
    rates = [rate for rate in report.rates if rate.judge == judge and rate.n is not None]
    designs = ", ".join(dict.fromkeys(rate.design or UNKNOWN for rate in rates))
    counts = sorted({rate.n or 0 for rate in rates})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    label = next((rate.label for rate in rates if rate.label), None)
    known = f" {visible(label)}." if label else ""
    design = f"n = {n} dialogues; {visible(designs)}"
    return f"Judge {visible(judge)}; {design}; fingerprint {fingerprint(rates)}.{known}"


def _sources(report: Report) -> str:
    return " ".join(source(report, judge) for judge in report.judges)


def _grid(report: Report, judge: str) -> ReportTable:
    """Win rates over the base student, as in the paper: a row for each recipe, a column for each stage."""
    found: dict[tuple[RecipeName, tuple[str, str]], WinRate] = {}
    for rate in report.rates:
        run = RunName.parse(rate.b)
        if rate.judge == judge and run is not None and run.student == rate.a:
            found[run.recipe, (run.student, run.stage)] = rate
    columns = list(dict.fromkeys(column for _, column in found))
    recipes = list(dict.fromkeys(recipe for recipe, _ in found))
    best = {
        column: max(
            (r.win_rate_b for (_, c), r in found.items() if c == column and r.win_rate_b is not None),
            default=None,
        )
        for column in columns
    }
    rows = []
    for recipe in recipes:
        cells = [_text(recipe.method), _text(recipe.variant)]
        for column in columns:
            own = found.get((recipe, column))
            value = None if own is None else own.win_rate_b
            text = UNKNOWN if own is None else _rate(own.win_rate_b, own.ci_low, own.ci_high)
            cells.append(ReportCell(value, text, is_best=value is not None and value == best[column]))
        rows.append(tuple(cells))
    titles = tuple(visible(f"{student} {stage}") for student, stage in columns)
    interval = next((r.interval for r in found.values() if r.interval), UNKNOWN)
    note = f"Win rate over the base student in %; interval: {interval}. {source(report, judge)}"
    return ReportTable(
        f"win_rates-{judge}",
        f"Win rates over the base, by {visible(judge)}",
        note,
        ("method", "strategy or source", *titles),
        frozenset(range(2, 2 + len(titles))),
        tuple(rows),
    )


def _comparisons(report: Report) -> ReportTable:
    titles = (
        *(
            "judge",
            "A",
            "B",
            "n",
            "B wins",
            "A wins",
            "ties",
            "invalid",
            "win rate of B",
            "low",
            "high",
            "interval",
        ),
        *("bootstrap low", "bootstrap high", "p", "p (Holm)", "length-controlled", "LC low", "LC high"),
        *("log-probability win rate of B", "log-probability low", "log-probability high"),
        *("words A", "words B", "over limit A", "over limit B", "identical"),
        *("prefers first", "prefers longer", "flip rate", "design", "state", "fingerprint"),
    )
    rows = []
    for rate in report.rates:
        cells: tuple[ReportCell, ...] = (
            _text(rate.judge),
            _text(rate.a),
            _text(rate.b),
            *map(_count, (rate.n, rate.wins_b, rate.wins_a, rate.ties, rate.invalid)),
            *map(_share, (rate.win_rate_b, rate.ci_low, rate.ci_high)),
            _text(rate.interval),
            *map(_share, (rate.bootstrap_low, rate.bootstrap_high)),
            *map(_p, (rate.p, rate.p_holm)),
            *map(_share, (rate.lc_win_rate_b, rate.lc_low, rate.lc_high)),
            *map(_share, (rate.soft_win_rate_b, rate.soft_low, rate.soft_high)),
            *map(_decimal, (rate.words_a, rate.words_b)),
            *map(_share, (rate.over_limit_a, rate.over_limit_b)),
            _count(rate.identical),
            *map(_share, (rate.prefers_first, rate.prefers_longer, rate.flip_rate)),
            _text(rate.design),
            _text(rate.state),
            _text(rate.fingerprint[:10]),
        )
        rows.append(cells)
    words = {"judge", "A", "B", "interval", "design", "state", "fingerprint"}
    return ReportTable(
        "comparisons",
        "All comparisons",
        "A is the baseline. The win rate is (wins of B + half the ties) / n; shares in %; p: sign test.",
        titles,
        frozenset(i for i, title in enumerate(titles) if title not in words),
        tuple(rows),
    )


def _rankings(report: Report) -> Iterator[ReportTable]:
    for ranking in report.rankings:
        rows = tuple(
            (
                _count(entry.group + 1),
                _text(entry.responder),
                *map(_decimal, (entry.strength, entry.low, entry.high)),
                ReportCell(entry.wins, f"{entry.wins:g}"),
                _count(entry.dialogues),
            )
            for entry in ranking.entries
        )
        note = (
            "Bradley–Terry log-strengths, 0 on average within a group, with 95 % intervals of a bootstrap "
            f"over dialogues; {ranking.comparisons} comparisons. {source(report, ranking.judge)}"
        )
        titles = ("group", "responder", "strength", "low", "high", "wins", "judged")
        name = f"ranking-{ranking.judge}"
        yield ReportTable(
            name, f"Ranking by {visible(ranking.judge)}", note, titles, frozenset({0, 2, 3, 4, 5, 6}), rows
        )


def _tests(report: Report) -> ReportTable:
    rows = tuple(
        (
            *map(_text, (test.judge, test.baseline, test.a, test.b)),
            _count(test.n),
            _count(test.better_a),
            _count(test.better_b),
            ReportCell(test.difference, f"{test.difference * 100:+z.1f}"),
            *map(_p, (test.p, test.p_holm)),
        )
        for test in report.tests
    )
    return ReportTable(
        "paired_tests",
        "Pairs of responders on the same dialogues",
        "Two responders that met the same baseline: in how many dialogues which one did better, the "
        "difference of their win rates (B less A, in points), the exact sign test's p, and Holm's correction "
        f"over all tests of a judge and baseline. {_sources(report)}",
        ("judge", "baseline", "A", "B", "n", "A better", "B better", "difference", "p", "p (Holm)"),
        frozenset(range(4, 10)),
        rows,
    )


def _scorecards(report: Report) -> ReportTable:
    rows = tuple(
        (
            _text(card.judge),
            _text(card.model or card.provider),
            _text(card.design or None),
            *map(_share, (card.agreement, card.agreement_low, card.agreement_high)),
            _count(card.pairs),
            _count(card.verdicts),
            _share(card.invalid / card.verdicts if card.verdicts else None),
            *map(_share, (card.prefers_first, card.prefers_longer, card.flip_rate)),
            ReportCell(
                card.usd_per_1000, UNKNOWN if card.usd_per_1000 is None else f"{card.usd_per_1000:.2f}"
            ),
        )
        for card in report.scorecards
    )
    titles = (
        *("judge", "model", "design", "agrees with people", "low", "high", "pairs", "verdicts", "invalid"),
        *("prefers first", "prefers longer", "flip rate", "USD per 1,000"),
    )
    return ReportTable(
        "judges",
        "Judges",
        "Agreement with the human ratings is measured on pairs with different ratings; ties count half. "
        f"Shares in %. {_sources(report)}",
        titles,
        frozenset(range(3, len(titles))),
        rows,
    )


def _agreements(report: Report) -> ReportTable:
    rows = tuple(
        (
            _text(one.kind),
            _text(one.one),
            _text(one.other),
            _count(one.pairs),
            _count(one.dialogues),
            *map(_share, (one.raw, one.raw_low, one.raw_high)),
            *map(_decimal, (one.kappa, one.kappa_low, one.kappa_high)),
        )
        for one in report.agreements
    )
    return ReportTable(
        "agreements",
        "Agreement",
        "On pairs that both judged: the share with the same outcome in %, and Cohen's kappa, with 95 % "
        f"intervals of a bootstrap over dialogues. {_sources(report)}",
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
            _text(rate.a),
            _text(rate.b),
            _text(", ".join(rate.voters)),
            *map(_count, (rate.dialogues, rate.votes, rate.skipped, rate.wins_b, rate.wins_a, rate.ties)),
            *map(_share, (rate.win_rate_b, rate.ci_low, rate.ci_high)),
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
    )
    note = "Blind votes; a dialogue scores the mean over its voters; Student's t over dialogues, in %."
    return ReportTable("human_votes", "Human votes", note, titles, frozenset(range(3, 12)), rows)


def _breakdown(report: Report) -> ReportTable:
    rows = tuple(
        (
            _text(comparison.rate.judge),
            _text(comparison.rate.a),
            _text(comparison.rate.b),
            _text(cell.kind),
            _text(cell.value),
            *map(_count, (cell.n, cell.invalid)),
            *map(_share, (cell.win_rate_b, cell.ci_low, cell.ci_high)),
            _text(comparison.rate.fingerprint[:10]),
        )
        for comparison in report.comparisons
        for cell in comparison.cells
    )
    titles = ("judge", "A", "B", "by", "value", "n", "invalid", "win rate of B", "low", "high", "fingerprint")
    note = "Win rate over some of the dialogues, in %; length is that of B's response in words."
    return ReportTable(
        "breakdown", "By emotion, sentiment and length", note, titles, frozenset(range(5, 10)), rows
    )


def _data(report: Report) -> ReportTable:
    sources = () if report.statistics is None else report.statistics.sources
    rows = tuple(
        (
            _text(one.source),
            *map(_count, one.ratings),
            _decimal(one.mean_words),
            _count(one.max_words),
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


def _text(value: str | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else visible(value))


def _count(value: int | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value:,}")


def _decimal(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value:.2f}")


def _share(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value * 100:.1f}")


def _p(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}")


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value * 100:.1f} %"


def _rate(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return UNKNOWN
    return f"{value * 100:.1f} ({low * 100:.1f}–{high * 100:.1f})"
