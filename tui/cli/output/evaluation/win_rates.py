"""What the commands about win rates print for people."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from core.api import (
    ALPHA,
    DIMENSIONS,
    Agreement,
    AnnotatorTest,
    BiasModel,
    Comparison,
    HumanWinRate,
    PairedTest,
    PredictionPoweredWinRate,
    Ranking,
    RecipeRate,
    Scorecard,
    SeedGroup,
    WinRate,
    difference_interval,
    judge_labels,
)
from tui.cli.output.evaluation.seeds import print_groups
from tui.cli.output.tables import cell, make_table, print_line, print_table
from tui.format.evaluation import human_votes, win_rates
from tui.format.text import visible
from tui.format.values import UNKNOWN, count, p_value, percent, span
from tui.screens.win_rates.matrix import SIGNIFICANT
from tui.screens.win_rates.metrics import comparison_metrics, judge_metrics
from tui.screens.win_rates.metrics.metric_row import MetricRow

#: Pairs of responders with the same answers that are listed.
_MAX_SAME = 8

SAMPLE_WARNING = "This is sample data for trying the program, not research data. Draw no conclusions from it."


def print_win_rates(
    console: Console,
    rates: Sequence[WinRate],
    with_votes: Sequence[PredictionPoweredWinRate],
    *,
    sample: bool,
    unstarted: Collection[str] = (),
    seeds: Sequence[SeedGroup] = (),
) -> None:
    """The table of all comparisons, what its columns mean, and each judge's agreement with people.

    `unstarted` are jobs that nobody has requested, `seeds` what differs in the seed of training alone.
    """
    if not rates:
        print_line(console, "There is no comparison yet: config.toml defines none, or there is no data.")
        return
    print_table(console, _table(rates, with_votes, unstarted))
    if seeds:
        print_groups(console, seeds)
        console.print()
    _print_dimensions(console, rates)
    _print_meaning(console, rates, has_votes=bool(with_votes))
    for rate in rates:
        if rate.invalid and rate.n:
            print_line(
                console,
                f"! {rate.name}: {rate.invalid} of {rate.n} dialogues are invalid and left out; with them "
                f"the win rate would be between {percent(rate.min_win_rate_b, 1)} and "
                f"{percent(rate.max_win_rate_b, 1)} (Imbens–Manski interval "
                f"{span(rate.bounds_low, rate.bounds_high)} %)",
                "yellow",
            )
    _print_same_answers(console, rates)
    for rate in rates:
        effects = win_rates.order_effects(rate)
        if effects is not None:
            print_line(console, f"{rate.name}: {effects}", "dim")
    labels = judge_labels(rates)
    for judge in labels:
        print_line(console, win_rates.judge_words(labels, judge))
    if sample:
        print_line(console, SAMPLE_WARNING, "yellow")


def _table(
    rates: Sequence[WinRate], with_votes: Sequence[PredictionPoweredWinRate], unstarted: Collection[str]
) -> Table:
    """A row a comparison; judges are named if there are several."""
    named = ("judge",) if len({rate.judge for rate in rates}) > 1 else ()
    words = ("a (baseline)", "b", *named)
    by_people = {one.job: one for one in with_votes}
    votes = ("by people",) if by_people else ()
    shown = make_table(
        *words, "win rate of b", "interval", "decision", *votes, "b/a/tie/inv", "n", left=len(words)
    )
    for rate in rates:
        by = (rate.judge,) if named else ()
        counts = (rate.wins_b, rate.wins_a, rate.ties, rate.invalid)
        known = rate.win_rate_b is not None
        state = "not started" if rate.job in unstarted else rate.state
        shown.add_row(
            *(cell(name) for name in (rate.a, rate.b, *by)),
            cell(percent(rate.win_rate_b, 1) if known else state, "bold" if known else "dim"),
            cell(_span(rate)),
            cell(win_rates.brief_decision(rate) or UNKNOWN),
            *(cell(_by_people(by_people.get(rate.job))) for _ in votes),
            cell("/".join(map(count, counts)) if rate.n is not None else UNKNOWN),
            cell(count(rate.n)),
        )
    return shown


def _print_meaning(console: Console, rates: Sequence[WinRate], *, has_votes: bool) -> None:
    """What the columns of the table mean."""
    methods = list(dict.fromkeys(rate.interval for rate in rates if rate.interval))
    if methods:
        print_line(
            console,
            "win rate of b = (wins of b + half the ties) / (n - invalid); b/a/tie/inv: dialogues that b won, "
            f"that a won, ties, invalid ones; interval: {'; '.join(methods)}; decision: b leads if its "
            "interval is above 50 %, loses if it is below; else about how many more dialogues decide it",
            "dim",
        )
    if has_votes:
        print_line(
            console,
            "by people: prediction-powered, from their votes on some dialogues and the judge's verdicts on "
            "all, with its 95 % interval (`empathy-tui winrates votes`)",
            "dim",
        )


def _print_same_answers(console: Console, rates: Sequence[WinRate]) -> None:
    """The responders of these comparisons with the most answers in common."""
    found = win_rates.same_answers(rates)
    for one in found[:_MAX_SAME]:
        print_line(console, win_rates.same_answers_line(one), "yellow")
    if len(found) > _MAX_SAME:
        more = f"{len(found) - _MAX_SAME} more pairs of responders share fewer answers (--json has them)"
        print_line(console, more, "dim")


def _print_dimensions(console: Console, rates: Sequence[WinRate]) -> None:
    """A table of the win rates in each dimension, if a judge reports them."""
    asked = [rate for rate in rates if rate.dimensions]
    if not asked:
        return
    words = ("comparison", "dimension")
    shown = make_table(*words, "win rate of b", "interval", "b/a/tie/inv", left=len(words))
    for rate in asked:
        for name, part in (rate.dimensions or {}).items():
            counts = (part.wins_b, part.wins_a, part.ties, part.invalid)
            shown.add_row(
                cell(str(rate.name)),
                cell(name),
                cell(percent(part.win_rate_b, 1), "bold"),
                cell(span(part.ci_low, part.ci_high)),
                cell("/".join(map(count, counts))),
            )
    print_table(console, shown)


def _by_people(found: PredictionPoweredWinRate | None) -> str:
    if found is None:
        return UNKNOWN
    return f"{percent(found.win_rate_b, 1)} ({span(found.ci_low, found.ci_high)})"


def _span(rate: WinRate) -> str:
    if rate.ci_low is None or rate.ci_high is None:
        return UNKNOWN
    return f"{span(rate.ci_low, rate.ci_high)} %"


def print_comparison(console: Console, found: Comparison) -> None:
    """One comparison with its breakdown."""
    rate = found.rate
    print_line(console, f"{rate.b} against {rate.a}, judged by {rate.judge}: {rate.state}", "bold")
    for warning in comparison_metrics.warnings(rate):
        print_line(console, f"! {warning}", "yellow")
    _print_metrics(console, comparison_metrics.of_comparison(found))
    print_line(console, win_rates.judge_words(judge_labels([rate]), rate.judge))


def print_recipes(console: Console, found: Sequence[RecipeRate], labels: Mapping[str, str]) -> None:
    """Each recipe's win rates over the base students; `labels` are the judges'."""
    if not found:
        print_line(console, "No run is compared with its base student yet.")
        return
    dimensions = [name for name in DIMENSIONS if any(name in one.dimensions for one in found)]
    words = ("judge", "recipe", "stage")
    titles = ("students", "n", *_pairs(["overall", *dimensions]))
    shown = make_table(*words, *titles, left=len(words))
    for one in found:
        parts = [one.dimensions.get(name) for name in dimensions]
        shown.add_row(
            *(cell(text) for text in (one.judge, one.recipe, one.stage_and_settings)),
            cell(count(one.comparisons)),
            cell(count(one.n - one.invalid)),
            cell(percent(one.win_rate_b, 1), "bold"),
            cell(span(one.ci_low, one.ci_high), "dim"),
            *(
                cell(text)
                for part in parts
                for text in (
                    (UNKNOWN, "")
                    if part is None
                    else (percent(part.win_rate_b, 1), span(part.ci_low, part.ci_high))
                )
            ),
        )
    print_table(console, shown)
    print_line(
        console,
        "win rate over the base students; a dialogue scores the mean over the students; intervals over "
        "dialogues, not corrected for their number",
        "dim",
    )
    for judge in dict.fromkeys(one.judge for one in found):
        print_line(console, win_rates.judge_words(labels, judge))


def _pairs(dimensions: Sequence[str]) -> list[str]:
    return [title for name in dimensions for title in (name, "95 % interval")]


def print_rankings(console: Console, found: Sequence[Ranking], labels: Mapping[str, str]) -> None:
    """Each judge's ranking; `labels` are the judges'."""
    if not found:
        print_line(console, "No comparison is finished yet, so there is no ranking.")
        return
    for one in found:
        print_line(console, f"Ranking by {one.judge}, over {one.comparisons} comparisons", "bold")
        shown = make_table("", "responder", "strength", "95 % interval", "wins", "of", left=2)
        groups = list(dict.fromkeys(entry.group for entry in one.entries))
        for group in groups:
            if len(groups) > 1:
                shown.add_row("", cell(f"group {groups.index(group) + 1}", "bold"))
            own = [entry for entry in one.entries if entry.group == group]
            for place, entry in enumerate(own, start=1):
                shown.add_row(
                    str(place),
                    cell(entry.responder),
                    cell(f"{entry.strength:+z.2f}", "bold"),
                    cell(f"{entry.low:+z.2f} – {entry.high:+z.2f}"),
                    cell(f"{entry.wins:,.1f}"),
                    cell(count(entry.dialogues)),
                )
        print_table(console, shown)
        if one.groups > 1:
            print_line(
                console,
                f"! {one.groups} groups with no comparison between them, not even through others: strengths "
                "of different groups cannot be compared.",
                "yellow",
            )
        if one.unjudged:
            print_line(
                console,
                f"! {one.unjudged} dialogues of its comparisons are unjudged, because these were decided "
                "before; they are missing.",
                "yellow",
            )
        print_line(console, win_rates.judge_words(labels, one.judge))
        console.print()
    print_line(
        console, "Bradley–Terry log-strengths, 0 the average; a tie is half a win; bootstrap intervals", "dim"
    )


def print_judges(
    console: Console,
    cards: Sequence[Scorecard],
    agreements: Sequence[Agreement],
    votes: Sequence[HumanWinRate],
    tests: Sequence[AnnotatorTest],
    models: Sequence[BiasModel],
) -> None:
    found = judge_metrics.of_judges(cards, agreements, votes, tests, models, {})
    if not found:
        print_line(console, "There is no judge: name one in config.toml under [judges].")
        return
    _print_metrics(console, found)


def print_votes(
    console: Console, votes: Sequence[HumanWinRate], found: Sequence[PredictionPoweredWinRate]
) -> None:
    """What people voted, and the win rates by people that follow from votes and verdicts."""
    if not votes:
        print_line(console, "Nobody has voted yet: `empathy-tui vote A B`.")
        return
    for one in votes:
        print_line(
            console,
            f"{one.b} against {one.a}: {one.votes} votes of {', '.join(one.voters)} on {one.dialogues} "
            f"dialogues ({one.wins_b} for b, {one.wins_a} for a, {one.ties} ties, {one.skipped} skipped)"
            + (f". {human_votes.WEIGHTED}" if one.weighted else ""),
        )
    if not found:
        print_line(console, "No judge has compared the two yet.")
        return
    words = ("a (baseline)", "b", "judge")
    shown = make_table(*words, "by people", "votes alone", "voted", "n", "more", left=len(words))
    for rate in found:
        alone = f"{percent(rate.votes_win_rate_b, 1)} ({span(rate.votes_low, rate.votes_high)})"
        shown.add_row(
            *(cell(name) for name in (rate.a, rate.b, rate.judge)),
            cell(_by_people(rate), "bold"),
            cell(alone),
            cell(count(rate.voted)),
            cell(count(rate.n)),
            cell("decided" if rate.more == 0 else f"+{rate.more}" if rate.more else UNKNOWN),
        )
    print_table(console, shown)
    print_line(
        console,
        "by people: prediction-powered win rate of b over all n dialogues; more: further dialogues with "
        f"votes until its interval excludes 50 %, at this win rate ({UNKNOWN}: all would not be enough)",
        "dim",
    )
    for rate in found:
        print_line(console, f"{rate.b} against {rate.a}, {rate.judge}: {human_votes.basis(rate)}", "dim")
        warning = human_votes.warning(rate)
        if warning is not None:
            print_line(console, f"! {warning}", "yellow")


def print_tests(console: Console, found: Sequence[PairedTest], made: int, labels: Mapping[str, str]) -> None:
    """Those of `made` tests that are `found`; `labels` are the judges'."""
    if not made:
        print_line(
            console,
            "There is nothing to test yet: no two responders were compared with the same one.",
        )
        return
    words = ("judge", "over", "a", "b")
    shown = make_table(*words, "b ahead", "95 % interval", "better a/b", "n", "p", "p, Holm", left=len(words))
    for test in found:
        star = SIGNIFICANT if test.p_holm < ALPHA else ""
        ahead = f"{test.difference * 100:+z.1f}{star}"
        # There may be a hundred thousand.
        shown.add_row(
            *map(visible, (test.judge, test.baseline, test.a, test.b)),
            cell(ahead, "bold") if star else ahead,
            difference_interval(test.low, test.high),
            f"{count(test.better_a)}/{count(test.better_b)}",
            count(test.n),
            p_value(test.p),
            p_value(test.p_holm),
        )
    print_table(console, shown)
    print_line(
        console,
        f"{len(found)} of {made} tests. b ahead: difference of the win rates against `over`, in points; "
        "p: sign-flip permutation test of that difference; "
        f"{SIGNIFICANT}: p below 0.05 after Holm's correction over all tests of that judge and `over`",
        "dim",
    )
    if any(test.unjudged for test in found):
        unjudged = max(test.unjudged for test in found)
        print_line(
            console,
            f"Comparisons were stopped once decided: up to {unjudged} dialogues of a test have a score of "
            "one responder alone. They are missing, and p does not account for the stopping.",
            "yellow",
        )
    for judge in dict.fromkeys(test.judge for test in found):
        print_line(console, win_rates.judge_words(labels, judge))


def _print_metrics(console: Console, found: Sequence[MetricRow]) -> None:
    shown = make_table("", "", "95 % interval", "of", "", left=1)
    shown.columns[-1].justify, shown.columns[-1].no_wrap = "left", False
    for fact in found:
        if fact.heading:
            shown.add_row(cell(fact.name, "bold"), "", "", "", cell(fact.note, "dim"))
            continue
        shown.add_row(
            cell(f"  {fact.name}"),
            cell(fact.value, "dim" if fact.is_unsure else "bold"),
            cell(fact.interval, "dim"),
            cell("" if fact.n is None else count(fact.n), "dim"),
            cell(("! " if fact.warns else "") + fact.note, "yellow" if fact.warns else "dim"),
        )
    print_table(console, shown)
