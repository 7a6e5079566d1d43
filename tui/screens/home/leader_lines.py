"""Who wins: the responders of each judge and baseline, and whether it is decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    from tui.format.text import TextPart

_BAR = 17
#: Widths from which there is room for the decision in full, and for a bar of the interval.
_WORDY, _WITH_BAR = 78, 104
_INDENT, _RATE, _SPAN = 4, 7, 11
#: The most lines that a judge's agreement with people takes.
_JUDGE = 2
#: The number of pairs with the same answers that are shown of each group.
_SAME = 2
#: The number of responders of each group that are shown however little room there is.
_BEST = 2


@dataclass(frozen=True)
class _Group:
    """The finished comparisons of one judge with one baseline, by descending win rate."""

    judge: str
    baseline: str
    rates: Sequence[WinRate]
    student: str
    """The student of all its runs, which their names leave out; empty if names have it."""

    def name(self, responder: str, layout: _Layout) -> str:
        """A responder's name within the width for names."""
        return win_rates.fitted_name(responder, self.student, layout.name, longest=layout.longest)


@dataclass(frozen=True)
class _Layout:
    """The widths of a line and of its parts, and how decisions are worded."""

    width: int
    name: int
    decision: int
    bar: int
    is_wordy: bool
    longest: int
    """The length of the longest name."""


def leader_lines(found: Sequence[WinRate], width: int, room: int) -> Content:
    """The win rates over each baseline by each judge, within `width` cells.

    The best of each group are always shown, the others as far as all lines fit into `room`.
    """
    groups = _groups(found)
    if not groups:
        return Content.styled("no finished comparison yet", "$text-muted")
    labels = judge_labels(found)
    heads = {judge: _judge_lines(labels, judge, width) for judge in {group.judge for group in groups}}
    layout = _layout_of(groups, width)
    same = [_same_lines(group, layout) for group in groups]
    # The heading of each group, and its baseline.
    others = sum(map(len, heads.values())) + sum(map(len, same)) + 2 * len(groups)
    places = _places([len(group.rates) for group in groups], room - others)
    lines: list[Content] = []
    judge = None
    for group, shared in zip(groups, same, strict=True):
        if group.judge != judge:
            judge = group.judge
            lines += heads[judge]
        lines += [*_group_lines(group, layout, places), *shared]
    return Content("\n").join(lines)


def _places(numbers: Sequence[int], room: int) -> int:
    """How many rows of each group to show, so that groups of these sizes take at most `room` lines."""
    places = _BEST
    while places < max(numbers):
        # A line says how many are not shown.
        if sum(min(number, places + 1) + (number > places + 1) for number in numbers) > room:
            break
        places += 1
    return places


def _judge_lines(labels: Mapping[str, str], judge: str, width: int) -> list[Content]:
    """A judge's agreement with people; its number, on which the worth of win rates depends, stays."""
    named = visible(win_rates.judge_words(labels, judge))
    if len(named) > width:
        # The win rates screen has the rest.
        named = named.partition("; ")[0]
    # A number stays with its percent sign.
    lines = [line.replace("\xa0%", " %") for line in wrap(named.replace(" %", "\xa0%"), max(1, width))]
    if len(lines) > _JUDGE:
        lines = [*lines[: _JUDGE - 1], lines[_JUDGE - 1][: width - 1] + "…"]
    return [Content.styled(line, "$text-warning") for line in lines]


