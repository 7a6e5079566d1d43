"""What a judge left of a recipe's preference pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.format.values import UNKNOWN, count, percent

if TYPE_CHECKING:
    from core.api import FilteredPairs


def dropped_pairs(filtered: FilteredPairs | None) -> str:
    """How many pairs are dropped, and their share; unknown for pairs that are not filtered."""
    if filtered is None:
        return UNKNOWN
    share = "" if filtered.dropped_share is None else f" ({percent(filtered.dropped_share, 1)})"
    return f"{count(filtered.pairs - filtered.kept)}{share}"
