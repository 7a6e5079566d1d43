"""The base class of the views that show metrics below a heading."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.screens.win_rates.metrics.metric_row import MetricRow
from tui.screens.win_rates.metrics.metric_table import MetricTable
from tui.screens.win_rates.view import WinRatesView


class MetricView(WinRatesView):
    """A heading and a table of metrics; Enter opens the pairs behind one."""

    def compose(self) -> ComposeResult:
        yield Static(classes="heading", markup=False)
        yield MetricTable()

    def show_heading(self, lines: Iterable[Content]) -> None:
        """Show these lines above the table."""
        self.query_one(".heading", Static).update(Content("\n").join(lines))

    def show_metrics(self, metrics: Sequence[MetricRow]) -> None:
        """Show these rows."""
        self.query_one(MetricTable).show(metrics)

    def on_metric_table_chosen(self, event: MetricTable.Chosen) -> None:
        event.stop()
        self.open_pairs(event.metric.behind, event.metric.only)
