"""A keyed table whose rows can be filtered by words and sorted by a column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.components.filter_box import FilterBox
from tui.components.keyed_table import Column, KeyedTable
from tui.format.text import visible

T = TypeVar("T")

SortValue = str | float | None


#: The keys of every list, whatever draws its rows: actions `filter`, `sort(by)` and `reverse`.
KEYS: tuple[BindingType, ...] = (
    Binding(
        "slash",
        "filter",
        "Filter",
        id="list.filter",
        show=False,
        key_display="/",
        tooltip="Show only rows with these words; Esc shows all",
    ),
    Binding(
        "greater_than_sign",
        "sort(1)",
        "Sort",
        id="list.sort",
        show=False,
        tooltip="Sort by the next column",
    ),
    Binding(
        "less_than_sign",
        "sort(-1)",
        "Sort back",
        id="list.sort_back",
        show=False,
        tooltip="Sort by the column before",
    ),
    Binding("I", "reverse", "Reverse", id="list.reverse", show=False, tooltip="Sort in the other direction"),
)


@dataclass(frozen=True)
class Entry:
    """A row: its cells, the words that a filter looks in, and by column what it is sorted by.

    A column without a value is not sorted by; None is sorted last, whatever the direction.
    """

    cells: Sequence[Text]
    words: str
    values: Mapping[str, SortValue] = field(default_factory=dict)


class Listing(Vertical, Generic[T]):
    """Items by key, each drawn as an entry, and drawn again only when it differs.

    The cursor stays on its row whatever comes and goes. `back` takes the filter away.
    """

    DEFAULT_CSS: ClassVar[str] = """
    Listing {
        height: 1fr;
        & > .how { height: 1; padding: 0 1; color: $text-muted; }
        & > KeyedTable { height: 1fr; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = list(KEYS)

    def __init__(
        self, *, id: str, draw: Callable[[T], Entry], words: str = "words in the rows", opens: str = "Open"
    ) -> None:
        """`words` says what a filter looks in, `opens` what Enter does."""
        super().__init__(id=id)
        self._opens = opens
        self._draw_item = draw
        self._placeholder = words
        self._items: Mapping[str, T] = {}
        self._columns: Sequence[Column] = ()
        self._drawn: dict[str, tuple[T, Entry]] = {}
        self._filter = ""
        self._sort: str | None = None
        self._is_reversed = False
        #: What is shown of the filter and the order.
        self._described: Sequence[str] = ()

    def compose(self) -> ComposeResult:
        yield Static(classes="how", markup=False)
        yield KeyedTable(opens=self._opens)
        yield FilterBox(self._placeholder)

    def on_mount(self) -> None:
        self.query_one(".how").display = False
        self.app.theme_changed_signal.subscribe(self, self._recolour)

    @property
    def table(self) -> KeyedTable:
        return self.query_one(KeyedTable)

    @property
    def columns(self) -> Sequence[Column]:
        """The columns that entries are drawn for."""
        return self._columns

    @property
    def selected_key(self) -> str | None:
        """The key of the item under the cursor."""
        return self.table.selected_key

    def show(self, columns: Sequence[Column], items: Mapping[str, T]) -> None:
        """Show these items in this order, unless it is sorted otherwise; other columns draw all anew."""
        if tuple(columns) != tuple(self._columns):
            self._columns, self._drawn = columns, {}
        self._items = items
        self._fill()

    def select(self, key: str) -> bool:
        """Move the cursor to an item; whether it is shown."""
        return self.table.select(key)

    def enter(self) -> None:
        """Take the focus."""
        self.table.focus()

    def back(self) -> bool:
        """Take the filter away; whether there was one."""
        if not self.query_one(FilterBox).reset():
            return False
        self._filter = ""
        self._fill()
        self.enter()
        return True

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter = event.value
        # The letter is painted first: it need not wait for the rows.
        self.call_after_refresh(self._fill)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._fill()
        self.enter()

    def action_filter(self) -> None:
        box = self.query_one(FilterBox)
        box.display = True
        # It says so at once: were it the first letter that takes a line, that would lay all out anew.
        self._fill()
        box.open()

    def action_sort(self, by: int) -> None:
        """Go to the next column that can be sorted by; after the last comes the items' own order."""
        entries = self._entries().values()
        known = {name for entry in entries for name in entry.values}
        names = [None, *(column.key for column in self._columns if column.key in known)]
        at = names.index(self._sort) if self._sort in names else 0
        self._sort, self._is_reversed = names[(at + by) % len(names)], False
        self._fill()

    def action_reverse(self) -> None:
        self._is_reversed = not self._is_reversed
        self._fill()

    def _recolour(self, theme: object) -> None:
        """Draw all anew: cells hold the colours of the theme that they were drawn under."""
        self._drawn = {}
        self._fill()

    def _entries(self) -> dict[str, Entry]:
        """Each item's entry; those of items that are as before are the same objects as before."""
        drawn: dict[str, tuple[T, Entry]] = {}
        for key, item in self._items.items():
            before = self._drawn.get(key)
            drawn[key] = before if before is not None and before[0] == item else (item, self._draw_item(item))
        self._drawn = drawn
        return {key: entry for key, (_, entry) in drawn.items()}

    def _fill(self) -> None:
        entries = self._entries()
        wanted = self._filter.casefold().split()
        found = {
            key: entry
            for key, entry in entries.items()
            if all(word in entry.words.casefold() for word in wanted)
        }
        table = self.table
        table.set_columns([self._headed(column) for column in self._columns])
        table.put({key: found[key].cells for key in self._ordered(found)})
        self._describe(len(found), len(entries))

    def _ordered(self, found: Mapping[str, Entry]) -> list[str]:
        if self._sort is None:
            return list(found)[:: -1 if self._is_reversed else 1]
        values = {key: entry.values.get(self._sort) for key, entry in found.items()}
        known = [key for key, value in values.items() if value is not None]
        known.sort(key=lambda key: _comparable(values[key]), reverse=self._is_reversed)
        return known + [key for key, value in values.items() if value is None]

    def _headed(self, column: Column) -> Column:
        """The column with an arrow, if it is the one that rows are sorted by."""
        if column.key != self._sort:
            return column
        arrow = "↓" if self._is_reversed else "↑"
        return Column(column.key, f"{column.label} {arrow}"[-column.width :], column.width, column.align)

    def _describe(self, found: int, of: int) -> None:
        """How rows are chosen and ordered, unless all are shown in their own order."""
        is_filtered = bool(self._filter) or self.query_one(FilterBox).display
        parts = [f"/{visible(self._filter)}: {found:,} of {of:,}"] if is_filtered else []
        label = next((column.label for column in self._columns if column.key == self._sort), None)
        if label is not None or self._is_reversed:
            parts.append(f"by {label or 'their own order'}{', reversed' if self._is_reversed else ''}")
        if parts != self._described:
            self._described = parts
            how = self.query_one(".how", Static)
            how.display = bool(parts)
            # It has one line, whatever it says; laying the whole screen out anew takes longer than all else.
            how.update(Content("  ·  ".join(parts)), layout=False)


def _comparable(value: SortValue) -> tuple[str, float]:
    return (value.casefold(), 0.0) if isinstance(value, str) else ("", value or 0.0)