def _groups(found: Sequence[WinRate]) -> list[_Group]:
    """Groups with runs first: they are what is trained here."""
    known: dict[tuple[str, str], list[WinRate]] = {}
    for rate in found:
        if rate.decision is not None:
            known.setdefault((rate.judge, rate.a), []).append(rate)
    students = {
        key: {run.student for rate in rates if (run := RunName.parse(rate.b)) is not None}
        for key, rates in known.items()
    }
    # All names have the student, or none: the same run would look like two.
    is_short = all(len(names) < 2 for names in students.values())
    groups = [
        _Group(
            judge,
            baseline,
            win_rates.ordered(rates, "rate", is_reversed=False),
            next(iter(students[judge, baseline]), "") if is_short else "",
        )
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


def _layout_of(groups: Sequence[_Group], width: int) -> _Layout:
    is_wordy, bar = width >= _WORDY, _BAR if width >= _WITH_BAR else 0
    rates = [rate for group in groups for rate in group.rates]
    decision = 2 + max(len(_decision(rate, is_wordy=is_wordy)) for rate in rates)
    name = max(10, width - _INDENT - _RATE - _SPAN - decision - (bar + 2 if bar else 0))
    longest = max(
        len(visible(win_rates.short_name(rate.b, group.student))) for group in groups for rate in group.rates
    )
    return _Layout(width, name, decision, bar, is_wordy, longest)


def _group_lines(group: _Group, layout: _Layout, places: int) -> Iterator[Content]:
    leading = sum(rate.decision == "leads" for rate in group.rates)
    verdict = (
        (f"{leading} lead{'s' if leading == 1 else ''}", "$text-success")
        if leading
        else ("no leader", "$text-warning")
    )
    runs = "" if group.student in ("", group.baseline) else f"  runs of {visible(group.student)}"
    heading = Content.assemble(
        ("  against ", "$text-muted"),
        visible(group.baseline),
        (runs, "$text-muted"),
        ("  ", "$text-muted"),
        verdict,
    )
    yield heading.truncate(layout.width, ellipsis=True)
    above = sum((rate.win_rate_b or 0.0) > 0.5 for rate in group.rates)
    shown = min(len(group.rates), places)
    for place, rate in enumerate(group.rates[:shown]):
        if place == above:
            yield _baseline_line(group, layout.width)
        yield _line(group, rate, layout).stylize(opening(a=rate.a, b=rate.b))
    if above >= shown:
        yield _baseline_line(group, layout.width)
    if len(group.rates) > shown:
        yield Content.styled(f"    and {len(group.rates) - shown} more", "$text-muted")


def _line(group: _Group, rate: WinRate, layout: _Layout) -> Content:
    glyph, colour = win_rates.DECISION_LOOKS[rate.decision or "undecided"]
    decision = _decision(rate, is_wordy=layout.is_wordy)
    parts: list[TextPart] = [
        (f"  {glyph} ", f"${colour}"),
        group.name(rate.b, layout).ljust(layout.name),
        # The win rates screen has the caveat.
        (f"{'!' * bool(rate.invalid) + formats.percent(rate.win_rate_b, 1):>{_RATE}}", "bold"),
        (f"{formats.span(rate.ci_low, rate.ci_high):>{_SPAN}}", "$text-muted"),
        (f"  {decision}".ljust(layout.decision), f"${colour}"),
    ]
    if layout.bar:
        drawn = interval_bar(
            rate.win_rate_b, rate.ci_low, rate.ci_high, layout.bar, colour="$text-accent", muted="$text-muted"
        )
        parts += ["  ", _content(drawn)]
    return Content.assemble(*parts).truncate(layout.width, ellipsis=True)


def _decision(rate: WinRate, *, is_wordy: bool) -> str:
    return win_rates.decision_words(rate) if is_wordy else win_rates.brief_decision(rate)


def _baseline_line(group: _Group, width: int) -> Content:
    line = f"  ─ {visible(group.baseline)} (baseline)"
    return Content.styled(line, "$text-muted").truncate(width, ellipsis=True)


def _same_lines(group: _Group, layout: _Layout) -> list[Content]:
    """The responders of the group with answers in common, those with the most first."""
    names = {group.baseline, *(rate.b for rate in group.rates)}
    pairs = [one for one in win_rates.same_answers(group.rates) if {one.a, one.b} <= names]
    named = {name: group.name(name, layout) for name in names}
    texts = [
        f"= {named[one.b]} answers {one.same} of {one.dialogues} dialogues like {named[one.a]}"
        for one in pairs[:_SAME]
    ]
    return [
        Content.styled(" " * _INDENT + line, "$text-warning")
        for text in texts
        for line in wrap(text, max(1, layout.width - _INDENT), subsequent_indent="  ")
    ]


def _content(text: Text) -> Content:
    return Content.assemble(*((text.plain[span.start : span.end], str(span.style)) for span in text.spans))
