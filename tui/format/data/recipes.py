"""The flaws of a recipe's responses, and what a judge left of its preference pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.format.values import UNKNOWN, count, percent

if TYPE_CHECKING:
    from core.api import FilteredPairs, Recipe


def dropped_pairs(filtered: FilteredPairs | None) -> str:
    """How many pairs are dropped, and their share; unknown for pairs that are not filtered."""
    if filtered is None:
        return UNKNOWN
    share = "" if filtered.dropped_share is None else f" ({percent(filtered.dropped_share, 1)})"
    return f"{count(filtered.pairs - filtered.kept)}{share}"


def flaws(recipe: Recipe) -> str:
    """How many of the teacher's responses have a flaw, of which kind, and how many are left out; empty if
    none has one, or that is not known."""
    if not recipe.flaws:
        return ""
    kinds = ", ".join(
        f"{kind.replace('_', ' ')} {count(number)}" for kind, number in sorted(recipe.flaws.items())
    )
    return (
        f"{count(sum(recipe.flaws.values()))} responses with a flaw, {count(recipe.flawed_left_out)} of them "
        f"left out: {kinds}"
    )
