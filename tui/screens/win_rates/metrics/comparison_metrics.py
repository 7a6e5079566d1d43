"""The metrics of a comparison as rows: each with its name, value, interval and a note."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from core.api import MAX_WORDS, difference_interval
from tui.format import values as formats
from tui.format.evaluation import human_votes, win_rates
from tui.format.text import visible
from tui.navigation.pair_filter import PairFilter
from tui.screens.win_rates.matrix import significance
from tui.screens.win_rates.metrics.metric_row import MetricRow, heading, share

if TYPE_CHECKING:
    from core.api import Cell, Comparison, PredictionPoweredWinRate, SequencePoint, WinRate

#: Win rates over fewer dialogues than this are marked as unreliable.
FEW = 20
#: Points of a confidence sequence that are shown, about.
_POINTS = 10

_KINDS = {
    "emotion": "By emotion",
    "sentiment": "By sentiment",
    "length": "By words in B's response",
}


def of_comparison(comparison: Comparison) -> list[MetricRow]:
    """All metrics of a comparison, each with the comparison's pairs."""
    rate = comparison.rate
    behind = ((rate.a, rate.b),)
    found = (
        heading("Win rate of B"),
        _raw(rate),
        *_by_people(comparison.with_votes),
        *_other_win_rates(rate),
        *_of_dialogues(rate),
        *_of_lengths(rate),
        *_of_orders(rate),
        *_unusual_responses(rate),
        *_of_sequence(comparison.sequence),
        *_of_cells(comparison.cells),
    )
    return [replace(metric, behind=behind) for metric in found]


def first_place(flip_rate: float | None) -> str:
    """The note on the preference for the first position: its denominator, and its limits."""
    if flip_rate is None:
        return "of the verdicts with a winner, all in one order: no evidence of position bias"
    return "of the verdicts with a winner"


def warnings(rate: WinRate) -> list[str]:
    """Caveats of a comparison's win rate."""
    found = []
    if rate.lc_differs:
        found.append(
            f"Length affects this win rate: at equal length it is "
            f"{formats.percent(rate.lc_win_rate_b, 1)} ({formats.span(rate.lc_low, rate.lc_high)})."
        )
    if rate.unjudged:
        found.append(
            f"Stopped once it was decided: {rate.unjudged} dialogues have no verdict and are missing. "
            "Intervals other than that of the raw win rate do not account for this."
        )
    if rate.invalid and rate.n:
        ends = (formats.percent(end, 1) for end in (rate.min_win_rate_b, rate.max_win_rate_b))
        found.append(
            f"{rate.invalid} of {rate.n} dialogues are invalid and left out: with them the win rate would "
            f"be between {' and '.join(ends)}."
        )
    if rate.lc_overlap is not None and rate.is_extrapolated:
        found.append(
            f"One response is longer in {formats.percent(1 - rate.lc_overlap)} of the dialogues: the win "
            "rate at equal length is extrapolated from the few others."
        )
    found += [
        f"B gives {win_rates.same_answers_words(one.same, one.dialogues)} as {one.a}."
        for one in rate.same_as_b
        if one.are_mostly_same
    ]
    if rate.left_out:
        found.append(f"{rate.left_out} test dialogues are not compared: they lack a usable response.")
    if rate.n is not None and rate.n < FEW:
        found.append(f"Only {rate.n} dialogues: the interval is wide.")
    return found


def _by_people(found: PredictionPoweredWinRate | None) -> Iterator[MetricRow]:
    """The win rate by people, beside the judge's; nothing without votes."""
    if found is None:
        return
    note = f"estimated for all dialogues: {human_votes.basis(found)}; {human_votes.more_votes(found)}"
    yield share("prediction-powered", found.win_rate_b, found.ci_low, found.ci_high, n=found.n, note=note)
    warning = human_votes.warning(found)
    if warning is not None:
        yield MetricRow(
            "  votes that no longer count", formats.count(found.changed), note=warning, warns=True
        )
    voters = formats.counted(len(found.voters), "voter")
    ties = f"; {found.identical} identical pairs are ties" if found.identical else ""
    yield share(
        "  votes alone",
        found.votes_win_rate_b,
        found.votes_low,
        found.votes_high,
        n=found.voted,
        note=f"{voters}: {', '.join(found.voters)}{ties}",
    )


def _raw(rate: WinRate) -> MetricRow:
    note = "verdicts are incomplete" if rate.n is None else "no valid verdict"
    if rate.win_rate_b is not None:
        note = _sentence(rate.interval, rate.design and f"the judge was given {rate.design}")
    return share("raw", rate.win_rate_b, rate.ci_low, rate.ci_high, n=_valid(rate), note=note)


def _valid(rate: WinRate) -> int | None:
    return None if rate.n is None else rate.n - (rate.invalid or 0)


