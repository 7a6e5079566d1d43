"""Win rates over seeds as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.format.values import UNKNOWN, counted, percent, span

if TYPE_CHECKING:
    from core.api import SeedGroup


def mean_and_sd(group: SeedGroup) -> str:
    """`61.3 ± 2.1 %`; without the standard deviation where there is one seed."""
    if group.mean is None:
        return UNKNOWN
    if group.sd is None:
        return percent(group.mean, 1)
    return f"{group.mean * 100:.1f} ± {group.sd * 100:.1f} %"


def seeds_alone(group: SeedGroup) -> str:
    """The interval over other seeds of training; unknown from seeds that do not differ."""
    if group.seeds_low is None and group.sd is not None:
        return f"no spread in {group.n} seeds"
    return span(group.seeds_low, group.seeds_high)


def sentences(group: SeedGroup) -> list[str]:
    """The group's name, what its win rates are, and what each interval covers."""
    found = [f"{group.b} vs. {group.a}, over seeds"]
    if group.mean is None:
        return [*found, "The mean is shown once a comparison is finished."]
    seeds = counted(group.n, "seed")
    found.append(
        f"Win rate {mean_and_sd(group)} over {seeds} of {len(group.comparisons)}, from "
        f"{percent(group.min, 1)} to {percent(group.max, 1)}."
    )
    if group.sd is None:
        return found
    alone = f"{seeds_alone(group)} %" if group.seeds_low is not None else f"unknown ({seeds_alone(group)})"
    found.append(
        f"95 % interval of the mean: {alone} for other seeds on these dialogues; "
        f"{span(group.low, group.high)} % for other seeds and other test dialogues."
    )
    return found
