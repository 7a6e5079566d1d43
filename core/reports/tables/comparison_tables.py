"""The tables of win rates: the paper's grid, all comparisons, and their breakdowns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.domain.evaluation.win_rates import ALPHA, WinRate
from core.domain.names import NamedSettings, RecipeName, RunName, settings_text
from core.reports.gather import Report
from core.reports.tables import cells, seed_tables, vote_tables
from core.reports.tables.cells import UNKNOWN, ReportCell, ReportTable


def grid(report: Report, judge: str) -> ReportTable:
    """Win rates over the base student, as in the paper: a row for each recipe, a column for each stage."""
    found: dict[tuple[tuple[RecipeName, NamedSettings], tuple[str, str]], list[WinRate]] = {}
    for rate in report.rates:
        run = RunName.parse(rate.b)
        if rate.judge == judge and run is not None and run.student == rate.a:
            row = run.recipe, run.over_seeds.settings
            found.setdefault((row, (run.student, run.stage)), []).append(rate)
    columns = list(dict.fromkeys(column for _, column in found))
    names = list(dict.fromkeys(name for name, _ in found))
    leaders = {
        column: best([rate for (_, c), own in found.items() if c == column for rate in own], report)
        for column in columns
    }
    over_seeds = {one.name: one for one in report.seeds}
    rows = []
    for recipe, settings in names:
        variant = " ".join(filter(None, (recipe.variant, settings_text(settings))))
        cells_of_row = [cells.text(recipe.method), cells.text(variant)]
        for column in columns:
            own = found.get(((recipe, settings), column), [])
            if len(own) > 1:
                group = over_seeds.get(own[0].name.over_seeds)
                mean = None if group is None else group.mean
                cells_of_row.append(ReportCell(mean, seed_tables.mean_text(group)))
                continue
            one = own[0] if own else None
            text = UNKNOWN if one is None else cells.rate_text(one.win_rate_b, one.ci_low, one.ci_high)
            is_best = one is not None and one is leaders[column]
            cells_of_row.append(ReportCell(None if one is None else one.win_rate_b, text, is_best))
        rows.append(tuple(cells_of_row))
    rates = [rate for own in found.values() for rate in own]
    titles = tuple(f"{student} {stage}" for student, stage in columns)
    intervals = ", ".join(dict.fromkeys(rate.interval for rate in rates if rate.interval)) or UNKNOWN
    note = (
        f"Win rate over the base student in %; interval: {intervals}"
        f"{'; of several seeds mean ± standard deviation' * (len(rates) > len(found))}. "
        "In bold: better than every other of its column (sign-flip permutation test on the same dialogues, "
        "p < 0.05 after Holm's correction over all pairs of responders that met the base). "
        f"{_counting(rates)} {cells.source(report, judge)}"
    )
    return ReportTable(
        f"win_rates-{judge}",
        f"Win rates over the base, by {judge}",
        note,
        ("method", "strategy or source", *titles),
        frozenset(range(2, 2 + len(titles))),
        tuple(rows),
    )


def best(rates: Sequence[WinRate], report: Report) -> WinRate | None:
    """The one with the highest win rate, if it is significantly better than every other; None otherwise."""
    known = [rate for rate in rates if rate.win_rate_b is not None]
    if len(known) < 2:
        return None
    first = max(known, key=lambda rate: rate.win_rate_b or 0.0)
    beaten = {
        test.a if test.b == first.b else test.b
        for test in report.tests
        if (test.judge, test.baseline) == (first.judge, first.a)
        and test.p_holm < ALPHA
        and first.b == (test.b if test.difference > 0 else test.a)
    }
    return first if all(rate.b in beaten for rate in known if rate is not first) else None


def comparisons(report: Report) -> ReportTable:
    """The columns of a paper; the full table has all metrics."""
    rates = report.rates
    judges, baselines = ({getattr(rate, side) for rate in rates} for side in ("judge", "a"))
    named = (("judge", "judge"),) if len(judges) > 1 else ()
    named = (*named, ("baseline", "a")) if len(baselines) > 1 else named
    with_votes = {c.rate.job: c.with_votes for c in report.comparisons if c.with_votes is not None}
    votes = ("by people",) if with_votes else ()
    rows = tuple(
        (
            *(cells.text(getattr(rate, field)) for _, field in (*named, ("responder", "b"))),
            cells.count(rate.n),
            ReportCell(rate.win_rate_b, cells.rate_text(rate.win_rate_b, rate.ci_low, rate.ci_high)),
            *(vote_tables.by_people(with_votes.get(rate.job)) for _ in votes),
            ReportCell(rate.lc_win_rate_b, cells.rate_text(rate.lc_win_rate_b, rate.lc_low, rate.lc_high)),
            *map(cells.count, (rate.ties, rate.invalid)),
            cells.p_value(rate.p_holm),
        )
        for rate in rates
    )
    words = (*(title for title, _ in named), "responder")
    titles = (*words, "n", "win rate", *votes, "length-controlled", "ties", "invalid", "p (Holm)")
    over = f" over {next(iter(baselines))}" if len(baselines) == 1 else " over its baseline"
    intervals = ", ".join(dict.fromkeys(rate.interval for rate in rates if rate.interval)) or UNKNOWN
    tests = ", ".join(dict.fromkeys(rate.test for rate in rates if rate.test)) or UNKNOWN
    note = (
        f"Win rate of the responder{over} in %, with its 95 % interval ({intervals}). {_counting(rates)} "
        f"{vote_tables.CAPTION if with_votes else ''}"
        f"p: {tests}, two-sided, after Holm's correction over all {len(rates)} comparisons"
        f"{' of the same judge' if len(judges) > 1 else ''}. {cells.sources(report)}"
    )
    numeric = frozenset(range(len(words), len(titles)))
    return ReportTable("comparisons", "All comparisons", note, titles, numeric, rows, _all_metrics(report))


def _counting(rates: Iterable[WinRate]) -> str:
    """How a win rate counts ties, identical texts and invalid dialogues."""
    known = [rate for rate in rates if rate.n is not None]
    identical, invalid = (
        sum(getattr(rate, field) or 0 for rate in known) for field in ("identical", "invalid")
    )
    return (
        "A tie is half a win; orders that disagree are a tie; identical texts are ties without a verdict "
        f"({identical:,} here); dialogues without a valid verdict in each order are invalid and left out "
        f"({invalid:,} here)."
    )


def _all_metrics(report: Report) -> ReportTable:
    titles = (
        *("judge", "A", "B", "n", "B wins", "A wins", "ties", "invalid", "win rate of B", "low", "high"),
        *("interval", "min win rate of B", "max win rate of B", "bounds low", "bounds high"),
        *("bootstrap low", "bootstrap high", "p", "p (Holm)", "test"),
        *("length-controlled", "LC low", "LC high", "LC difference low", "LC difference high", "LC overlap"),
        *("log-probability win rate of B", "log-probability low", "log-probability high"),
        *("words A", "words B", "over limit A", "over limit B", "identical", "decision"),
        *("prefers first", "first low", "first high", "prefers longer", "longer low", "longer high"),
        *("flip rate", "flip low", "flip high", "unjudged", "design", "state", "fingerprint"),
    )
    rows = []
    for rate in report.rates:
        row: tuple[ReportCell, ...] = (
            cells.text(rate.judge),
            cells.text(rate.a),
            cells.text(rate.b),
            *map(cells.count, (rate.n, rate.wins_b, rate.wins_a, rate.ties, rate.invalid)),
            *map(cells.share, (rate.win_rate_b, rate.ci_low, rate.ci_high)),
            cells.text(rate.interval),
            *map(cells.share, (rate.min_win_rate_b, rate.max_win_rate_b, rate.bounds_low, rate.bounds_high)),
            *map(cells.share, (rate.bootstrap_low, rate.bootstrap_high)),
            *map(cells.p_value, (rate.p, rate.p_holm)),
            cells.text(rate.test),
            *map(cells.share, (rate.lc_win_rate_b, rate.lc_low, rate.lc_high)),
            *map(cells.share, (rate.lc_difference_low, rate.lc_difference_high, rate.lc_overlap)),
            *map(cells.share, (rate.probability_win_rate_b, rate.probability_low, rate.probability_high)),
            *map(cells.decimal, (rate.words_a, rate.words_b)),
            *map(cells.share, (rate.over_limit_a, rate.over_limit_b)),
            cells.count(rate.identical),
            cells.text(rate.decision or UNKNOWN),
            *map(cells.share, (rate.prefers_first, rate.prefers_first_low, rate.prefers_first_high)),
            *map(cells.share, (rate.prefers_longer, rate.prefers_longer_low, rate.prefers_longer_high)),
            *map(cells.share, (rate.flip_rate, rate.flip_rate_low, rate.flip_rate_high)),
            cells.count(None if rate.n is None else rate.unjudged),
            cells.text(rate.design),
            cells.text(rate.state),
            cells.text(rate.fingerprint[:10]),
        )
        rows.append(row)
    words = {"judge", "A", "B", "decision", "interval", "test", "design", "state", "fingerprint"}
    numeric = frozenset(i for i, title in enumerate(titles) if title not in words)
    return ReportTable("comparisons", "All comparisons", "All metrics.", titles, numeric, tuple(rows))


def breakdown(report: Report) -> ReportTable:
    """The win rates over parts of the dialogues; the full table has the ends of intervals as columns."""
    found = [(comparison.rate, cell) for comparison in report.comparisons for cell in comparison.cells]
    named = [
        (
            *map(cells.text, (rate.judge, rate.a, rate.b, cell.kind, cell.value)),
            *map(cells.count, (cell.n, cell.invalid)),
        )
        for rate, cell in found
    ]
    names = ("judge", "A", "B", "by", "value", "n", "invalid")
    note = (
        f"{len(found):,} cells: win rates of B over some of the dialogues, in %; length is that of B's "
        "response in words. Invalid dialogues are left out; the bounds are the win rates if A, or B, had won "
        f"them. Nothing is corrected for the number of cells: about {max(1, round(len(found) / 20)):,} of "
        f"{len(found):,} intervals would miss by chance."
    )
    title, words = "By emotion, sentiment and length", len(names) - 2
    full = ReportTable(
        "breakdown",
        title,
        note,
        (*names, "win rate of B", "low", "high", "min", "max", "bounds low", "bounds high", "fingerprint"),
        frozenset(range(words, words + 9)),
        tuple(
            (
                *name,
                *map(cells.share, (cell.win_rate_b, cell.ci_low, cell.ci_high)),
                *map(cells.share, (cell.min_win_rate_b, cell.max_win_rate_b)),
                *map(cells.share, (cell.bounds_low, cell.bounds_high)),
                cells.text(rate.fingerprint[:10]),
            )
            for name, (rate, cell) in zip(named, found, strict=True)
        ),
    )
    rows = tuple(
        (
            *name,
            ReportCell(cell.win_rate_b, cells.rate_text(cell.win_rate_b, cell.ci_low, cell.ci_high)),
            ReportCell(cell.min_win_rate_b, cells.span(cell.min_win_rate_b, cell.max_win_rate_b)),
        )
        for name, (_, cell) in zip(named, found, strict=True)
    )
    columns = (*names, "win rate of B", "bounds")
    return ReportTable("breakdown", title, note, columns, frozenset(range(words, words + 4)), rows, full)
