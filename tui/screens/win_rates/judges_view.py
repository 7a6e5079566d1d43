"""The quality of judges: scorecards, agreements, and people's votes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format.evaluation import win_rates
from tui.screens.win_rates.metrics import judge_metrics
from tui.screens.win_rates.metrics.metric_row import MetricRow
from tui.screens.win_rates.metrics.metric_view import MetricView

if TYPE_CHECKING:
    from core.api import (
        Agreement,
        AnnotatorTest,
        BiasModel,
        HumanWinRate,
        Job,
        Scorecard,
        WinRate,
        Workspace,
    )

_JudgesData = tuple[
    "tuple[Scorecard, ...]",
    "tuple[Agreement, ...]",
    "tuple[HumanWinRate, ...]",
    "tuple[AnnotatorTest, ...]",
]


class JudgesView(MetricView):
    """Metrics of each judge, and the agreement of judges and people."""

    def __init__(self) -> None:
        super().__init__(id="judges")
        self._requested: tuple[str, ...] | None = None
        self._seen: _JudgesData | None = None
        self._models: tuple[BiasModel, ...] = ()

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        self.rates = found
        held = (job.id for job in jobs.values() if job.stage in ("judge", "validate") and job.state == "done")
        basis = (*win_rates.finished(found), *held)
        if basis != self._requested:
            self._requested = basis
            self.app.read("judges", _look, self._receive)
            # After the others, because a model of many verdicts takes seconds.
            self.app.read(
                "biases of judges", lambda workspace: workspace.evaluation.bias_models(), self._receive_models
            )

    def stale(self) -> None:
        # Votes do not change jobs.
        self._requested = None

    def _receive(self, seen: _JudgesData) -> None:
        self._seen = seen
        self._draw()

    def _receive_models(self, models: tuple[BiasModel, ...]) -> None:
        self._models = models
        self._draw()

    def _draw(self) -> None:
        if self._seen is None:
            return
        made = {
            judge: tuple(
                (rate.a, rate.b) for rate in self.rates if rate.judge == judge and rate.n is not None
            )
            for judge in win_rates.judges(self.rates)
        }
        metrics: list[MetricRow] = judge_metrics.of_judges(*self._seen, self._models, made)
        title = Content.styled("Judges", "bold")
        hint = self.pairs_hint if metrics else "   There is no judge yet: add one to [judges] in config.toml."
        self.show_heading([Content.assemble(title, (hint, "$text-muted"))])
        self.show_metrics(metrics)


def _look(workspace: Workspace) -> _JudgesData:
    return (
        workspace.evaluation.scorecards(),
        workspace.evaluation.agreements(),
        workspace.evaluation.human_win_rates(),
        workspace.evaluation.annotator_tests(),
    )
