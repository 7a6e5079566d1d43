"""The responders with the highest win rates, by judge."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text
from textual.content import Content

from core.api import RunName
from tui.components.interval_bar import interval_bar
from tui.format import values as formats
from tui.format import win_rates
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import WinRate

_BAR = 17


def leaders(found: Sequence[WinRate], judge: str) -> list[WinRate]:
    """The judge's finished comparisons by descending win rate; only those of runs if there are any."""
    own = [rate for rate in found if rate.judge == judge and rate.win_rate_b is not None]
    of_runs = [rate for rate in own if RunName.parse(rate.b) is not None]
    return win_rates.ordered(of_runs or own, "rate", is_reversed=False)


def leader_lines(found: Sequence[WinRate], width: int, places: int) -> Content:
    """The leaders by each judge, and the judge's agreement with people; within `width` cells."""
    lines = []
    judges = [judge for judge in win_rates.judges(found) if leaders(found, judge)]
    for judge in judges:
        lines.append(_label(win_rates.label_of(found, judge), width))
        for place, rate in enumerate(leaders(found, judge)[: max(1, places // len(judges))], start=1):
            lines.append(_line(place, rate, width))
    if not lines:
        return Content.styled("no finished comparison yet", "$text-muted")
    return Content("\n").join(lines)


def _label(label: str, width: int) -> Content:
    return Content.styled(visible(label), "$text-warning").truncate(width, ellipsis=True)


def _line(place: int, rate: WinRate, width: int) -> Content:
    against = f"against {visible(rate.a)}"
    bar = _BAR if width >= 90 else 0
    name = max(12, width - 4 - 9 - 13 - (bar + 2 if bar else 0))
    both = f"{visible(rate.b)}  {against}"
    shown = both if len(both) <= name else formats.shorten(visible(rate.b), name)
    head = shown[: len(visible(rate.b))] if shown is both else shown
    parts: list[Content | str | tuple[str, str]] = [
        (f"{place:>2} ", "$text-muted"),
        (head, "$foreground bold" if place == 1 else "$foreground"),
        (shown[len(head) :].ljust(name - len(head)), "$text-muted"),
        # The win rates screen has the caveat.
        (f"{'!' * bool(rate.invalid) + formats.percent(rate.win_rate_b, 1):>8} ", "bold"),
        (f"{formats.span(rate.ci_low, rate.ci_high):>12}", "$text-muted"),
    ]
    if bar:
        drawn = interval_bar(
            rate.win_rate_b, rate.ci_low, rate.ci_high, bar, colour="$text-accent", muted="$text-muted"
        )
        parts += ["  ", _content(drawn)]
    return Content.assemble(*parts)


def _content(text: Text) -> Content:
    return Content.assemble(*((text.plain[span.start : span.end], str(span.style)) for span in text.spans))