def _other_win_rates(rate: WinRate) -> Iterator[MetricRow]:
    """The win rate with other intervals, at equal length, by probability, and in each dimension."""
    if rate.bootstrap_low is not None:
        yield share(
            "bootstrap",
            rate.win_rate_b,
            rate.bootstrap_low,
            rate.bootstrap_high,
            n=_valid(rate),
            note="percentile interval over resampled dialogues",
        )
    yield share(
        "length-controlled",
        rate.lc_win_rate_b,
        rate.lc_low,
        rate.lc_high,
        note=_length_controlled(rate),
        warns=bool(rate.lc_differs) or rate.is_extrapolated,
    )
    yield share(
        "by probability",
        rate.probability_win_rate_b,
        rate.probability_low,
        rate.probability_high,
        note="by the log-probabilities of the judge's answers"
        if rate.probability_win_rate_b is not None
        else "the judge gives no log-probabilities",
    )
    yield from _of_dimensions(rate)
    if rate.invalid:
        yield MetricRow(
            "bounds by invalid",
            formats.span(rate.min_win_rate_b, rate.max_win_rate_b),
            formats.span(rate.bounds_low, rate.bounds_high),
            n=rate.n,
            note="if A, or B, had won all invalid ones; "
            + ("Imbens–Manski interval" if rate.stopping is None else "confidence sequences"),
            low=rate.bounds_low,
            high=rate.bounds_high,
            warns=True,
        )


def _of_dialogues(rate: WinRate) -> Iterator[MetricRow]:
    """The dialogues by their outcome, and the tests of the win rate."""
    n = rate.n
    yield heading("Dialogues")
    for name, count in (("B wins", rate.wins_b), ("A wins", rate.wins_a), ("ties", rate.ties)):
        yield _count(name, count, n)
    yield replace(
        _count("invalid", rate.invalid, n),
        note="an order without a valid verdict; left out of all results" if n is not None else "",
        warns=bool(rate.invalid),
    )
    yield from _of_stopping(rate)
    yield MetricRow("p", formats.p_value(rate.p), note=f"of a win rate of 50 %, two-sided; {rate.test or ''}")
    yield MetricRow(
        "after Holm",
        formats.p_value(rate.p_holm),
        note=f"p corrected over all comparisons of the judge: {significance(rate.p_holm)}",
    )


def _of_lengths(rate: WinRate) -> Iterator[MetricRow]:
    """The lengths of both responses, and how often the judge prefers the longer one."""
    yield heading("Length")
    for side, words, over in (("A", rate.words_a, rate.over_limit_a), ("B", rate.words_b, rate.over_limit_b)):
        yield MetricRow(
            f"words per response, {side}",
            formats.UNKNOWN if words is None else f"{words:.1f}",
            note=f"the prompt allows {MAX_WORDS}; {formats.percent(over, 1)} have more",
            warns=bool(over),
        )
    yield share(
        "prefers longer",
        rate.prefers_longer,
        rate.prefers_longer_low,
        rate.prefers_longer_high,
        note="of the verdicts with a winner and different lengths",
    )


def _of_orders(rate: WinRate) -> Iterator[MetricRow]:
    """How the order of the responses changes the judge's verdict."""
    yield heading("Order")
    yield share(
        "prefers first",
        rate.prefers_first,
        rate.prefers_first_low,
        rate.prefers_first_high,
        note=first_place(rate.flip_rate)
        if rate.prefers_first is not None
        else "the order has no effect, or is unknown",
    )
    yield share(
        "orders disagree",
        rate.flip_rate,
        rate.flip_rate_low,
        rate.flip_rate_high,
        note="of the pairs of different texts"
        if rate.flip_rate is not None
        else "each pair was judged in one order",
    )


def _unusual_responses(rate: WinRate) -> Iterator[MetricRow]:
    """Responses that need a look, and the fingerprint."""
    yield heading("Unusual responses")
    yield MetricRow(
        "identical pairs", formats.count(rate.identical), note="equal texts: a tie without a verdict"
    )
    for one in rate.same_as_b:
        yield MetricRow(
            "same answer as B",
            formats.count(one.same),
            note=f"of {one.dialogues} dialogues, by {one.a}",
            warns=one.are_mostly_same,
        )
    for name, ours, theirs, note in (
        ("empty, A / B", rate.empty_a, rate.empty_b, "no words"),
        (
            "addresses judge, A / B",
            rate.addressing_a,
            rate.addressing_b,
            "text that may address the judge (prompt injection)",
        ),
    ):
        both = f"{formats.count(ours)} / {formats.count(theirs)}"
        yield MetricRow(name, both, note=note, warns=bool(ours or theirs))
    yield MetricRow(
        "fingerprint", rate.fingerprint[:10], note=f"of the settings and all inputs: {rate.fingerprint}"
    )


