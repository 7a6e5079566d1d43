"""Tables for people: the same lines as Rich prints, sooner."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from tui.cli.output.tables import cell, make_table, print_table

_CELLS = st.text("ab é世\u200d-\n", max_size=30)


def _table(rows: list[tuple[str, str, str]], *, long: bool) -> Table:
    table = make_table("job", "name of it", "count", left=2)
    table.columns[1].no_wrap = long
    for words, name, count in rows:
        table.add_row(cell(words, "green"), cell(name), cell(count, "dim"))
    return table


@settings(max_examples=40)
@given(
    st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=8),
    st.sampled_from((40, 79, 10_000)),
    st.booleans(),
)
def test_a_table_is_printed_as_rich_prints_it(
    rows: list[tuple[str, str, str]], width: int, long: bool
) -> None:
    printed, by_rich = (Console(file=io.StringIO(), width=width, highlight=False) for _ in range(2))
    print_table(printed, _table(rows, long=long))
    by_rich.print(_table(rows, long=long))
    assert printed.file.getvalue() == by_rich.file.getvalue()  # type: ignore[attr-defined]
