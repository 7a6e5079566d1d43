"""Win rates by recipe: over all students, overall and in each dimension of empathy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.content import Content

from tui.format.evaluation import win_rates
from tui.screens.win_rates.metrics import recipe_metrics
from tui.screens.win_rates.metrics.metric_view import MetricView

if TYPE_CHECKING:
    from core.api import Job, RecipeRate, WinRate, Workspace


class RecipesView(MetricView):
    """Each recipe's win rates over the base students, under each judge."""

    def __init__(self) -> None:
        super().__init__(id="recipes")
        self._requested: tuple[str, ...] | None = None

    def show(self, found: tuple[WinRate, ...], jobs: Mapping[str, Job]) -> None:
        self.rates = found
        basis = win_rates.finished(found)
        if basis != self._requested:
            self._requested = basis
            self.app.read("win rates of recipes", _look, self._receive)

    def stale(self) -> None:
        self._requested = None

    def _receive(self, found: tuple[RecipeRate, ...]) -> None:
        title = Content.styled("Win rates of recipes over the base students", "bold")
        hint = self.pairs_hint if found else "   No run is compared with its base student yet."
        judges = (self.judge_line(judge) for judge in dict.fromkeys(one.judge for one in found))
        lines = [Content.assemble(title, (hint, "$text-muted")), *judges]
        self.show_heading(lines)
        self.show_metrics(recipe_metrics.of_recipes(found, self.rates))


def _look(workspace: Workspace) -> tuple[RecipeRate, ...]:
    return workspace.evaluation.recipe_rates()
