"""The columns of a table, and the cells of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, overload

from rich.segment import Segment
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Column:
    """A column: its key, heading, and width in cells without the padding; `overhang` is how much of that the
    heading may take."""

    key: str
    label: str
    width: int
    align: Literal["left", "right"] = "left"
    overhang: int = 0


def sorted_by(column: Column, arrow: str) -> Column:
    """The column with an arrow after its heading; a heading may end in the padding, for which it need not be
    cut."""
    label = f"{column.label} {arrow}" if len(column.label) < column.width else f"{column.label}{arrow}"
    if len(label) > column.width + 1:
        label = f"{column.label[: column.width - 1].rstrip(' ,')} {arrow}"
    return replace(column, label=label, overhang=1)


class LaterCells(Sequence[Text]):
    """The cells of a row, drawn when they are first looked at: most rows of a long table are never shown."""

    def __init__(self, draw: Callable[[], Sequence[Text]]) -> None:
        self._draw = draw
        self._cells: Sequence[Text] | None = None

    def _drawn(self) -> Sequence[Text]:
        if self._cells is None:
            self._cells = self._draw()
        return self._cells

    @overload
    def __getitem__(self, index: int) -> Text: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Text]: ...

    def __getitem__(self, index: int | slice) -> Text | Sequence[Text]:
        return self._drawn()[index]

    def __iter__(self) -> Iterator[Text]:
        return iter(self._drawn())

    def __len__(self) -> int:
        return len(self._drawn())


def aligned(columns: Sequence[Column], cells: Sequence[Text]) -> list[Text]:
    """The cells of a row, aligned as their columns."""
    for column, cell in zip(columns, cells, strict=True):
        cell.justify, cell.no_wrap, cell.overflow = column.align, True, "ellipsis"
    return list(cells)


def fitted(
    cell: Text, column: Column, padding: int, console: Console, *, is_heading: bool
) -> Iterator[Segment]:
    """The first line of a cell in its column's width, with the padding, in cells, on both sides."""
    text, end = cell, cell.plain.find("\n")
    room = column.width + (column.overhang if is_heading else 0)
    if end >= 0 or cell.cell_len > room:
        text = cell[:end] if end >= 0 else cell.copy()
        text.truncate(room, overflow="crop" if is_heading else "ellipsis")
    style = console.get_style(text.style, default="")
    blank = Segment(" " * (column.width - text.cell_len), style)
    yield Segment(" " * padding)
    if column.align == "right":
        yield blank
    # Without spans it is rendered without its own style.
    yield from Segment.apply_style(text.render(console), style)
    if column.align == "left":
        yield blank
    yield Segment(" " * (padding - max(0, text.cell_len - column.width)))


def uncut(
    columns: Sequence[Column], places: Sequence[int], padding: int, left: int, right: int
) -> tuple[int, int]:
    """Two edges of a row moved inwards, past the numbers that they would cut.

    `places` are where the columns begin and where the last one ends.
    """
    begin, end = left, right
    for column, (first, last) in zip(columns, pairwise(places), strict=True):
        if column.align == "right" and first < left < last:
            begin = last
        if column.align == "right" and first < right < last - padding:
            end = first
    return begin, end
