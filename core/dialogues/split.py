"""The train/test split of the paper, from the human ratings."""

from __future__ import annotations

from collections.abc import Iterable

from core.domain.dialogues import GOOD, Split


def split_of(ratings: Iterable[int]) -> Split:
    """`test` for a dialogue with fewer than two responses rated 3, over all sources; else `train`."""
    return "test" if sum(rating == GOOD for rating in ratings) < 2 else "train"
