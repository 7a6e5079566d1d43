"""The order of a table: the keys that change it, and the column that comes next."""

from __future__ import annotations

from collections.abc import Sequence

from textual.binding import Binding, BindingType

from tui.navigation.bindings import verb

#: The keys of every table that can be sorted: actions `sort(by)` and `reverse`.
SORT_KEYS: tuple[BindingType, ...] = (
    verb("sort", "sort(1)", id="list.sort", tooltip="Sort by the next column"),
    Binding(
        "less_than_sign",
        "sort(-1)",
        "Sort left",
        id="list.sort_back",
        show=False,
        tooltip="Sort by the previous column",
    ),
    Binding("I", "reverse", "Reverse", id="list.reverse", show=False, tooltip="Reverse the sort order"),
)

#: The answer to a click on the heading of a column without an order.
UNSORTED = "rows cannot be sorted by this column"


def next_sort(
    columns: Sequence[str], current: str | None, by: int, *, ordered_by: str | None = None
) -> str | None:
    """The column to sort by after the current one; None is the default order.

    Args:
        columns: The columns that can be sorted by.
        current: The column that rows are sorted by now.
        by: 1 for the next column, -1 for the previous one.
        ordered_by: The column that the default order is that of; without it, that order comes before the
            first column.
    """
    orders = [None if name == ordered_by else name for name in columns]
    if None not in orders:
        orders.insert(0, None)
    at = orders.index(current if current in orders else None)
    return orders[(at + by) % len(orders)]
