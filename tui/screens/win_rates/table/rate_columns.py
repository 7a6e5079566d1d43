"""The columns of the table of win rates, by the room that there is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tui.components.table_cells import Column, sorted_by
from tui.format.evaluation import win_rates
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import WinRate
    from tui.format.evaluation.win_rates import Grouping

#: The widths from which the bar, and all other metrics, are shown.
_WIDE, _WIDEST = 110, 150
#: The width of the bar; the narrowest one where names would be cut otherwise.
_BAR, _MAX_BAR, _MIN_BAR = 24, 36, 16
#: The width of the longest name of a method.
_METHOD = 13
_A = "A, baseline"


def columns(
    rates: Sequence[WinRate],
    width: int,
    *,
    longest_b: int,
    sort: str | None,
    is_reversed: bool,
    grouping: Grouping,
    has_votes: bool,
) -> list[Column]:
    """The columns that fit; B's name is longer, because it is a run's: at most `longest_b`."""
    judges = win_rates.judges(rates)
    wide, widest, over_seeds = width >= _WIDE, width >= _WIDEST, grouping == "seeds"
    judge = Column("judge", "judge", max(8, min(16, max((len(visible(j)) for j in judges), default=8))))
    # With the standard deviation over seeds.
    rate = ("win rate ± sd", 13) if over_seeds else ("win rate", 10)
    rest = [
        Column("rate", *rate, "right"),
        Column("interval", "95 % interval", 13, "right"),
    ]
    # Baselines are mostly a student's name; a group's name may be a method.
    longest_a = max((len(visible(rate.a)) for rate in rates), default=0)
    a = max(len(_A), longest_a, _METHOD if grouping == "method" else 0)
    if wide and len(judges) > 1:
        rest = [judge, *rest]
    wins = Column("wins", "B / tie / A" if widest else "B/tie/A/invalid", 15, "right")
    if len(judges) > 1 and not wide:
        # Rows differ in the judge; the wins are in the summary.
        rest.insert(0, judge)
    elif wide or over_seeds or _room(width, [*rest, wins]) >= a + longest_b:
        # Without room for both, the names are shown: the wins are in the summary.
        rest.append(wins)
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
    if wide:
        longest_bar = _MAX_BAR if widest else _BAR
        # Two for its padding.
        bar = max(_MIN_BAR, min(longest_bar, _room(width, rest) - a - longest_b - 2))
        place = rest.index(next(one for one in rest if one.key == "interval")) + 1
        rest.insert(place, Column("bar", "0 %" + "50".center(bar - 8) + "100 %", bar))
    names = _room(width, rest)
    a = min(a, max(8, names * 2 // 5, names - longest_b))
    found = [Column("a", _A, a), Column("b", "B", max(8, names - a)), *rest]
    return [_headed(column, sort, is_reversed=is_reversed) for column in found]


def _room(width: int, columns: Sequence[Column]) -> int:
    """The cells that these columns leave to the names of A and B."""
    return width - sum(column.width + 2 for column in columns) - 5


def _headed(column: Column, sort: str | None, *, is_reversed: bool) -> Column:
    """The column, with an arrow if rows are sorted by it."""
    if column.key != sort:
        return column
    arrow = "↓" if win_rates.is_descending(column.key, is_reversed) else "↑"
    return sorted_by(column, arrow)
