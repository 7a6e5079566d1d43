"""The breakdown by recipe: win rates over the base students, overall and in each dimension of empathy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.domain.evaluation.comparisons import RecipeRate
from core.domain.evaluation.verdicts import Dimension
from core.domain.evaluation.win_rates import WinRate
from core.domain.names import NamedSettings, RecipeName, RunName, RunStage, settings_text
from core.services.evaluation import comparisons

if TYPE_CHECKING:
    from core.judging.metrics.scores import Scores
    from core.services.evaluation.comparisons import DimensionScores


def recipe_rates(
    rates: Sequence[WinRate], scores: Mapping[str, Scores], by_dimension: Mapping[str, DimensionScores]
) -> tuple[RecipeRate, ...]:
    """The win rates of each recipe's runs over their base students, overall and in each dimension.

    `scores` and `by_dimension` are by the comparison's job. A dialogue's score is the mean over the students
    and seeds that have a valid one; runs with other settings are apart.
    """
    from core.judging.metrics import comparison_metrics

    found = []
    for judge, compared in comparisons.by_judge(rates, scores):
        runs: dict[tuple[RecipeName, RunStage, NamedSettings], list[WinRate]] = defaultdict(list)
        for rate in compared:
            run = RunName.parse(rate.b)
            if run is not None and run.student == rate.a:
                runs[run.recipe, run.stage, run.over_seeds.settings].append(rate)
        for (recipe, stage, settings), own in runs.items():
            by_part: dict[Dimension, list[Scores]] = defaultdict(list)
            for rate in own:
                for dimension, made in by_dimension.get(rate.job, {}).items():
                    by_part[dimension].append(made)
            means = _means([scores[rate.job] for rate in own])
            overall = comparison_metrics.dimension_rate(means)
            found.append(
                RecipeRate(
                    judge=judge,
                    recipe=str(recipe),
                    stage=stage,
                    settings=settings_text(settings),
                    comparisons=len(own),
                    n=len(means),
                    invalid=overall.invalid,
                    win_rate_b=overall.win_rate_b,
                    ci_low=overall.ci_low,
                    ci_high=overall.ci_high,
                    dimensions={
                        dimension: comparison_metrics.dimension_rate(_means(each))
                        for dimension, each in by_part.items()
                    },
                )
            )
    return tuple(found)


def _means(found: Sequence[Scores]) -> list[float | None]:
    from core.judging.metrics import scores

    return [*scores.mean_over(found).values()]
