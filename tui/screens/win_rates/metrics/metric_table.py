"""Metrics as rows: name, value, interval, bar, sample size, and a note."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.events import Resize
from textual.message import Message
from textual.widgets import DataTable, Static

from tui.components.interval_bar import interval_bar
from tui.components.sortable_table import SortableTable, SortValues
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import values as formats
from tui.format.text import visible
from tui.screens.win_rates.metrics.metric_row import MetricRow

_VALUE, _INTERVAL, _N = 10, 13, 6
#: The notes have a column of their own from this width on.
_WIDE = 110
#: The width of the longest name and of most notes, and what is left to the bar where they need the room.
_NAME, _NOTE, _BAR = 26, 60, 14


class MetricTable(Vertical):
    """The metrics, with the selected one's full note below."""

    DEFAULT_CSS: ClassVar[str] = """
    MetricTable {
        height: 1fr;
        & > KeyedTable { height: 1fr; }
        & > #note { height: auto; min-height: 1; max-height: 4; padding: 0 1; background: $surface; }
    }
    """

    class Chosen(Message):
        """Enter on a metric."""

        def __init__(self, metric: MetricRow) -> None:
            super().__init__()
            self.metric = metric

    def __init__(self) -> None:
        super().__init__()
        self._metrics: Sequence[MetricRow] = ()

    def compose(self) -> ComposeResult:
        yield SortableTable(opens="Pairs")
        yield Static(id="note", markup=False)

    def show(self, metrics: Sequence[MetricRow]) -> None:
        if metrics != self._metrics:
            self._metrics = metrics
            self._fill()

    def on_resize(self, event: Resize) -> None:
        self._fill()

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._describe()

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        event.stop()
        metric = self._selected
        if metric is not None:
            self.post_message(self.Chosen(metric))

    @property
    def _selected(self) -> MetricRow | None:
        key = self.query_one(SortableTable).selected_key
        number = len(self._metrics) if key is None else int(key.partition(".")[0])
        return self._metrics[number] if number < len(self._metrics) else None

    def recolour(self) -> None:
        """Redraw what has the colours of the theme."""
        self._fill()

    def _fill(self) -> None:
        table = self.query_one(SortableTable)
        at = table.cursor_row
        columns = self._columns()
        widths = {column.key: column.width for column in columns}
        rows: dict[str, list[Text]] = {}
        values: dict[str, SortValues] = {}
        for number, metric in enumerate(self._metrics):
            of_metric = _values(metric)
            for line, cells in enumerate(self._rows(metric, widths)):
                key = f"{number}.{line}" if line else str(number)
                rows[key] = cells
                if not metric.heading:
                    values[key] = of_metric
        table.show(columns, rows, values)
        # The first rows are a heading, with the further lines of its note.
        first = next((row for row, key in enumerate(rows) if key in values), 0)
        table.move_cursor(row=min(max(at, first), max(0, len(rows) - 1)), animate=False)
        self._describe()

    def _columns(self) -> list[Column]:
        fixed = _VALUE + _INTERVAL + _N + 6
        free = self.size.width - fixed - 5
        name, note = max(12, free * 5 // 9, min(_NAME, free - _BAR)), 0
        if self.size.width >= _WIDE:
            name = _NAME
            note = max((free - name) * 3 // 5, min(_NOTE, free - name - _BAR - 2))
        bar = max(9, free - name - (note + 2 if note else 0))
        columns = [
            Column("name", "metric", name),
            Column("value", "value", _VALUE, "right"),
            Column("interval", "95 % interval", _INTERVAL, "right"),
            Column("n", "of", _N, "right"),
            Column("bar", "0 %" + "50".center(bar - 8) + "100 %" if bar >= 14 else "", bar),
        ]
        return [*columns, Column("note", "note", note)] if note else columns

    def _rows(self, metric: MetricRow, widths: dict[str, int]) -> list[list[Text]]:
        """A metric's row, and another one for each line of its note that the column has no room for."""
        muted, accent = shade(self.app, "text-muted"), shade(self.app, "text-accent")
        note = visible(("! " if metric.warns else "") + metric.note)
        if metric.heading:
            cells = {"name": Text(formats.shorten(visible(metric.name), widths["name"]), "bold")}
        else:
            strong = muted if metric.is_unsure else "bold"
            bar = Text("")
            if metric.low is not None and metric.high is not None:
                colour = muted if metric.is_unsure else accent
                bar = interval_bar(
                    metric.share, metric.low, metric.high, widths["bar"], colour=colour, muted=muted
                )
            mark = "! " if metric.warns and "note" not in widths else "  "
            cells = {
                "name": Text(formats.shorten(mark + visible(metric.name), widths["name"])),
                "value": Text(metric.value, strong if metric.value != formats.UNKNOWN else muted),
                "interval": Text(metric.interval, muted),
                "n": Text("" if metric.n is None else formats.count(metric.n), muted),
                "bar": bar,
            }
        style = shade(self.app, "text-warning") if metric.warns else muted
        lines = (wrap(note, widths["note"]) if "note" in widths else []) or [""]
        cells["note"] = Text(lines[0], style)
        return [
            [cells.get(key, Text("")) for key in widths],
            *([Text(line, style) if key == "note" else Text("") for key in widths] for line in lines[1:]),
        ]

    def _describe(self) -> None:
        metric, note = self._selected, self.query_one("#note", Static)
        if metric is None:
            note.update("")
            return
        style = "$text-warning" if metric.warns else "$text-muted"
        note.update(
            Content.assemble(
                (visible(metric.name), "bold"),
                (f"  {metric.value}" if metric.value else ""),
                (f"  ({metric.interval})" if metric.interval else ""),
                (f"  {visible(metric.note)}", style),
            )
        )


def _values(metric: MetricRow) -> SortValues:
    """What a metric's row is sorted by within its section; the values of shares alone are comparable."""
    return {
        "name": visible(metric.name).strip(),
        "value": metric.share,
        "interval": None if metric.low is None or metric.high is None else metric.high - metric.low,
        "n": metric.n,
        "bar": metric.share,
        "note": metric.note or None,
    }
