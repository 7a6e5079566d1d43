"""What is known of a comparison, or of judges, as rows: each metric with its name, interval and meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from core.api import MAX_WORDS
from tui.format import values as formats
from tui.navigation.pair_filter import PairFilter
from tui.screens.win_rates.matrix import significance

if TYPE_CHECKING:
    from core.api import Cell, Comparison, WinRate

#: Below so many dialogues a win rate says next to nothing, and is marked.
FEW = 20

_KINDS = {
    "emotion": "By emotion",
    "sentiment": "By sentiment",
    "length": "By words in B's response",
}


@dataclass(frozen=True)
class Metric:
    """One metric: `value` as text, `interval` beside it, `n` what it was counted over, `note` what it means.

    `share`, `low` and `high` from 0 to 1 put it on a bar. `heading` is the title of what follows. `warns`
    when the note is a warning, `is_unsure` when there is too little behind the metric. `behind` are the
    comparisons, as (a, b), whose pairs it comes from: all, or `only` some.
    """

    name: str
    value: str = ""
    interval: str = ""
    n: int | None = None
    note: str = ""
    share: float | None = None
    low: float | None = None
    high: float | None = None
    heading: bool = False
    warns: bool = False
    is_unsure: bool = False
    behind: tuple[tuple[str, str], ...] = ()
    only: PairFilter | None = None


def heading(title: str, note: str = "") -> Metric:
    return Metric(title, note=note, heading=True)


def share(
    name: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    n: int | None = None,
    note: str = "",
    warns: bool = False,
) -> Metric:
    """A metric from 0 to 1, in per cent; one that is not known has no interval."""
    interval = "" if low is None or high is None else formats.span(low, high)
    return Metric(
        name, formats.percent(value, 1), interval, n, note, value, low, high, heading=False, warns=warns
    )


def of_comparison(comparison: Comparison) -> list[Metric]:
    """All that is known of a comparison; every metric's pairs are the comparison's."""
    rate = comparison.rate
    behind = ((rate.a, rate.b),)
    return [replace(metric, behind=behind) for metric in (*_of_rate(rate), *_of_cells(comparison.cells))]


def first_place(flip_rate: float | None) -> str:
    """What the preference for the first place is a share of, and when it says nothing of the judge."""
    if flip_rate is None:
        return "of the verdicts with a winner, in one order: the better one may have stood there"
    return "of the verdicts with a winner"


def warnings(rate: WinRate) -> list[str]:
    """What whoever quotes a comparison's win rate must know."""
    found = []
    if rate.lc_parted:
        found.append(
            f"Length sways this win rate: at equal length it would be "
            f"{formats.percent(rate.lc_win_rate_b, 1)} ({formats.span(rate.lc_low, rate.lc_high)})."
        )
    if rate.invalid and rate.n:
        found.append(
            f"{rate.invalid} of {rate.n} dialogues have no valid verdict: the win rate may be up to "
            f"{formats.percent(rate.max_win_rate_b, 1)}."
        )
    if rate.n is not None and rate.n < FEW:
        found.append(f"Only {rate.n} dialogues: the interval says how little that is.")
    return found


