"""A keyed table that is sorted by a column, by keys or by a click on its heading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import BindingType
from textual.widgets import DataTable

from tui.components.keyed_table import KeyedTable
from tui.components.sorting import SORT_KEYS, UNSORTED, next_sort
from tui.components.table_cells import Column, sorted_by
from tui.format.values import SortValue, comparable

if TYPE_CHECKING:
    from textual import getters

    from tui.navigation.host import HostApp

#: The sort keys of a row by column; None is sorted last in both directions.
SortValues = Mapping[str, SortValue]


class SortableTable(KeyedTable):
    """A table of few rows, with sections: a row without sort keys is a heading, which keeps its place.

    Consecutive rows with the same sort keys stay together.
    """

    BINDINGS: ClassVar[list[BindingType]] = list(SORT_KEYS)

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, *, id: str | None = None, opens: str = "Open", ordered_by: str | None = None) -> None:
        """`opens` is the title of Enter, `ordered_by` the column that the default order is that of, if there
        is one."""
        super().__init__(id=id, opens=opens)
        self._ordered_by = ordered_by
        self._sort: str | None = None
        self._is_reversed = False
        self._columns_in_order: Sequence[Column] = ()
        self._rows_in_order: Mapping[str, Sequence[Text]] = {}
        self._values: Mapping[str, SortValues] = {}

    def show(
        self,
        columns: Sequence[Column],
        rows: Mapping[str, Sequence[Text]],
        values: Mapping[str, SortValues],
    ) -> None:
        """Show these rows in this order, unless the user has chosen another one."""
        self._columns_in_order, self._rows_in_order, self._values = columns, rows, values
        self._fill()

    def action_sort(self, by: int) -> None:
        """Sort by the next sortable column; after the last comes the default order."""
        names = [column.key for column in self._columns_in_order if self._is_sortable(column.key)]
        self._sort = next_sort(names, self._sort, by, ordered_by=self._ordered_by)
        self._is_reversed = False
        self._fill()

    def action_reverse(self) -> None:
        self._is_reversed = not self._is_reversed
        self._fill()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by its column, another one reverses the order."""
        event.stop()
        name = event.column_key.value
        if name == self._sort:
            self.action_reverse()
        elif name is not None and self._is_sortable(name):
            self._sort, self._is_reversed = name, False
            self._fill()
        else:
            self.app.show_message(UNSORTED)

    def _is_sortable(self, name: str) -> bool:
        return any(name in found for found in self._values.values())

    def _fill(self) -> None:
        arrow = "↓" if self._is_reversed else "↑"
        self.set_columns(
            [
                sorted_by(column, arrow) if column.key == self._sort else column
                for column in self._columns_in_order
            ]
        )
        self.put({key: self._rows_in_order[key] for key in self._ordered()})

    def _ordered(self) -> Iterator[str]:
        section: list[str] = []
        for key in self._rows_in_order:
            if self._values.get(key):
                section.append(key)
            else:
                yield from self._of_section(section)
                yield key
                section = []
        yield from self._of_section(section)

    def _of_section(self, keys: list[str]) -> Sequence[str]:
        name = self._sort
        if name is None:
            # Rows that share their sort keys are lines of one entry.
            entries = [list(lines) for _, lines in groupby(keys, key=lambda key: id(self._values[key]))]
            return [key for lines in entries[:: -1 if self._is_reversed else 1] for key in lines]
        known = [key for key in keys if self._values[key].get(name) is not None]
        known.sort(key=lambda key: comparable(self._values[key][name]), reverse=self._is_reversed)
        return known + [key for key in keys if self._values[key].get(name) is None]
