"""What readers of a report must know, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from core.domain.evaluation.win_rates import WinRate
from core.domain.names import is_of_rung
from core.reports.gather import Report
from core.reports.tables import cells


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
    if report.stopped:
        trained = sum(not is_of_rung(training.run) for training in report.trainings)
        found.append(
            f"Runs with results were selected: early rungs have stopped {len(report.stopped)} of "
            f"{len(report.stopped) + trained} runs, by win rates on train dialogues that were held out. The "
            "test split took no part."
        )
    waiting = [rate for rate in report.rates if rate.n is None and rate.state != "stopped"]
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
        found += _of_comparison(rate)
    found += [
        f"Ranking by {ranking.judge}: {ranking.groups} groups were never compared; their "
        "strengths are not comparable."
        for ranking in report.rankings
        if ranking.groups > 1
    ]
    return found


def _of_comparison(rate: WinRate) -> Iterator[str]:
    """What may mislead about the win rate of one comparison."""
    name = f"{_name(rate)}:"
    if rate.invalid and rate.n:
        yield (
            f"{name} {rate.invalid} of {rate.n} dialogues are invalid and left out; with them the win "
            f"rate of B would be between {cells.percent(rate.min_win_rate_b)} and "
            f"{cells.percent(rate.max_win_rate_b)} "
            f"(95 % Imbens–Manski interval {cells.span(rate.bounds_low, rate.bounds_high)})."
        )
    if rate.stopping is not None and rate.unjudged:
        yield (
            f"{name} stopped once it was decided, after {rate.n} of {rate.stopping.dialogues} dialogues; "
            "the others are unjudged and missing. "
            f"{rate.stopping.all_requests - rate.stopping.requests:,} of "
            f"{rate.stopping.all_requests:,} verdicts were saved. Only the interval and the p of the win "
            "rate are valid at any time; other intervals and tests do not account for the stopping."
        )
    if rate.left_out:
        yield (
            f"{name} {rate.left_out} test dialogues are not compared, because a responder has no usable "
            "response to them."
        )
    if rate.lc_differs:
        yield (
            f"{name} the judge may reward length: win rate of B {cells.percent(rate.win_rate_b)}, but "
            f"{cells.percent(rate.lc_win_rate_b)} once length is controlled for."
        )
    if rate.lc_overlap is not None and rate.is_extrapolated:
        yield (
            f"{name} one response is longer in {cells.percent(1 - rate.lc_overlap)} of the dialogues; "
            "the length-controlled win rate is extrapolated from the few others."
        )
    for side, addressing in (("A", rate.addressing_a), ("B", rate.addressing_b)):
        if addressing:
            yield (f"{name} {addressing} responses of {side} have words that may be meant for the judge.")
    for side, empty in (("A", rate.empty_a), ("B", rate.empty_b)):
        if empty:
            yield f"{name} {empty} responses of {side} are empty."


def _name(rate: WinRate) -> str:
    return str(rate.name)
