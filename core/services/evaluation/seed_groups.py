"""Comparisons whose runs differ in their seeds alone, taken together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.domain.evaluation.seeds import SeedGroup
from core.domain.evaluation.win_rates import WinRate
from core.domain.names import ComparisonName

if TYPE_CHECKING:
    from core.judging.metrics.scores import Scores


def seed_groups(rates: Sequence[WinRate], scores: Mapping[str, Scores]) -> tuple[SeedGroup, ...]:
    """The groups of at least two comparisons, in the order of their first; `scores` by comparison job."""
    return tuple(_group(name, own, scores) for name, own in grouped(rates).items() if len(own) > 1)


def grouped(rates: Sequence[WinRate]) -> dict[ComparisonName, list[WinRate]]:
    """The comparisons by their names without seeds."""
    found: dict[ComparisonName, list[WinRate]] = defaultdict(list)
    for rate in rates:
        found[rate.name.over_seeds].append(rate)
    return found


def _group(name: ComparisonName, own: Sequence[WinRate], scores: Mapping[str, Scores]) -> SeedGroup:
    from core.judging.metrics.seeds import seed_group

    finished = [scores[rate.job] for rate in own if rate.job in scores]
    return seed_group(name, [str(rate.name) for rate in own], finished)
