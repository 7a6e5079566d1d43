"""Figures as rows: name, value, interval, bar, what they were counted over, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Static

from tui.components.interval_bar import interval_bar
from tui.components.keyed_table import Column, KeyedTable
from tui.components.theme import shade
from tui.format import values as figures
from tui.format.text import visible
from tui.screens.win_rates.comparison_metrics import Fact

_VALUE, _INTERVAL, _N = 10, 13, 6
#: Columns from which the notes have a column of their own.
_WIDE = 110


class FactTable(Vertical):
    """The facts, and the selected one's note in full below."""

    DEFAULT_CSS: ClassVar[str] = """
    FactTable {
        height: 1fr;
        & > KeyedTable { height: 1fr; }
        & > #note { height: auto; min-height: 1; max-height: 4; padding: 0 1; background: $surface; }
    }
    """

    class Chosen(Message):
        """Enter on a fact."""

        def __init__(self, fact: Fact) -> None:
            super().__init__()
            self.fact = fact

    def __init__(self) -> None:
        super().__init__()
        self._facts: Sequence[Fact] = ()

    def compose(self) -> ComposeResult:
        yield KeyedTable(opens="Pairs")
        yield Static(id="note", markup=False)

    def show(self, facts: Sequence[Fact]) -> None:
        if facts != self._facts:
            self._facts = facts
            self._fill()

    def on_resize(self, event: Resize) -> None:
        self._fill()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        fact = self._selected
        if fact is not None:
            self.post_message(self.Chosen(fact))

    @property
    def _selected(self) -> Fact | None:
        key = self.query_one(KeyedTable).selected_key
        return None if key is None or int(key) >= len(self._facts) else self._facts[int(key)]

    def _fill(self) -> None:
        table = self.query_one(KeyedTable)
        at = table.cursor_row
        columns = self._columns()
        table.set_columns(columns)
        widths = {column.key: column.width for column in columns}
        table.put({str(number): self._row(fact, widths) for number, fact in enumerate(self._facts)})
        # Not on the first heading.
        table.move_cursor(row=min(max(at, 1), max(0, len(self._facts) - 1)), animate=False)
        self._describe()

    def _columns(self) -> list[Column]:
        fixed = _VALUE + _INTERVAL + _N + 6
        free = self.size.width - fixed - 5
        name, note = max(12, free * 5 // 9), 0
        if self.size.width >= _WIDE:
            name = 26
            note = max(10, (free - name) * 3 // 5)
        bar = max(9, free - name - (note + 2 if note else 0))
        columns = [
            Column("name", "", name),
            Column("value", "", _VALUE, "right"),
            Column("interval", "95 % interval", _INTERVAL, "right"),
            Column("n", "of", _N, "right"),
            Column("bar", "0 %" + "50".center(bar - 8) + "100 %" if bar >= 14 else "", bar),
        ]
        return [*columns, Column("note", "", note)] if note else columns

    def _row(self, fact: Fact, widths: dict[str, int]) -> list[Text]:
        muted, accent = shade(self.app, "text-muted"), shade(self.app, "text-accent")
        note = visible(("! " if fact.warns else "") + fact.note)
        if fact.heading:
            cells = {"name": Text(figures.shorten(visible(fact.name), widths["name"]), "bold")}
        else:
            strong = muted if fact.is_unsure else "bold"
            bar = Text("")
            if fact.low is not None and fact.high is not None:
                colour = muted if fact.is_unsure else accent
                bar = interval_bar(fact.share, fact.low, fact.high, widths["bar"], colour=colour, muted=muted)
            mark = "! " if fact.warns and "note" not in widths else "  "
            cells = {
                "name": Text(figures.shorten(mark + visible(fact.name), widths["name"])),
                "value": Text(fact.value, strong if fact.value != figures.UNKNOWN else muted),
                "interval": Text(fact.interval, muted),
                "n": Text("" if fact.n is None else figures.count(fact.n), muted),
                "bar": bar,
            }
        cells["note"] = Text(note, shade(self.app, "text-warning") if fact.warns else muted)
        return [cells.get(key, Text("")) for key in widths]

    def _describe(self) -> None:
        fact, note = self._selected, self.query_one("#note", Static)
        if fact is None:
            note.update("")
            return
        style = "$text-warning" if fact.warns else "$text-muted"
        note.update(
            Content.assemble(
                (visible(fact.name), "bold"),
                (f"  {fact.value}" if fact.value else ""),
                (f"  ({fact.interval})" if fact.interval else ""),
                (f"  {visible(fact.note)}", style),
            )
        )
