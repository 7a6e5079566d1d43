"""A table whose rows have keys, so that an update redraws only the cells that differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual._two_way_dict import TwoWayDict
from textual.binding import Binding, BindingType
from textual.coordinate import Coordinate
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widgets import DataTable
from textual.widgets.data_table import CellDoesNotExist, ColumnKey, Row, RowDoesNotExist, RowKey

from tui.components.table_cells import Column, aligned, fitted, uncut

if TYPE_CHECKING:
    from textual import getters

    from tui.navigation.host import HostApp


#: The component classes whose styles a row is drawn with.
_STYLES_OF_ROWS = (
    "datatable--fixed",
    "datatable--fixed-cursor",
    "datatable--cursor",
    "datatable--hover",
    "datatable--header",
    "datatable--header-hover",
)

#: Stands for each row: all are one line high.
_ROW = Row(RowKey(), 1)
_NO_CELLS: dict[ColumnKey, Text] = {}


#: The id of the key that opens a row.
OPEN = "table.open"


class KeyedTable(DataTable[Text], inherit_bindings=False):
    """Rows of `Text` cells by key; the cursor stays on its row when other rows change.

    Cells are `Text` and never `str`, because a `str` is parsed as markup. The screen handles left and right.
    Rows are one line high and columns have fixed widths. The class draws its rows itself, because a DataTable
    measures every new cell, and redraws all visible cells when one of them changes. It looks only at the
    cells of visible rows.
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

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, *, id: str | None = None, opens: str = "Open") -> None:
        """`opens` is the title of Enter in the line of keys."""
        super().__init__(id=id, cursor_type="row", cell_padding=1, cursor_foreground_priority="renderable")
        # Bound per table, because the title differs between tables.
        (binding,) = self._bindings.key_to_bindings["enter"]
        self._bindings.key_to_bindings["enter"] = [replace(binding, description=opens)]
        self._shown_columns: tuple[Column, ...] = ()
        self._put: Mapping[str, Sequence[Text]] = {}
        #: The row that had the cursor when a change of columns cleared the rows, and its line.
        self._wanted: str | None = None
        self._wanted_line = 0
        #: Whether the cursor moved before the first layout.
        self._moved_unseen = False
        self._base_style = Style()
        self._styles_of_rows: tuple[Style, ...] = ()
        #: The rows that are shown, or were before they were cleared, in their order.
        self._row_keys: dict[str, RowKey] = {}
        #: Row → its cells when it was drawn, what else the drawing depends on, and the drawing.
        self._drawn: dict[str, tuple[Sequence[Text], object, Strip]] = {}
        #: What the drawing of the headings depends on, and the drawing.
        self._headings_drawn: tuple[object, Strip] | None = None
        #: Where each column begins, and where the last one ends.
        self._places: Sequence[int] = (0,)
        #: Two edges, and the part between them.
        self._last_part: tuple[tuple[int, int], tuple[int, int]] | None = None

    def on_resize(self) -> None:
        if self._moved_unseen and self.size:
            self._moved_unseen = False
            self._scroll_cursor_into_view()

    def action_select_cursor(self) -> None:
        if not self.row_count:
            self.app.show_message("there is nothing in this list to open yet")
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
        self.rows = dict.fromkeys(places, _ROW)
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

    @property
    def ordered_rows(self) -> list[Row]:
        return [_ROW] * self.row_count

    @property
    def _y_offsets(self) -> list[tuple[RowKey, int]]:
        # Textual makes one for each row even to clear the table. Lines without a row have none either.
        return []

    @property
    def _total_row_height(self) -> int:
        return self.row_count

    def _get_row_region(self, row_index: int) -> Region:
        # Textual adds up the heights of all rows above.
        if not self.is_valid_row_index(row_index):
            return Region(0, 0, 0, 0)
        return Region(0, row_index + self._head, max(self.size.width, self._places[-1]), 1)

    def _get_cell_region(self, coordinate: Coordinate) -> Region:
        if not self.is_valid_coordinate(coordinate):
            return Region(0, 0, 0, 0)
        row, column = coordinate
        begin, end = self._places[column : column + 2]
        return Region(begin, row + self._head, end - begin, 1)

    @property
    def _head(self) -> int:
        """The lines above the first row."""
        return self.header_height if self.show_header else 0

    def _update_dimensions(self, new_rows: Iterable[RowKey]) -> None:
        size = Size(self._places[-1], self.row_count + self._head)
        if size != self.virtual_size:
            # An earlier request that may have been met already: see `AutoHeightText`.
            self._layout_required = False
            self.virtual_size = size

    def render_lines(self, crop: Region) -> list[Strip]:
        # Computed from the styles of all ancestors, and the same for all lines.
        self._base_style = self.rich_style
        self._styles_of_rows = tuple(self.get_component_rich_style(name) for name in _STYLES_OF_ROWS)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        x, width = int(self.scroll_x), self.size.width
        y += 0 if y < self._head else int(self.scroll_y)
        return self._render_line(y, x, x + width, self._base_style)

    def _render_line(self, y: int, x1: int, x2: int, base_style: Style) -> Strip:
        row = y - self._head
        # Tables with a cursor on cells have no arrows in their headings.
        if row >= self.row_count or (row < 0 and self.cursor_type != "row"):
            return super()._render_line(y, x1, x2, base_style)
        whole = self._row_strip(row, base_style) if row >= 0 else self._headings(base_style)
        fixed = self._fixed
        if x1:
            whole = Strip.join([whole.crop(0, fixed), *self._part(whole, row, x1 + fixed, x2)])
        elif self.virtual_size.width > x2:
            whole = Strip.join(self._part(whole, row, 0, x2))
        return whole.adjust_cell_length(x2 - x1, base_style)

    @property
    def _fixed(self) -> int:
        """Where the columns begin that scroll; a table without columns has nothing that is fixed."""
        return self._places[min(self.fixed_columns, len(self._shown_columns))]

    def _part(self, whole: Strip, row: int, left: int, right: int) -> list[Strip]:
        """A row between two edges; a number of which an edge would cut digits is left blank if the first
        columns are fixed, so that all others can be scrolled to."""
        if not self.fixed_columns or self.cursor_type != "row":
            return [whole.crop(left, right)]
        if self._last_part is None or self._last_part[0] != (left, right):
            self._last_part = (
                (left, right),
                uncut(self._shown_columns, self._places, self.cell_padding, left, right),
            )
        begin, end = self._last_part[1]
        if (begin, end) == (left, right):
            return [whole.crop(left, right)]
        style = [segment.style or Style() for segment in whole][-1]
        filler = Style.from_meta({"row": row, "column": 0, "out_of_bounds": True})
        blank = Style.from_color(bgcolor=style.bgcolor) + filler
        return [
            Strip([Segment(" " * (begin - left), blank)]),
            whole.crop(begin, end),
            Strip([Segment(" " * (right - end), blank)]),
        ]

    def _row_strip(self, row: int, base_style: Style) -> Strip:
        """A row from its first column to its last; reuses the last drawing if nothing changed."""
        row_key = self._row_locations.get_key(row)
        key = "" if row_key is None else str(row_key.value)
        cells = self._put[key]
        depends = (
            row,
            base_style,
            self._styles_of_rows,
            self.cursor_coordinate.column if row == self.cursor_row else None,
            self.hover_coordinate.column if self._show_hover_cursor and row == self.hover_row else None,
            self.size.width,
        )
        known = self._drawn.get(key)
        if known is not None and known[0] is cells and known[1] == depends:
            return known[2]
        strip = Strip(self._segments(row, aligned(self._shown_columns, cells), base_style)).simplify()
        self._drawn[key] = (cells, depends, strip)
        return strip

    def _headings(self, base_style: Style) -> Strip:
        """The headings; reuses the last drawing if nothing changed."""
        is_hovered = self._show_hover_cursor and self.hover_coordinate.row < 0
        depends = (base_style, self._styles_of_rows, is_hovered, self.size.width)
        if self._headings_drawn is None or self._headings_drawn[0] != depends:
            labels = [Text(column.label) for column in self._shown_columns]
            self._headings_drawn = depends, Strip(self._segments(-1, labels, base_style)).simplify()
        return self._headings_drawn[1]

    def _segments(self, row: int, cells: Sequence[Text], base_style: Style) -> Iterator[Segment]:
        plain, left = self._get_row_style(row, base_style), self.size.width
        fixed = self._styles_of_rows[0]
        for number, (column, cell) in enumerate(zip(self._shown_columns, cells, strict=True)):
            place, is_fixed = Coordinate(row, number), row >= 0 and number < self.fixed_columns
            style, above = self._styles(place, is_fixed)
            # Textual maps the mouse to a cell by this.
            meta = Style.from_meta({"row": row, "column": number})
            drawn = fitted(cell, column, self.cell_padding, self.app.console, is_heading=row < 0)
            yield from Segment.apply_style(drawn, (fixed if is_fixed else plain) + meta + style, above)
            left -= column.width + 2 * self.cell_padding
        if left > 0:
            style, _ = (
                self._styles(Coordinate(row, 0), False) if self.cursor_type == "row" else (Style(), None)
            )
            meta = Style.from_meta({"row": row, "column": 0, "out_of_bounds": True})
            yield Segment(" " * left, plain + style + meta)

    def _styles(self, place: Coordinate, is_fixed: bool) -> tuple[Style, Style]:
        """The styles below and above a cell's own: cursor and mouse."""
        return self._get_styles_to_render_cell(
            place.row < 0,
            False,
            is_fixed,
            self._should_highlight(self.hover_coordinate, place, self.cursor_type),
            self._should_highlight(self.cursor_coordinate, place, self.cursor_type),
            self.show_cursor,
            self._show_hover_cursor,
            self.cursor_foreground_priority == "css",
            self.cursor_background_priority == "css",
        )

    def _report_cursor(self) -> None:
        """Report the row under the cursor, which may be another one at the same index.

        Called later, because a message posted within a parent's handler does not bubble beyond the parent.
        """
        self._highlight_row(self.cursor_row)

    def _highlight_row(self, row_index: int) -> None:
        # A table without rows reports row -1, which has no key.
        if self.is_valid_row_index(row_index):
            super()._highlight_row(row_index)
