"""A table whose rows have keys, so that an update redraws only the cells that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import ClassVar

from rich.text import Text
from textual._two_way_dict import TwoWayDict
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.widgets.data_table import CellDoesNotExist, ColumnKey, RowDoesNotExist, RowKey

from tui.components.drawn_table import ROW, DrawnTable
from tui.components.table_cells import Column, aligned

_NO_CELLS: dict[ColumnKey, Text] = {}


#: The id of the key that opens a row.
OPEN = "table.open"


class KeyedTable(DrawnTable, inherit_bindings=False):
    """Rows of `Text` cells by key; the cursor stays on its row when other rows change.

    Cells are `Text` and never `str`, because a `str` is parsed as markup. The screen handles left and right.
    Only the cells of visible rows are looked at.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", id=OPEN, tooltip="Open the row"),
        Binding("down,j", "cursor_down", "Down", show=False),
        Binding("up,k", "cursor_up", "Up", show=False),
        Binding("pagedown,ctrl+f", "page_down", "Page down", show=False),
        Binding("pageup,ctrl+b", "page_up", "Page up", show=False),
        Binding("home,g", "scroll_top", "First", show=False),
        Binding("end,G", "scroll_bottom", "Last", show=False),
    ]
    DEFAULT_CSS: ClassVar[str] = """
    KeyedTable {
        background: $background;
        scrollbar-size-vertical: 1;
        & > .datatable--header { background: $background; color: $text-muted; text-style: none; }
        & > .datatable--header-hover { background: $background; color: $foreground; }
        & > .datatable--hover { background: $surface; }
        &:focus { background-tint: $foreground 0%; }
    }
    """

    def __init__(self, *, id: str | None = None, opens: str = "Open", reading: str = "") -> None:
        """`opens` is the title of Enter in the line of keys, `reading` the app's key of reading the rows."""
        super().__init__(id=id)
        self._reading = reading
        # Bound per table, because the title differs between tables.
        (binding,) = self._bindings.key_to_bindings["enter"]
        self._bindings.key_to_bindings["enter"] = [replace(binding, description=opens)]
        #: The row that had the cursor when a change of columns cleared the rows, and its line.
        self._wanted: str | None = None
        self._wanted_line = 0
        #: Whether it is known which rows there are.
        self._is_filled = False
        #: Whether the cursor moved before the first layout.
        self._moved_unseen = False
        #: The rows that are shown, or were before they were cleared, in their order.
        self._row_keys: dict[str, RowKey] = {}

    def on_resize(self) -> None:
        if self._moved_unseen and self.size:
            self._moved_unseen = False
            self._scroll_cursor_into_view()

    def action_select_cursor(self) -> None:
        if not self.row_count:
            reading = None if self._is_filled else self._reading
            self.app.show_lack("there is nothing in this list to open yet", reading=reading)
        super().action_select_cursor()

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Replace the columns if they differ; this clears the rows until the next `put`."""
        if self._shown_columns == tuple(columns):
            return
        self._shown_columns = tuple(columns)
        if (selected := self.selected_key) is not None:
            self._wanted, self._wanted_line = selected, self.cursor_row
        self._drawn.clear()
        self._headings_drawn = self._last_part = None
        widths = (column.width + 2 * self.cell_padding for column in columns)
        self._places = tuple(accumulate(widths, initial=0))
        self.clear(columns=True)
        for column in columns:
            label = Text(column.label, justify=column.align, no_wrap=True)
            self.add_column(label, key=column.key, width=column.width)

    def put(self, rows: Mapping[str, Sequence[Text]]) -> None:
        """Show exactly these rows in this order, changing only what differs.

        A row that is the same object as before counts as unchanged. Only the cells of visible rows are looked
        at.
        """
        self._is_filled = True
        shown, wanted = self.keys, list(rows)
        self._put = rows
        if not shown or wanted[: len(shown)] != shown:
            if (selected := self.selected_key) is not None:
                self._again(rows, selected, self.cursor_row)
            else:
                self._again(rows, self._wanted, self._wanted_line)
            self._wanted, self._wanted_line = None, 0
            return
        # What was never drawn is not on the screen.
        for key, (cells, _, _) in list(self._drawn.items()):
            if rows[key] is not cells:
                self._update(key, rows[key])
        if len(wanted) > len(shown):
            self._place(wanted)

    @property
    def keys(self) -> list[str]:
        """The keys of the rows in their order."""
        return list(self._row_keys) if self.rows else []

    def put_some(self, rows: Mapping[str, Sequence[Text]]) -> None:
        """Show these rows again, in their places; those that the table has not are left out."""
        known = {key: cells for key, cells in rows.items() if key in self._put}
        self._put = {**self._put, **known}
        for key, cells in known.items():
            self._update(key, cells)

    @property
    def selected_key(self) -> str | None:
        """The key of the row under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def select(self, key: str) -> bool:
        """Move the cursor to a row; return whether the key exists."""
        try:
            self.move_cursor(row=self.get_row_index(key), animate=False)
        except RowDoesNotExist:
            return False
        return True

    def scroll_columns(self, by: int) -> None:
        """Scroll right or left by a column."""
        begins = [place - self._fixed for place in self._places if place >= self._fixed]
        x = self.scroll_x
        wanted = [begin for begin in begins if (begin > x if by > 0 else begin < x)]
        if wanted:
            self.scroll_to(x=wanted[0 if by > 0 else -1], animate=False)

    def scroll_to_column(self, key: str | None, scrolled: float) -> None:
        """Scroll left or right from `scrolled` as far as a column needs to be on the screen, if there is one.

        A change of the columns scrolls the table back to the first one.
        """
        fixed, x = self._fixed, scrolled
        for column, (begin, end) in zip(self._shown_columns, pairwise(self._places), strict=True):
            if column.key == key and begin >= fixed:
                x = min(max(x, end - self.size.width), begin - fixed)
        self.scroll_to(x=x, animate=False)

    def get_row(self, row_key: RowKey | str) -> list[Text]:
        key = row_key.value if isinstance(row_key, RowKey) else row_key
        if key is None or key not in self._put:
            raise RowDoesNotExist(f"There is no row {key!r}.")
        return list(aligned(self._shown_columns, self._put[key]))

    def get_cell(self, row_key: RowKey | str, column_key: ColumnKey | str) -> Text:
        wanted = column_key.value if isinstance(column_key, ColumnKey) else column_key
        columns = [column.key for column in self._shown_columns]
        if wanted not in columns:
            raise CellDoesNotExist(f"There is no column {wanted!r}.")
        return self.get_row(row_key)[columns.index(wanted)]

    def _update(self, key: str, cells: Sequence[Text]) -> None:
        if (drawn := self._drawn.get(key)) is None:
            return
        # The comparison of Text ignores the style.
        pairs = zip(drawn[0], aligned(self._shown_columns, cells), strict=True)
        if any(old != new or old.style != new.style for old, new in pairs):
            line = self.get_row_index(key) + self._head
            self._refresh_region(Region(0, line, max(self.size.width, self.virtual_size.width), 1))
        else:
            self._drawn[key] = (cells, *drawn[1:])

    def _place(self, keys: Sequence[str]) -> None:
        """Have these rows, all at once: `add_row` takes as long as a drawing for each of them."""
        is_first = not self.rows
        known = self._row_keys
        self._row_keys = {key: known.get(key) or RowKey(key) for key in keys}
        places = dict(zip(self._row_keys.values(), range(len(keys)), strict=True))
        self._row_locations = TwoWayDict(places)
        # A dictionary made from another one takes over the hashes of its keys, which are computed in Python.
        self.rows = dict.fromkeys(places, ROW)
        # The cells are in `_put`.
        self._data = dict.fromkeys(places, _NO_CELLS)
        self._require_update_dimensions = True
        self._update_count += 1
        self.cursor_coordinate = self.cursor_coordinate  # brings it within bounds
        if is_first and keys and self._shown_columns and self.show_cursor:
            self._highlight_cursor()
        self.check_idle()

    def _again(self, rows: Mapping[str, Sequence[Text]], selected: str | None, index: int) -> None:
        """Show these rows; the cursor is on the selected one, or on its line if that is gone."""
        scrolled = self.scroll_y
        with self.app.batch_update():
            self.clear()
            self._place(list(rows))
            if selected is None or not self.select(selected):
                self.move_cursor(row=min(index, max(0, len(rows) - 1)), animate=False)
                self.call_later(self._report_cursor)
            self.scroll_to(y=scrolled, animate=False)
        self._drawn = {key: drawn for key, drawn in self._drawn.items() if key in rows}

    def _scroll_cursor_into_view(self, animate: bool = False) -> None:
        # Without a size no row is in view: the cursor's would be scrolled to the top.
        self._moved_unseen = not self.size
        if self.size:
            super()._scroll_cursor_into_view(animate)

    def _report_cursor(self) -> None:
        """Report the row under the cursor, which may be another one at the same index.

        Called later, because a message posted within a parent's handler does not bubble beyond the parent.
        """
        self._highlight_row(self.cursor_row)

    def _highlight_row(self, row_index: int) -> None:
        # A table without rows reports row -1, which has no key.
        if self.is_valid_row_index(row_index):
            super()._highlight_row(row_index)
