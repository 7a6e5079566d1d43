"""Tables and lines for people, in which text from outside is made visible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import StyleType
from rich.table import Column, Table
from rich.text import Text

from tui.format.text import visible


def make_console(*, stderr: bool = False) -> Console:
    """A console that parses no markup. Piped output is neither wrapped nor cut."""
    console = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if console.is_terminal:
        return console
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=10_000)


def make_table(*titles: str, left: int = 1) -> Table:
    """A table whose first `left` columns hold words, and whose other columns hold numbers."""
    columns = [
        Column(
            visible(title),
            justify="left" if place < left else "right",
            # A wrapped or cut number reads as another number.
            no_wrap=place >= left,
            overflow="fold",
        )
        for place, title in enumerate(titles)
    ]
    return Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))


def print_table(console: Console, table: Table) -> None:
    """Print a table of `make_table` as the console would.

    Rich takes milliseconds for a row, so it lays out only tables that are too wide for the console, or have
    other cells than those of `cell`.
    """
    gap = table.padding[1]
    lines = [[str(column.header) for column in table.columns]]
    # An empty cell may be a plain text.
    columns = [[Text(c) if isinstance(c, str) else c for c in column.cells] for column in table.columns]
    cells = [[c for c in column if isinstance(c, Text) and not c.spans] for column in columns]
    if any(len(column) < table.row_count for column in cells):
        console.print(table)
        return
    rows = list(zip(*cells, strict=True))
    lines += [[cell.plain for cell in row] for row in rows]
    widths = [max(map(_width, texts)) for texts in zip(*lines, strict=True)]
    is_simple = all(text.isprintable() for line in lines for text in line)
    if not is_simple or sum(widths) + gap * (len(widths) - 1) > console.width:
        console.print(table)
        return
    styles = [[table.header_style] * len(widths), *([cell.style for cell in row] for row in rows)]
    console.print(Segments(_segments(console, table.columns, widths, gap, lines, styles)), end="")


def _segments(
    console: Console,
    columns: Sequence[Column],
    widths: Sequence[int],
    gap: int,
    lines: Sequence[Sequence[str]],
    styles: Sequence[Sequence[StyleType]],
) -> Iterator[Segment]:
    for line, line_styles in zip(lines, styles, strict=True):
        for place, (text, style) in enumerate(zip(line, line_styles, strict=True)):
            if is_right := columns[place].justify == "right":
                text = text.rstrip()
            blank = " " * (widths[place] - _width(text))
            shown = blank + text if is_right else text + blank
            yield Segment(shown, console.get_style(style))
            if place < len(widths) - 1:
                yield Segment(" " * gap)
        yield Segment.line()


def _width(text: str) -> int:
    """Columns that a printable text takes: Rich looks at each character of it."""
    return len(text) if text.isascii() else cell_len(text)


def cell(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style)


def print_fields(console: Console, *fields: tuple[str, str]) -> None:
    """Names and values, aligned; long values wrap beside their names."""
    grid = Table.grid(Column(min_width=10, style="dim"), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for name, value in fields:
        grid.add_row(cell(name), cell(value))
    console.print(grid)


def print_line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text), style=style))
