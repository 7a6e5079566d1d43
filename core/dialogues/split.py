"""The train/test split: by ratings as in the paper, by a column, or at random."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from core.config.schema import SplitRule
from core.domain.data.dialogues import GOOD, Split
from core.domain.number_format import percent

#: How an import splits: `auto` of the settings, decided.
SplitMethod = Literal["ratings", "column", "random"]
#: The column that names the split where the settings do not name another.
COLUMN = "split"


def split_of(ratings: Iterable[int | None]) -> Split:
    """`test` for a dialogue with fewer than two responses rated 3, over all sources; else `train`."""
    return "test" if sum(rating == GOOD for rating in ratings) < 2 else "train"


def method(rule: SplitRule, *, rated_sources: int, has_column: bool) -> SplitMethod:
    """What `auto` stands for; any other method as it is."""
    if rule.by != "auto":
        return rule.by
    # With one source every dialogue would be a test dialogue; with two, both would be good in each train
    # dialogue, so that there would be no preference pair.
    if rated_sources > 2:
        return "ratings"
    return "column" if has_column else "random"


def describe(rule: SplitRule, by: SplitMethod) -> str:
    """The split in words."""
    if by == "ratings":
        return "by ratings: test dialogues have fewer than two responses rated good"
    if by == "column":
        return f"by the column {rule.column}: {' and '.join(rule.test)} are test dialogues"
    group = f"column {rule.group}" if rule.group else "situation"
    return f"at random by {group}: {percent(rule.test_share, 1)} test, seed {rule.seed}"


def place_in_draw(group: str, seed: int) -> bytes:
    """Where a group of dialogues stands in a random order, which depends on the seed and its name alone."""
    return hashlib.sha256(f"{seed}\0{group}".encode(errors="surrogatepass")).digest()


def last_drawn(groups: Iterable[tuple[bytes, int]], total: int, share: float) -> bytes | None:
    """The place of the last group of test dialogues, of groups in their random order with their sizes.

    Test dialogues are nearest to `share` of the `total`; at least one group is, and one is not. None if there
    is only one group.
    """
    last, reached = None, 0
    for place, count in groups:
        if reached + count == total or (last is not None and reached + count / 2 > share * total):
            break
        last, reached = place, reached + count
    return last
