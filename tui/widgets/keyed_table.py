"""A table whose rows have keys, so that an update touches only the cells that differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable
from textual.widgets.data_table import RowDoesNotExist


@dataclass(frozen=True)
class Column:
    """A column: its key, heading, and width in cells without the padding."""

    key: str
    label: str
    width: int
    align: Literal["left", "right"] = "left"


#: The id of the key that opens a row.
OPEN = "table.open"


class KeyedTable(DataTable[Text], inherit_bindings=False):
    """Rows of `Text` cells by key; the cursor stays on its row whatever comes and goes.

    Cells are `Text` and never `str`, because a `str` is parsed as markup. Left and right are the room's.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", id=OPEN, tooltip="Open what the row is about"),
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

    def __init__(self, *, id: str | None = None, opens: str = "Open") -> None:
        """`opens` names in a word what Enter does with the row under the cursor."""
        super().__init__(id=id, cursor_type="row", cell_padding=1)
        # Of this table: the word differs from one to the next.
        (binding,) = self._bindings.key_to_bindings["enter"]
        self._bindings.key_to_bindings["enter"] = [replace(binding, description=opens)]
        self._shown_columns: tuple[Column, ...] = ()
        self._put: Mapping[str, Sequence[Text]] = {}
        #: The row that had the cursor when other columns took the rows away.
        self._wanted: str | None = None

    def set_columns(self, columns: Sequence[Column]) -> None:
        """Lay the columns out anew if they differ; that takes the rows away until they are put again."""
        if self._shown_columns == tuple(columns):
            return
        self._shown_columns = tuple(columns)
        self._wanted = self.selected_key or self._wanted
        self.clear(columns=True)
        for column in columns:
            label = Text(column.label, justify=column.align, no_wrap=True)
            self.add_column(label, key=column.key, width=column.width)

    def put(self, rows: Mapping[str, Sequence[Text]]) -> None:
        """Show exactly these rows in this order, changing only what differs.

        A row that is the very object of the last time has not changed.
        """
        shown, wanted, before = [str(key.value) for key in self.rows], list(rows), self._put
        self._put = dict(rows)
        if not shown or wanted[: len(shown)] != shown:
            self._again(rows, self.selected_key or self._wanted)
            self._wanted = None
            return
        for key in shown:
            if rows[key] is not before.get(key):
                self._update(key, rows[key])
        for key in wanted[len(shown) :]:
            self.add_row(*self._aligned(rows[key]), key=key)

    @property
    def selected_key(self) -> str | None:
        """The key of the row under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        return self.coordinate_to_cell_key(self.cursor_coordinate).row_key.value

    def select(self, key: str) -> bool:
        """Move the cursor to a row; whether there is one of that key."""
        try:
            self.move_cursor(row=self.get_row_index(key), animate=False)
        except RowDoesNotExist:
            return False
        return True

    def _update(self, key: str, cells: Sequence[Text]) -> None:
        before = self.get_row(key)
        for column, old, new in zip(self._shown_columns, before, self._aligned(cells), strict=True):
            # Text's own comparison leaves the style out.
            if old != new or old.style != new.style:
                self.update_cell(key, column.key, new)

    def _again(self, rows: Mapping[str, Sequence[Text]], selected: str | None) -> None:
        index, scrolled = self.cursor_row, self.scroll_y
        with self.app.batch_update():
            self.clear()
            for key, cells in rows.items():
                self.add_row(*self._aligned(cells), key=key)
            if selected is None or not self.select(selected):
                self.move_cursor(row=min(index, max(0, len(rows) - 1)), animate=False)
                self.call_later(self._tell_cursor)
            self.scroll_to(y=scrolled, animate=False)

    def _tell_cursor(self) -> None:
        """Say which row the cursor is on: it may be another one in the same place.

        Called later, because what is posted from within a parent's handler goes no further than the parent.
        """
        self._highlight_row(self.cursor_row)

    def _highlight_row(self, row_index: int) -> None:
        # A table without rows tells of row -1, which has no key.
        if self.is_valid_row_index(row_index):
            super()._highlight_row(row_index)

    def _aligned(self, cells: Sequence[Text]) -> list[Text]:
        for column, cell in zip(self._shown_columns, cells, strict=True):
            cell.justify, cell.no_wrap, cell.overflow = column.align, True, "ellipsis"
        return list(cells)
