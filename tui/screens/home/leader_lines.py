"""Who wins: the responders of each judge and baseline, and whether it is decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from core.api import RunName, judge_labels
from tui.components.interval_bar import interval_bar
from tui.format import values as formats
from tui.format.evaluation import win_rates
from tui.format.text import visible
from tui.screens.home.work_lines import opening

if TYPE_CHECKING:
    from core.api import WinRate

_BAR = 17
#: Widths from which there is room for the decision in full, and for a bar of the interval.
_WORDY, _WITH_BAR = 78, 104
_INDENT, _RATE, _SPAN = 4, 7, 11
#: The most lines that a judge's agreement with people takes.
_JUDGE = 2
#: The number of pairs with the same answers that are shown of each group.
_SAME = 2


@dataclass(frozen=True)
class _Group:
    """The finished comparisons of one judge with one baseline, by descending win rate."""

    judge: str
    baseline: str
    rates: Sequence[WinRate]


def leader_lines(found: Sequence[WinRate], width: int, places: int) -> Content:
    """The win rates over each baseline by each judge, within `width` cells; `places` are rows in all."""
    groups = _groups(found)
    if not groups:
        return Content.styled("no finished comparison yet", "$text-muted")
    lines: list[Content] = []
    judge, labels = None, judge_labels(found)
    longest = win_rates.longest_name(rate for group in groups for rate in group.rates)
    for group in groups:
        if group.judge != judge:
            judge = group.judge
            label = visible(win_rates.label_of(labels, judge))
            named = label if judge in label else f"{visible(judge)}: {label}"
            lines += [Content.styled(line, "$text-warning") for line in _judge_lines(named, width)]
        lines += _group_lines(group, width, max(2, places // len(groups)), longest)
    return Content("\n").join(lines)


def _judge_lines(named: str, width: int) -> list[str]:
    """A judge's agreement with people; its number, on which the worth of win rates depends, stays."""
    if len(named) > width:
        # The win rates screen has the rest.
        named = named.partition("; ")[0]
    # A number stays with its percent sign.
    lines = [line.replace("\xa0%", " %") for line in wrap(named.replace(" %", "\xa0%"), max(1, width))]
    return lines if len(lines) <= _JUDGE else [*lines[: _JUDGE - 1], lines[_JUDGE - 1][: width - 1] + "…"]


def _groups(found: Sequence[WinRate]) -> list[_Group]:
    """Groups with runs first: they are what is trained here."""
    known: dict[tuple[str, str], list[WinRate]] = {}
    for rate in found:
        if rate.decision is not None:
            known.setdefault((rate.judge, rate.a), []).append(rate)
    groups = [
        _Group(judge, baseline, win_rates.ordered(rates, "rate", is_reversed=False))
        for (judge, baseline), rates in known.items()
    ]
    order = win_rates.judges(found)
    return sorted(
        groups,
        key=lambda group: (
            order.index(group.judge),
            not any(RunName.parse(rate.b) for rate in group.rates),
        ),
    )


def _group_lines(group: _Group, width: int, places: int, longest: int) -> Iterator[Content]:
    leading = sum(rate.decision == "leads" for rate in group.rates)
    verdict = (
        (f"{leading} lead{'s' if leading == 1 else ''}", "$text-success")
        if leading
        else ("no leader", "$text-warning")
    )
    heading = Content.assemble(
        ("  against ", "$text-muted"), visible(group.baseline), ("  ", "$text-muted"), verdict
    )
    yield heading.truncate(width, ellipsis=True)
    above = sum((rate.win_rate_b or 0.0) > 0.5 for rate in group.rates)
    shown = min(len(group.rates), places)
    for place, rate in enumerate(group.rates[:shown]):
        if place == above:
            yield _baseline_line(group, width)
        yield _line(group, rate, width, longest).stylize(opening(a=rate.a, b=rate.b))
    if above >= shown:
        yield _baseline_line(group, width)
    if len(group.rates) > shown:
        yield Content.styled(f"    and {len(group.rates) - shown} more", "$text-muted")
    for same in _same_answers(group)[:_SAME]:
        for line in wrap(same, max(1, width - _INDENT), subsequent_indent="  "):
            yield Content.styled(" " * _INDENT + line, "$text-warning")


def _line(group: _Group, rate: WinRate, width: int, longest: int) -> Content:
    glyph, colour = win_rates.DECISION_LOOKS[rate.decision or "undecided"]
    wordy, bar = width >= _WORDY, _BAR if width >= _WITH_BAR else 0
    decision = win_rates.decision_words(rate) if wordy else win_rates.brief_decision(rate)
    room = 34 if wordy else 14
    name = max(10, width - _INDENT - _RATE - _SPAN - room - (bar + 2 if bar else 0))
    parts: list[Content | str | tuple[str, str]] = [
        (f"  {glyph} ", f"${colour}"),
        win_rates.fitted_name(rate.b, group.baseline, name, longest=longest).ljust(name),
        # The win rates screen has the caveat.
        (f"{'!' * bool(rate.invalid) + formats.percent(rate.win_rate_b, 1):>{_RATE}}", "bold"),
        (f"{formats.span(rate.ci_low, rate.ci_high):>{_SPAN}}", "$text-muted"),
        (f"  {decision}".ljust(room), f"${colour}"),
    ]
    if bar:
        drawn = interval_bar(
            rate.win_rate_b, rate.ci_low, rate.ci_high, bar, colour="$text-accent", muted="$text-muted"
        )
        parts += ["  ", _content(drawn)]
    return Content.assemble(*parts).truncate(width, ellipsis=True)


def _baseline_line(group: _Group, width: int) -> Content:
    line = f"  ─ {visible(group.baseline)} (baseline)"
    return Content.styled(line, "$text-muted").truncate(width, ellipsis=True)


def _same_answers(group: _Group) -> list[str]:
    """The responders of the group with answers in common, those with the most first."""
    names = {group.baseline, *(rate.b for rate in group.rates)}
    pairs = {
        frozenset((one.a, one.b)): one
        for rate in group.rates
        for one in rate.same_as_b
        if {one.a, one.b} <= names
    }
    ordered = sorted(pairs.values(), key=lambda one: -one.same / one.dialogues)
    named = {name: visible(win_rates.short_name(name, group.baseline)) for name in names}
    return [
        f"= {named[one.b]} answers {one.same} of {one.dialogues} dialogues like {named[one.a]}"
        for one in ordered
    ]


def _content(text: Text) -> Content:
    return Content.assemble(*((text.plain[span.start : span.end], str(span.style)) for span in text.spans))
