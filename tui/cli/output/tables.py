"""Tables and lines for people, in which text from outside is made visible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

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
    other cells than those of `cell` and plain texts.
    """
    gap = table.padding[1]
    columns = [_column(column) for column in table.columns]
    if any(len(texts) <= table.row_count for texts, _ in columns):
        console.print(table)
        return
    widths = [_max_width(texts) for texts, _ in columns]
    is_simple = all(all(map(str.isprintable, texts)) for texts, _ in columns)
    if not is_simple or sum(widths) + gap * (len(widths) - 1) > console.width:
        console.print(table)
        return
    padded = [
        _padded(texts, width, is_right=column.justify == "right")
        for column, (texts, _), width in zip(table.columns, columns, widths, strict=True)
    ]
    header, *rows = zip(*padded, strict=True)
    styles = zip(*(found for _, found in columns), strict=True)
    title = console.get_style(table.header_style)
    parts = [part for text in header for part in (Segment(" " * gap, title), Segment(text, title))][1:]
    lines = _segments(console, zip(rows, styles, strict=True), " " * gap)
    # What fits needs no cropping.
    console.print(Segments([*parts, Segment.line(), *lines]), end="", crop=False)


def _column(column: Column) -> tuple[list[str], list[StyleType]]:
    """The texts of a column with its header, and the styles of its cells, as far as they are simple."""
    texts, styles = [str(column.header)], list[StyleType]()
    for found in column.cells:
        if isinstance(found, str):
            texts.append(found)
            styles.append("")
        elif isinstance(found, Text) and not found.spans:
            texts.append(found.plain)
            styles.append(found.style)
        else:
            break
    return texts, styles


def _max_width(texts: Sequence[str]) -> int:
    return max(map(len if all(map(str.isascii, texts)) else _width, texts))


def _padded(texts: Sequence[str], width: int, *, is_right: bool) -> list[str]:
    if is_right:
        texts = [text.rstrip() for text in texts]
    if all(map(str.isascii, texts)):
        return [text.rjust(width) if is_right else text.ljust(width) for text in texts]
    blanks = (" " * (width - _width(text)) for text in texts)
    return [blank + text if is_right else text + blank for text, blank in zip(texts, blanks, strict=True)]


def _segments(
    console: Console, rows: Iterable[tuple[Sequence[str], Sequence[StyleType]]], gap: str
) -> Iterator[Segment]:
    """The lines of padded cells; what has no style is as few segments as possible."""
    plain = list[str]()
    for texts, styles in rows:
        if any(styles):
            for place, (text, style) in enumerate(zip(texts, styles, strict=True)):
                if place:
                    plain.append(gap)
                if style:
                    yield Segment("".join(plain))
                    plain.clear()
                    yield Segment(text, console.get_style(style))
                else:
                    plain.append(text)
            plain.append("\n")
        else:
            plain.append(gap.join(texts))
            plain.append("\n")
    yield Segment("".join(plain))


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
