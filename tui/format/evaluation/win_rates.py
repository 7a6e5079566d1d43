"""Sorts, filters and groups win rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from core.api import RunName, VersionName, settings_text
from tui.format.text import visible
from tui.format.values import comparable, counted, percent, shorten

if TYPE_CHECKING:
    from core.api import Decision, SameAnswers, WinRate

Grouping = Literal["none", "student", "method", "judge", "seeds"]
GROUPINGS: tuple[Grouping, ...] = ("none", "student", "method", "judge", "seeds")

NO_RUN = "no run"
#: How the names of the methods `improve-human` and `improve-llm` begin.
_IMPROVES = "improve-"

#: Column → its sort key; None is sorted last in both directions.
VALUES: dict[str, Callable[[WinRate], str | float | None]] = {
    "judge": lambda rate: rate.judge,
    "a": lambda rate: rate.a,
    "b": lambda rate: rate.b,
    "rate": lambda rate: rate.win_rate_b,
    # The narrowest first.
    "interval": lambda rate: _width(rate),
    "wins": lambda rate: rate.wins_b,
    "lc": lambda rate: rate.lc_win_rate_b,
    "p": lambda rate: rate.p_holm,
    "words": lambda rate: rate.words_b,
    "invalid": lambda rate: rate.invalid,
}
#: Columns that are sorted in descending order first.
_LARGEST_FIRST = ("rate", "wins", "lc", "words", "invalid")


#: The glyph of a decision, and the theme's variable of its colour.
DECISION_LOOKS: dict[Decision, tuple[str, str]] = {
    "leads": ("✓", "text-success"),
    "loses": ("✗", "text-error"),
    "undecided": ("?", "text-muted"),
}


@lru_cache(4096)
def short_name(responder: str, baseline: str) -> str:
    """A responder beside its baseline, without what both have in common: `chatgpt · sft-dpo`.

    The full name stands in the summary. A superseded run's settings stay. `direct` needs no mention: its
    sources are no strategies; nor does the table of a setting that is of the run's own stage.
    """
    version = VersionName.parse(responder)
    run = RunName.parse(version.name)
    if run is None:
        return responder
    student = "" if run.student == baseline else f"{run.student} · "
    own = "sft." if run.stage == "sft" else "dpo."
    settings = tuple(
        (key.removeprefix(own).removeprefix("lora.").replace("learning_rate", "lr"), value)
        for key, value in run.settings
    )
    varied = f" · {settings_text(settings)}" if settings else ""
    recipe = run.recipe.variant if run.recipe.method == "direct" else str(run.recipe)
    superseded = f"@{version.label}" if version.settings else ""
    return f"{student}{recipe} · {run.stage}{varied}{superseded}"


def longest_name(rates: Iterable[WinRate]) -> int:
    """The length of the longest short name of B."""
    return max((len(visible(short_name(rate.b, rate.a))) for rate in rates), default=0)


def fitted_name(responder: str, baseline: str, width: int, *, longest: int) -> str:
    """The short name in at most `width` cells, made visible.

    If there is no room for the `longest` name of a table, all are without the word that methods share which
    improve responses; what is still too long is cut in its middle.
    """
    name = visible(short_name(responder, baseline))
    return shorten(name.replace(_IMPROVES, "") if longest > width else name, width)


def decision_words(rate: WinRate) -> str:
    """Whether b is better than its baseline, and what would decide it; empty without an interval."""
    if rate.decision is None:
        return ""
    if rate.decision != "undecided":
        return "leads" if rate.decision == "leads" else "loses to the baseline"
    if rate.more_dialogues is None:
        return "undecided"
    return f"undecided, ~{rate.more_dialogues:,} more dialogues"


def brief_decision(rate: WinRate) -> str:
    """The same in at most 14 cells where it needs fewer than a million dialogues."""
    if rate.decision == "undecided" and rate.more_dialogues is not None:
        return f"~{rate.more_dialogues:,} more"
    return rate.decision or ""


def same_answers_words(same: int, dialogues: int) -> str:
    """`the same answer to 16 of 16 dialogues`."""
    return f"the same answer to {same} of {counted(dialogues, 'dialogue')}"


def same_answers_line(one: SameAnswers) -> str:
    """`= a and b give the same answer to 16 of 16 dialogues`."""
    return f"= {one.a} and {one.b} give {same_answers_words(one.same, one.dialogues)}"


def same_answers(rates: Iterable[WinRate]) -> list[SameAnswers]:
    """The pairs of responders of these comparisons with answers in common, those with the most first."""
    pairs = {frozenset((one.a, one.b)): one for rate in rates for one in rate.same_as_b}
    return sorted(pairs.values(), key=lambda one: -one.share)


def _group_of(rate: WinRate, by: Grouping) -> str:
    """The group of a comparison: that of its run, b or else a; `NO_RUN` without a run.

    By seeds it is the name that comparisons have in common whose runs differ in their seeds alone.
    """
    if by == "seeds":
        return str(rate.name.over_seeds)
    if by == "judge":
        return rate.judge
    names = (VersionName.parse(side).name for side in (rate.b, rate.a))
    run = next(filter(None, map(RunName.parse, names)), None)
    if run is None:
        return NO_RUN
    return run.student if by == "student" else run.recipe.method


def grouped(rates: Iterable[WinRate], by: Grouping) -> dict[str, list[WinRate]]:
    """Group → its comparisons, both in their order; without a grouping a single unnamed group."""
    found: dict[str, list[WinRate]] = {}
    for rate in rates:
        found.setdefault("" if by == "none" else _group_of(rate, by), []).append(rate)
    return found


def matches(rate: WinRate, text: str) -> bool:
    """Whether every word of `text` occurs in the name of a responder or of the judge."""
    names = f"{rate.a} {rate.b} {rate.judge}".casefold()
    return all(word in names for word in text.casefold().split())


def ordered(rates: Iterable[WinRate], column: str | None, is_reversed: bool) -> list[WinRate]:
    """`rates` sorted by a column, in their own order for None; `is_reversed` reverses it."""
    found = list(rates)
    if column is None:
        return found[::-1] if is_reversed else found
    value = VALUES[column]
    known = [rate for rate in found if value(rate) is not None]
    known.sort(key=lambda rate: comparable(value(rate)), reverse=is_descending(column, is_reversed))
    return known + [rate for rate in found if value(rate) is None]


def is_descending(column: str, is_reversed: bool) -> bool:
    """Whether a column's largest value comes first."""
    return (column in _LARGEST_FIRST) != is_reversed


