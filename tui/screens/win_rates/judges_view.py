"""Judges judged: scorecards, agreements, and what people voted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.format import win_rates
from tui.screens.win_rates import judge_metrics
from tui.screens.win_rates.comparison_metrics import Fact
from tui.screens.win_rates.metric_table import FactTable
from tui.screens.win_rates.view import WinRatesView

if TYPE_CHECKING:
    from core.api import Agreement, HumanWinRate, Job, Scorecard, WinRate, Workspace

_Seen = tuple["tuple[Scorecard, ...]", "tuple[Agreement, ...]", "tuple[HumanWinRate, ...]"]


class JudgesView(WinRatesView):
    """What is known of each judge, and how far judges and people agree."""

    def __init__(self) -> None:
        super().__init__(id="judges")
        self._asked: tuple[str, ...] | None = None

    def compose(self) -> ComposeResult:
        yield Static(classes="heading", markup=False)
        yield FactTable()

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        self.rates = found
        held = (job.id for job in jobs.values() if job.stage in ("judge", "validate") and job.state == "done")
        told = (*win_rates.finished(found), *held)
        if told != self._asked:
            self._asked = told
            self.app.read("judges", _look, self._receive)

    def stale(self) -> None:
        # Votes change no job.
        self._asked = None

    def on_fact_table_chosen(self, event: FactTable.Chosen) -> None:
        event.stop()
        self.open_pairs(event.fact.behind)

    def _receive(self, seen: _Seen) -> None:
        made = {
            judge: tuple(
                (rate.a, rate.b) for rate in self.rates if rate.judge == judge and rate.n is not None
            )
            for judge in win_rates.judges(self.rates)
        }
        facts: list[Fact] = judge_metrics.of_judges(*seen, made)
        title = Content.styled("Judges", "bold")
        hint = (
            "   enter pairs" if facts else "   There is no judge yet: config.toml names them under [judges]."
        )
        self.query_one(".heading", Static).update(Content.assemble(title, (hint, "$text-muted")))
        self.query_one(FactTable).show(facts)


def _look(workspace: Workspace) -> _Seen:
    return (
        workspace.evaluation.scorecards(),
        workspace.evaluation.agreements(),
        workspace.evaluation.human_win_rates(),
    )
