"""The breakdown by recipe: win rates over the base students, overall and in each dimension of empathy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.domain.comparisons import RecipeRate
from core.domain.names import RecipeName, RunName, RunStage
from core.domain.verdicts import Dimension
from core.domain.win_rates import WinRate
from core.services.evaluation import comparisons

if TYPE_CHECKING:
    from core.judging.scores import Scores
    from core.services.evaluation.comparisons import DimensionScores


def recipe_rates(
    rates: Sequence[WinRate], scores: Mapping[str, Scores], by_dimension: Mapping[str, DimensionScores]
) -> tuple[RecipeRate, ...]:
    """The win rates of each recipe's runs over their base students, overall and in each dimension.

    `scores` and `by_dimension` are by the comparison's job. A dialogue's score is the mean over the students
    that have a valid one.
    """
    from core.judging import statistics
    from core.judging.intervals import WILSON

    found = []
    for judge, compared in comparisons.by_judge(rates, scores):
        runs: dict[tuple[RecipeName, RunStage], list[WinRate]] = defaultdict(list)
        for rate in compared:
            run = RunName.parse(rate.b)
            if run is not None and run.student == rate.a:
                runs[run.recipe, run.stage].append(rate)
        for (recipe, stage), own in runs.items():
            parts: dict[Dimension | None, list[Scores]] = {None: [scores[rate.job] for rate in own]}
            for rate in own:
                for dimension, made in by_dimension.get(rate.job, {}).items():
                    parts.setdefault(dimension, []).append(made)
            # As for the one comparison.
            once = len(own) == 1 and own[0].interval == WILSON
            for part, each in parts.items():
                made_rate = statistics.win_rate(_mean_scores(each), once=once, with_bootstrap=False)
                estimate = made_rate.rate
                found.append(
                    RecipeRate(
                        judge=judge,
                        recipe=str(recipe),
                        stage=stage,
                        dimension=part,
                        comparisons=len(each),
                        n=made_rate.n,
                        invalid=made_rate.invalid,
                        win_rate_b=None if estimate is None else estimate.share,
                        ci_low=None if estimate is None else estimate.low,
                        ci_high=None if estimate is None else estimate.high,
                    )
                )
    return tuple(found)


def _mean_scores(found: Sequence[Scores]) -> list[float | None]:
    """The mean score of each dialogue over those that are valid; None where none is."""
    means: list[float | None] = []
    for dialogue in dict.fromkeys(name for made in found for name in made):
        valid = [score for made in found if (score := made.get(dialogue)) is not None]
        means.append(sum(valid) / len(valid) if valid else None)
    return means