def _of_rate(rate: WinRate) -> Iterator[Metric]:
    n = rate.n
    known = n is not None
    yield heading("Win rate of B")
    yield share(
        "raw",
        rate.win_rate_b,
        rate.ci_low,
        rate.ci_high,
        n=n,
        note=_sentence(rate.interval, rate.design and f"the judge was shown {rate.design}")
        if rate.win_rate_b is not None
        else "no valid verdict"
        if known
        else "not every verdict is in",
    )
    if rate.bootstrap_low is not None:
        yield replace(
            share("bootstrap", rate.win_rate_b, rate.bootstrap_low, rate.bootstrap_high, n=n),
            note="the interval over dialogues drawn again and again",
        )
    yield share(
        "length-controlled",
        rate.lc_win_rate_b,
        rate.lc_low,
        rate.lc_high,
        note=_length_controlled(rate),
        warns=bool(rate.lc_parted),
    )
    yield share(
        "soft",
        rate.soft_win_rate_b,
        rate.soft_low,
        rate.soft_high,
        note="by the log-probabilities of the judge's answers"
        if rate.soft_win_rate_b is not None
        else "the judge gives no log-probabilities",
    )
    yield share(
        "if invalid were B's",
        rate.max_win_rate_b,
        note="if every invalid one were B's; all of them A's gives the raw one",
        warns=bool(rate.invalid),
    )
    yield heading("Dialogues")
    for name, count in (("B wins", rate.wins_b), ("A wins", rate.wins_a), ("ties", rate.ties)):
        yield _count(name, count, n)
    yield replace(
        _count("invalid", rate.invalid, n),
        note="the judge named neither: nobody's win" if known else "",
        warns=bool(rate.invalid),
    )
    yield Metric("sign test", formats.p_value(rate.p), note="p of wins against losses, exact, two-sided")
    yield Metric(
        "after Holm",
        formats.p_value(rate.p_holm),
        note=f"p over all comparisons of the judge: {significance(rate.p_holm)}",
    )
    yield heading("Length")
    for side, words, over in (("A", rate.words_a, rate.over_limit_a), ("B", rate.words_b, rate.over_limit_b)):
        yield Metric(
            f"words a response, {side}",
            formats.UNKNOWN if words is None else f"{words:.1f}",
            note=f"the prompt allows {MAX_WORDS}; {formats.percent(over, 1)} have more",
            warns=bool(over),
        )
    yield share("longer one wins", rate.prefers_longer, note="of the dialogues with a winner and two lengths")
    yield heading("Order")
    yield share(
        "first place wins",
        rate.prefers_first,
        note=first_place(rate.flip_rate)
        if rate.prefers_first is not None
        else "the order cannot matter, or it is not known",
    )
    yield share(
        "orders disagree",
        rate.flip_rate,
        note="where they do the dialogue is a tie"
        if rate.flip_rate is not None
        else "each pair was judged in one order",
    )
    yield heading("Odd responses")
    yield Metric(
        "identical pairs", formats.count(rate.identical), note="the same text twice: a tie, not asked"
    )
    for name, ours, theirs, note in (
        ("empty, A / B", rate.empty_a, rate.empty_b, "without a word"),
        (
            "to the judge, A / B",
            rate.addressing_a,
            rate.addressing_b,
            "words that may be meant for it",
        ),
    ):
        both = f"{formats.count(ours)} / {formats.count(theirs)}"
        yield Metric(name, both, note=note, warns=bool(ours or theirs))
    yield Metric(
        "fingerprint", rate.fingerprint[:10], note=f"of the settings and all inputs: {rate.fingerprint}"
    )


def _of_cells(cells: Sequence[Cell]) -> Iterator[Metric]:
    for kind, found in groupby(cells, key=lambda cell: cell.kind):
        yield heading(_KINDS[kind])
        for cell in found:
            yield _of_cell(cell)


def _of_cell(cell: Cell) -> Metric:
    is_few = cell.n < FEW
    invalid = f", {cell.invalid} invalid" if cell.invalid else ""
    counts = f"{cell.wins_b} won, {cell.ties} tied, {cell.wins_a} lost{invalid}"
    made = share(
        cell.value or "(none)",
        cell.win_rate_b,
        cell.ci_low,
        cell.ci_high,
        n=cell.n,
        note=f"few: {counts}" if is_few else counts,
    )
    made = replace(made, only=_only(cell))
    if not is_few or cell.win_rate_b is None:
        return made
    return replace(made, value=f"~ {made.value}", is_unsure=True)


def _only(cell: Cell) -> PairFilter:
    """The pairs that a cell is about."""
    if cell.kind == "length":
        fewest, _, most = cell.value.partition("–")
        return PairFilter(words_b=(int(fewest), int(most)))
    return PairFilter(emotion=cell.value) if cell.kind == "emotion" else PairFilter(sentiment=cell.value)


def _count(name: str, count: int | None, n: int | None) -> Metric:
    of = f"{formats.percent(count / n, 1)} of {n}" if count is not None and n else ""
    return Metric(name, formats.count(count), note=of)


def _length_controlled(rate: WinRate) -> str:
    if rate.lc_win_rate_b is None:
        return "not to be estimated from these verdicts" if rate.n is not None else ""
    if rate.lc_parted:
        return "it parts from the raw one: length sways the judge"
    return "what it would be at equal length; it agrees with the raw one"


def _sentence(*parts: str | None) -> str:
    return "; ".join(part for part in parts if part)
