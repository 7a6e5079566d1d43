"""Rows of the table of win rates for runs that differ in their seeds alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from core.api import ComparisonName
from tui.components.interval_bar import interval_bar
from tui.format import values as formats
from tui.format.evaluation import seeds, win_rates
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import SeedGroup, WinRate


def cells(
    name: str,
    group: SeedGroup | None,
    found: Sequence[WinRate],
    widths: Mapping[str, int],
    *,
    longest: int,
    is_open: bool,
    accent: str,
    muted: str,
) -> dict[str, Text]:
    """The cells of a group by column: mean ± standard deviation, and the interval over seeds and dialogues.

    `name` is that of the comparisons in `found` without their seeds; `group` is None before it is read;
    `longest` is the longest name of B.
    """
    named, mark = ComparisonName.parse(name), "▾ " if is_open else "▸ "
    made = {
        "a": Text(formats.shorten(visible(named.a), widths["a"])),
        "b": Text(mark + win_rates.fitted_name(named.b, named.a, widths["b"] - len(mark), longest=longest)),
        "judge": Text(formats.shorten(visible(named.judge), widths.get("judge", 0)), muted),
        "wins": Text(f"{sum(rate.n is not None for rate in found)} of {len(found)} seeds", muted),
    }
    if group is None or group.mean is None:
        return made
    ends, bar = (group.low, group.high), widths.get("bar", 0)
    return made | {
        "rate": Text(seeds.mean_and_sd(group), "bold"),
        "interval": Text(formats.span(*ends), muted),
        "bar": interval_bar(group.mean, *ends, bar, colour=accent, muted=muted),
    }
