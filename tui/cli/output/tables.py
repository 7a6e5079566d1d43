"""Tables and lines for people, in which text from outside is made visible."""

from __future__ import annotations

from rich.console import Console
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
