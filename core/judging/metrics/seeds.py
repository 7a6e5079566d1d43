"""Win rates of runs that differ in their training's seed alone: their mean, spread and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.domain.evaluation.seeds import SeedGroup
from core.domain.names import ComparisonName
from core.judging.metrics.inference import intervals
from core.judging.metrics.scores import Scores

if TYPE_CHECKING:
    from core.judging.metrics.inference.intervals import Floats

#: Standard deviations up to this are those of equal win rates, but for the rounding of floats.
_NO_SPREAD = 1e-9


def seed_group(name: ComparisonName, comparisons: Sequence[str], found: Sequence[Scores]) -> SeedGroup:
    """The mean over runs, from b's score on each dialogue in each run.

    A run's win rate is that over its own valid dialogues. `name` is that of the `comparisons` without seeds.
    """
    import numpy as np
    from scipy.special import stdtrit

    valid = [{name: score for name, score in made.items() if score is not None} for made in found]
    rates = np.array([np.mean([*made.values()]) for made in valid if made])
    mean = sd = seeds_low = seeds_high = low = high = dialogues = None
    if valid and all(valid):
        count, mean = len(rates), float(rates.mean())
        common = [name for name in valid[0] if all(name in made for made in valid)]
        dialogues = len(common)
        if count > 1:
            sd = float(rates.std(ddof=1))
            # Seeds with the same win rate say nothing of how others would differ.
            if sd > _NO_SPREAD:
                half_width = float(stdtrit(count - 1, 0.975)) * sd / math.sqrt(count)
                seeds_low, seeds_high = max(0.0, mean - half_width), min(1.0, mean + half_width)
            if dialogues > 1:
                table = np.array([[made[name] for name in common] for made in valid])
                low, high = _over_both(mean, table)
    return SeedGroup(
        a=name.a,
        b=name.b,
        judge=name.judge,
        comparisons=tuple(comparisons),
        n=len(found),
        mean=mean,
        sd=sd,
        min=float(rates.min()) if len(rates) else None,
        max=float(rates.max()) if len(rates) else None,
        seeds_low=seeds_low,
        seeds_high=seeds_high,
        low=low,
        high=high,
        dialogues=dialogues,
    )


def _over_both(mean: float, table: Floats) -> tuple[float, float]:
    """The interval over seeds (rows) and dialogues (columns), both drawn at random.

    The variance of the mean of a two-way table with both effects random is (MS_seeds + MS_dialogues −
    MS_rest) / cells (Searle, Casella and McCulloch, "Variance components", 1992, chapter 4); a component
    that would be negative counts as 0. Its degrees of freedom are Satterthwaite's ("An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2, 1946), and no more than those of
    the larger part. Two dialogues more, one won and one lost in all runs, keep a variance of 0 away.
    """
    import numpy as np

    seeds, dialogues = table.shape
    padded = np.column_stack([table, np.zeros(seeds), np.ones(seeds)])
    columns = dialogues + 2
    by_seed, by_dialogue, middle = padded.mean(axis=1), padded.mean(axis=0), padded.mean()
    of_seeds = columns * float(((by_seed - middle) ** 2).sum()) / (seeds - 1)
    of_dialogues = seeds * float(((by_dialogue - middle) ** 2).sum()) / (columns - 1)
    rest = padded - by_seed[:, None] - by_dialogue[None, :] + middle
    of_rest = float((rest**2).sum()) / ((seeds - 1) * (columns - 1))
    parts = (of_seeds, seeds - 1), (of_dialogues, columns - 1), (-of_rest, (seeds - 1) * (columns - 1))
    if min(of_seeds, of_dialogues) > of_rest:
        total = sum(part for part, _ in parts)
        freedom = total**2 / sum(part**2 / own for part, own in parts)
    else:
        total, freedom = max(parts[:2])
    found = intervals.of_variance(
        mean, total / (seeds * dialogues), max(1, math.floor(freedom)), smoothed=float(middle)
    )
    return found.low, found.high
