"""One comparison in full: all its metrics, and its breakdown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format.jobs import job_states
from tui.format.text import visible
from tui.screens.win_rates.metrics import comparison_metrics
from tui.screens.win_rates.metrics.metric_view import MetricView

if TYPE_CHECKING:
    from core.api import Comparison, Job, PredictionPoweredWinRate, WinRate, Workspace


class DetailView(MetricView):
    """A comparison's metrics, then its win rate per emotion, sentiment and length."""

    def __init__(self) -> None:
        super().__init__(id="detail")
        self._job: str | None = None
        self._requested: tuple[WinRate, PredictionPoweredWinRate | None] | None = None

    @property
    def rate(self) -> WinRate | None:
        return next((rate for rate in self.rates if rate.job == self._job), None)

    def choose(self, job: str) -> None:
        """Show this comparison."""
        if job != self._job:
            self._job, self._requested = job, None

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        self.rates = found
        rate = self.rate
        if rate is None:
            self.show_heading([Content("This comparison is no longer in config.toml.")])
            self.show_metrics(())
            return
        self._head(rate, jobs.get(rate.job))
        # Votes change the metrics as well.
        basis = (rate, self.with_votes.get(rate.job))
        if basis != self._requested:
            if self._requested is None:
                # Content of another comparison.
                self.show_metrics(())
            self._requested = basis
            self.app.read("comparison", partial(_look, rate.job), self._receive)

    def _receive(self, found: Comparison | None) -> None:
        if found is not None and found.rate.job == self._job:
            self.show_metrics(comparison_metrics.of_comparison(found))

    def _head(self, rate: WinRate, job: Job | None) -> None:
        look = job_states.NOT_STARTED if job is None else job_states.look(job)
        lines = [
            Content.assemble(
                (f"{visible(rate.b)} vs. {visible(rate.a)}", "bold"),
                (f"   {look.glyph} {look.word}", f"${look.colour}"),
                (f"   {rate.job}", "$text-muted"),
            ),
            *(
                Content.styled(f"! {visible(text)}", "$text-warning")
                for text in comparison_metrics.warnings(rate)
            ),
            self.judge_line(rate.judge),
        ]
        if rate.n is None and job is not None and (job.error or job.reason):
            lines.insert(1, Content.styled(visible(job.error or job.reason or ""), "$text-error"))
        self.show_heading(lines)


def _look(job: str, workspace: Workspace) -> Comparison | None:
    """None if the comparison no longer exists."""
    try:
        return workspace.evaluation.comparison(job)
    except KeyError:
        return None
