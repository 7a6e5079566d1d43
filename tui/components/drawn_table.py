"""A table that draws its rows itself: one line each, in columns of fixed widths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.coordinate import Coordinate
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widgets import DataTable
from textual.widgets.data_table import Row, RowKey

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
ROW = Row(RowKey(), 1)


class DrawnTable(DataTable[Text], inherit_bindings=False):
    """Draws rows of `Text` cells, and keeps each drawing until its row differs.

    A DataTable measures every new cell, and redraws all visible cells when one of them changes. This looks
    only at the cells of visible rows.
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, cursor_type="row", cell_padding=1, cursor_foreground_priority="renderable")
        self._shown_columns: tuple[Column, ...] = ()
        self._put: Mapping[str, Sequence[Text]] = {}
        self._base_style = Style()
        self._styles_of_rows: tuple[Style, ...] = ()
        #: Row → its cells when it was drawn, what else the drawing depends on, and the drawing.
        self._drawn: dict[str, tuple[Sequence[Text], object, Strip]] = {}
        #: What the drawing of the headings depends on, and the drawing.
        self._headings_drawn: tuple[object, Strip] | None = None
        #: Where each column begins, and where the last one ends.
        self._places: Sequence[int] = (0,)
        #: Two edges, and the part between them.
        self._last_part: tuple[tuple[int, int], tuple[int, int]] | None = None

    @property
    def ordered_rows(self) -> list[Row]:
        return [ROW] * self.row_count

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

    @property
    def _fixed(self) -> int:
        """Where the columns begin that scroll; a table without columns has nothing that is fixed."""
        return self._places[min(self.fixed_columns, len(self._shown_columns))]

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
