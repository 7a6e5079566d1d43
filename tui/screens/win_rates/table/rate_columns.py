"""The columns of the table of win rates, by the room that there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.components.keyed_table import Column, sorted_by
from tui.format.evaluation import win_rates
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import WinRate

#: The widths from which the bar, and all other metrics, are shown.
_WIDE, _WIDEST = 110, 150
_BAR, _WIDEST_BAR = 24, 36
#: The width of the longest name of a method.
_METHOD = 13


def columns(
    rates: Sequence[WinRate],
    width: int,
    *,
    sort: str | None,
    is_reversed: bool,
    over_seeds: bool,
    has_votes: bool,
) -> list[Column]:
    """The columns that fit; B's name is longer, because it is a run's."""
    judges = win_rates.judges(rates)
    wide, widest = width >= _WIDE, width >= _WIDEST
    judge = Column("judge", "judge", max(8, min(16, max((len(visible(j)) for j in judges), default=8))))
    bar = _WIDEST_BAR if widest else _BAR
    # With the standard deviation over seeds.
    rate = ("win rate ± sd", 13) if over_seeds else ("win rate", 10)
    rest = [
        Column("rate", *rate, "right"),
        Column("interval", "95 % interval", 13 if sort != "interval" else 15, "right"),
    ]
    if wide:
        rest = [judge, *rest, Column("bar", "0 %" + "50".center(bar - 8) + "100 %", bar)]
    if wide or len(judges) < 2:
        rest.append(Column("wins", "B / tie / A" if widest else "B/tie/A/invalid", 15, "right"))
    else:
        # With several judges rows differ in the judge; the wins are in the summary.
        rest.insert(0, judge)
    if widest and has_votes:
        # On narrower terminals it is in the summary alone.
        rest.append(Column("votes", "by people", 10, "right"))
    if widest:
        rest += [
            Column("lc", "equal length", 14, "right"),
            Column("p", "p, Holm", 9, "right"),
            Column("words", "words A / B", 13, "right"),
            Column("invalid", "invalid", 9, "right"),
        ]
    names = width - sum(column.width + 2 for column in rest) - 5
    # Baselines are mostly a student's name.
    longest = max((len(visible(rate.a)) for rate in rates), default=0)
    # A group's name may be a method.
    a = max(8, min(names * 2 // 5, max(longest, _METHOD)))
    found = [Column("a", "A, baseline", a), Column("b", "B", max(8, names - a)), *rest]
    return [_headed(column, sort, is_reversed=is_reversed) for column in found]


def _headed(column: Column, sort: str | None, *, is_reversed: bool) -> Column:
    """The column, with an arrow if rows are sorted by it."""
    if column.key != sort:
        return column
    arrow = "↓" if win_rates.is_descending(column.key, is_reversed) else "↑"
    return sorted_by(column, arrow)
