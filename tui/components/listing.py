"""A table with keyed rows that can be filtered by words and sorted by a column."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from tui.components.filter_box import FilterBox
from tui.components.keyed_table import KeyedTable
from tui.components.sorting import SORT_KEYS, UNSORTED, next_sort
from tui.components.table_cells import Column, sorted_by
from tui.format.text import visible
from tui.format.values import SortValue, comparable
from tui.navigation.bindings import verb

if TYPE_CHECKING:
    from textual import getters

    from tui.navigation.host import HostApp

T = TypeVar("T")


#: The keys of every list: action `filter`, and those of a sort.
KEYS: tuple[BindingType, ...] = (
    verb("search", "filter", id="list.filter", tooltip="Show rows with these words; going back clears them"),
    *SORT_KEYS,
)


@dataclass(frozen=True)
class ListEntry:
    """A row: its cells, the text that a filter searches, and its sort keys by column.

    A column without sort keys cannot be sorted; None is sorted last in both directions.
    """

    cells: Sequence[Text]
    words: str
    values: Mapping[str, SortValue] = field(default_factory=dict)

    @cached_property
    def folded(self) -> str:
        """The words without upper case."""
        return self.words.casefold()


class Listing(Vertical, Generic[T]):
    """Items by key, each drawn as a `ListEntry`, and redrawn only when it differs.

    The cursor stays on its row when other rows change. `back` clears the filter.
    """

    DEFAULT_CSS: ClassVar[str] = """
    Listing {
        height: 1fr;
        & > .how { height: 1; padding: 0 1; color: $text-muted; }
        & > KeyedTable { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = list(KEYS)

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    class Rearranged(Message):
        """The user chose another order of the rows."""

        def __init__(self, keys: Sequence[str]) -> None:
            super().__init__()
            self.keys = keys

    def __init__(
        self,
        *,
        id: str,
        draw: Callable[[T], ListEntry],
        words: str = "words to filter by",
        opens: str = "Open",
        ordered_by: str | None = None,
        reading: str = "",
    ) -> None:
        """`words` is the placeholder of the filter, `opens` the title of Enter, `ordered_by` the column that
        the default order is that of, if there is one, `reading` the app's key of reading the items."""
        super().__init__(id=id)
        self._ordered_by = ordered_by
        self._opens = opens
        self._reading = reading
        self._draw_item = draw
        self._placeholder = words
        self._items: Mapping[str, T] = {}
        self._columns: Sequence[Column] = ()
        self._drawn: dict[str, tuple[T, ListEntry]] = {}
        self._filter = ""
        self._sort: str | None = None
        self._is_reversed = False
        #: The line that shows the filter and the order.
        self._described: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield Static(classes="how", markup=False)
        yield KeyedTable(opens=self._opens, reading=self._reading)
        yield FilterBox(self._placeholder)

    def on_mount(self) -> None:
        self.query_one(".how").display = False
        self.app.theme_changed_signal.subscribe(self, self._recolour)

    @property
    def table(self) -> KeyedTable:
        return self.query_one(KeyedTable)

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that entries have cells for."""
        return self._columns

    @property
    def selected_key(self) -> str | None:
        """The key of the item under the cursor."""
        return self.table.selected_key

    def show(self, columns: Sequence[Column], items: Mapping[str, T]) -> None:
        """Show these items in this order unless a sort is active; a change of columns redraws all."""
        if tuple(columns) != tuple(self._columns):
            self._columns, self._drawn = columns, {}
        self._items = items
        self._fill()

    def show_some(self, items: Mapping[str, T]) -> None:
        """Show these of the items again, in their places: of thousands, seconds change a few."""
        if self._sort is not None or not items.keys() <= self._drawn.keys():
            self.show(self._columns, {**self._items, **items})
            return
        drawn = {key: (item, self._draw_item(item)) for key, item in items.items()}
        self._items = {**self._items, **items}
        self._drawn.update(drawn)
        self.table.put_some({key: entry.cells for key, (_, entry) in drawn.items()})

    def select(self, key: str) -> bool:
        """Move the cursor to an item; return whether it is shown."""
        return self.table.select(key)

    def enter(self) -> None:
        """Take the focus."""
        self.table.focus()

    def back(self) -> bool:
        """Clear the filter; return whether there was one."""
        if not self.query_one(FilterBox).reset():
            return False
        self._filter = ""
        self._fill()
        self.enter()
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter = event.value
        # Paint the typed letter first, without waiting for the rows.
        self.call_after_refresh(self._fill)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._fill()
        self.enter()

    def action_filter(self) -> None:
        box = self.query_one(FilterBox)
        box.display = True
        # Show the line at once: if it appeared with the first letter, the layout would run again.
        self._fill()
        box.open()

    def action_sort(self, by: int) -> None:
        """Sort by the next sortable column; after the last comes the default order."""
        known = self._sortable()
        names = [column.key for column in self._columns if column.key in known]
        self._sort = next_sort(names, self._sort, by, ordered_by=self._ordered_by)
        self._is_reversed = False
        self._rearrange()

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """A click on a heading sorts by its column, another one reverses the order."""
        event.stop()
        name = event.column_key.value
        if name == self._sort:
            self.action_reverse()
        elif name in self._sortable():
            self._sort, self._is_reversed = name, False
            self._rearrange()
        else:
            self.app.show_message(UNSORTED)

    def action_reverse(self) -> None:
        self._is_reversed = not self._is_reversed
        self._rearrange()

    @property
    def keys(self) -> Sequence[str]:
        """The keys of the rows in their order."""
        return self.table.keys

    def _rearrange(self) -> None:
        scrolled = self.table.scroll_x
        self._fill()
        self.table.scroll_to_column(self._sort, scrolled)
        self.post_message(self.Rearranged(self.keys))

    def _recolour(self, theme: object) -> None:
        """Redraw all entries, because cells contain the colours of the theme."""
        self._drawn = {}
        self._fill()

    def _entries(self) -> Mapping[str, ListEntry]:
        """Each item's entry; unchanged items keep the same entry object."""
        self._drawn = {key: self._drawn_item(key) for key in self._items}
        return {key: entry for key, (_, entry) in self._drawn.items()}

    def _drawn_item(self, key: str) -> tuple[T, ListEntry]:
        """An item and its entry, drawn again only if the item differs."""
        item, before = self._items[key], self._drawn.get(key)
        if before is not None and (before[0] is item or before[0] == item):
            return before
        return item, self._draw_item(item)

    def _sortable(self) -> Collection[str]:
        """The columns that rows can be sorted by."""
        return {name for entry in self._entries().values() for name in entry.values}

    def _values(self, found: Mapping[str, ListEntry], column: str) -> dict[str, SortValue]:
        """The sort keys of a column of the entries found."""
        return {key: entry.values.get(column) for key, entry in found.items()}

    def _fill(self) -> None:
        entries = self._entries()
        found = entries
        if wanted := self._filter.casefold().split():
            found = {
                key: entry for key, entry in entries.items() if all(word in entry.folded for word in wanted)
            }
        table = self.table
        table.set_columns([self._headed(column) for column in self._columns])
        table.put(self._cells(self._ordered(found), found))
        self._describe(len(found), len(entries))

    def _cells(self, order: Sequence[str], found: Mapping[str, ListEntry]) -> Mapping[str, Sequence[Text]]:
        """The cells of the entries found, in an order."""
        return {key: found[key].cells for key in order}

    def _ordered(self, found: Mapping[str, ListEntry]) -> list[str]:
        if self._sort is None:
            return list(found)[:: -1 if self._is_reversed else 1]
        values = self._values(found, self._sort)
        known = {key: value for key, value in values.items() if value is not None}
        # Numbers alone need no other form, which takes longer to make than to sort by.
        has_texts = any(issubclass(kind, str) for kind in set(map(type, known.values())))
        marks = {key: comparable(value) for key, value in known.items()} if has_texts else known
        order = sorted(known, key=marks.__getitem__, reverse=self._is_reversed)
        return order + [key for key in values if key not in known] if len(known) < len(values) else order

    def _headed(self, column: Column) -> Column:
        """The column, with an arrow if rows are sorted by it."""
        if column.key != self._sort:
            return column
        return sorted_by(column, "↓" if self._is_reversed else "↑")

    def _describe(self, found: int, of: int) -> None:
        """The filter and the order in words; empty if all rows are shown in their default order."""
        is_filtered = bool(self._filter) or self.query_one(FilterBox).display
        parts = [f"/{visible(self._filter)}: {found:,} of {of:,}"] if is_filtered else []
        label = next((column.label for column in self._columns if column.key == self._sort), None)
        if label is not None or self._is_reversed:
            parts.append(f"by {label or 'default order'}{', reversed' if self._is_reversed else ''}")
        if parts != self._described:
            self._described = parts
            how = self.query_one(".how", Static)
            how.display = bool(parts)
            # It always has one line, so the slow layout of the whole screen is not needed.
            how.update(Content("  ·  ".join(parts)), layout=False)
