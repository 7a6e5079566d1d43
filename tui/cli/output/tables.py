"""Tables and lines for people, in which text from outside is made visible."""

from __future__ import annotations

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from tui.format.text import visible


def table(*titles: str, left: int = 1) -> Table:
    """A table whose first `left` columns are words, and whose others are figures."""
    columns = [
        Column(
            visible(title),
            justify="left" if place < left else "right",
            # A figure that is folded, or cut, is another figure.
            no_wrap=place >= left,
            overflow="fold",
        )
        for place, title in enumerate(titles)
    ]
    return Table(*columns, box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))


def cell(text: str, style: str = "") -> Text:
    return Text(visible(text), style=style)


def facts(console: Console, *facts: tuple[str, str]) -> None:
    """Names and values, aligned; long values are wrapped beside their names."""
    grid = Table.grid(Column(min_width=10, style="dim"), Column(overflow="fold"), padding=(0, 2, 0, 0))
    for name, value in facts:
        grid.add_row(cell(name), cell(value))
    console.print(grid)


def line(console: Console, text: str, style: str = "") -> None:
    console.print(Text(visible(text), style=style))