def _of_stopping(rate: WinRate) -> Iterator[MetricRow]:
    """How far a comparison was judged whose judge stops once it is decided."""
    found, n = rate.stopping, rate.n
    if found is None or n is None:
        return
    if not found.decided:
        note = "judged all, and not decided: 50 % is within the confidence sequence"
    elif not rate.unjudged:
        note = "decided, but only after all were judged"
    else:
        note = "stopped, because it was decided: 50 % is outside the confidence sequence"
    yield MetricRow("judged", f"{n} of {found.dialogues}", note=note)
    share = 1 - found.requests / found.all_requests if found.all_requests else None
    yield MetricRow(
        "saved",
        f"{rate.unjudged} dialogues",
        note=f"{formats.count(found.all_requests - found.requests)} of {formats.count(found.all_requests)} "
        f"verdicts ({formats.percent(share, 1)}) were not requested",
    )


def _of_sequence(points: Sequence[SequencePoint]) -> Iterator[MetricRow]:
    """The confidence sequence, at a few points that are spread evenly and include the last one."""
    if not points:
        return
    yield heading(
        "Confidence sequence", "of the win rate of B, in the order of judging; decided once it excludes 50 %"
    )
    step = max(1, len(points) // _POINTS)
    for point in points[len(points) - 1 :: -step][::-1]:
        yield share(
            f"after {point.n}",
            point.win_rate_b,
            point.low,
            point.high,
            n=point.n,
            note=f"e-value {point.e_value:.3g} of 20; dialogue {visible(point.dialog_id)}",
        )


def _of_dimensions(rate: WinRate) -> Iterator[MetricRow]:
    """The win rate in each dimension of empathy, below that overall."""
    for name, part in (rate.dimensions or {}).items():
        invalid = ""
        if part.invalid:
            bounds = formats.span(part.min_win_rate_b, part.max_win_rate_b)
            invalid = f", {part.invalid} invalid: {bounds} with them"
        valid = None if rate.n is None else rate.n - part.invalid
        yield share(
            f"{name} empathy",
            part.win_rate_b,
            part.ci_low,
            part.ci_high,
            n=valid,
            note=f"{part.wins_b} won, {part.ties} tied, {part.wins_a} lost{invalid}",
            warns=bool(part.invalid),
        )


def _of_cells(cells: Sequence[Cell]) -> Iterator[MetricRow]:
    for kind, found in groupby(cells, key=lambda cell: cell.kind):
        own = list(found)
        yield heading(
            f"{_KINDS[kind]} ({formats.counted(len(own), 'cell')})",
            "no correction for their number: about one interval in 20 misses by chance",
        )
        for cell in own:
            yield _of_cell(cell)


def _of_cell(cell: Cell) -> MetricRow:
    is_few = cell.n < FEW
    invalid = ""
    if cell.invalid:
        bounds = formats.span(cell.min_win_rate_b, cell.max_win_rate_b)
        around = formats.span(cell.bounds_low, cell.bounds_high)
        invalid = f", {cell.invalid} invalid: {bounds} with them ({around})"
    counts = f"{cell.wins_b} won, {cell.ties} tied, {cell.wins_a} lost{invalid}"
    made = share(
        cell.value or "(none)",
        cell.win_rate_b,
        cell.ci_low,
        cell.ci_high,
        n=cell.n - cell.invalid,
        note=f"few: {counts}" if is_few else counts,
    )
    made = replace(made, only=_only(cell))
    if not is_few or cell.win_rate_b is None:
        return made
    return replace(made, value=f"~ {made.value}", is_unsure=True)


def _only(cell: Cell) -> PairFilter:
    """The filter for the pairs of a cell."""
    if cell.kind == "length":
        low, _, high = cell.value.partition("–")
        return PairFilter(words_b=(int(low), int(high)))
    return PairFilter(emotion=cell.value) if cell.kind == "emotion" else PairFilter(sentiment=cell.value)


def _count(name: str, count: int | None, n: int | None) -> MetricRow:
    of = f"{formats.percent(count / n, 1)} of {n}" if count is not None and n else ""
    return MetricRow(name, formats.count(count), note=of)


def _length_controlled(rate: WinRate) -> str:
    if rate.lc_win_rate_b is None:
        return "cannot be estimated from these verdicts" if rate.n is not None else ""
    if rate.win_rate_b is None:
        return ""
    points = (rate.lc_win_rate_b - rate.win_rate_b) * 100
    low, high = rate.lc_difference_low, rate.lc_difference_high
    between = "" if low is None or high is None else f" ({difference_interval(low, high)})"
    difference = f"{points:+z.1f} points from raw{between}"
    if rate.lc_differs:
        return f"{difference}: the judge is biased by length"
    return difference


def _sentence(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)