def win_rate_of(rate: WinRate, responder: str) -> float | None:
    """The win rate of one of the two responders of a comparison."""
    if responder == rate.b:
        return rate.win_rate_b
    return None if rate.win_rate_b is None else 1 - rate.win_rate_b


def judges(rates: Iterable[WinRate]) -> list[str]:
    """The judges, in the order of their comparisons."""
    return list(dict.fromkeys(rate.judge for rate in rates))


def judge_words(labels: Mapping[str, str], judge: str) -> str:
    """A judge's name and agreement with people, which are shown wherever its results are."""
    label = labels.get(judge, "agreement with people unknown")
    # Labels begin with a name of the judge, those of the embedded judge with its kind.
    found = label.removeprefix(f"{judge}: ").removeprefix("embedded judge").lstrip(":, ")
    return f"Judge {judge}{' ' if found.startswith('agrees') else ': '}{found}"


def finished(rates: Sequence[WinRate]) -> tuple[str, ...]:
    """The finished comparison jobs: derived results change only when these do."""
    return tuple(rate.job for rate in rates if rate.n is not None)


def order_effects(rate: WinRate) -> str | None:
    """The effect of the order of responses on the judge; None if each pair was judged in one order."""
    if rate.flip_rate is None:
        return None
    effect = (
        f"The orders disagree on {percent(rate.flip_rate)} of the pairs of different texts, the response "
        f"shown first wins {percent(rate.prefers_first)}"
    )
    if rate.bootstrap_low is None:
        return f"{effect}."
    low, high = percent(rate.bootstrap_low, 1), percent(rate.bootstrap_high, 1)
    return f"{effect}; bootstrap over dialogues {low} – {high}."


def _width(rate: WinRate) -> float | None:
    return None if rate.ci_low is None or rate.ci_high is None else rate.ci_high - rate.ci_low
