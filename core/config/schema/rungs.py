"""Rungs: runs are trained on a few examples first, and the best go on."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from core.config.schema.table import ConfigTable, Positive, Seed


class Rungs(ConfigTable, frozen=True):
    """Early rungs (successive halving): all runs of a student and stage are trained on a few examples first,
    and only those with the best win rates go on. Without `examples`, all runs are trained on all examples at
    once."""

    examples: tuple[Positive, ...] = ()
    """How many examples, or preference pairs, the runs of each rung are trained on, such as `[32, 128]`."""
    reduction_factor: Annotated[int, Meta(ge=2)] = 3
    """Of n runs, the best n / `reduction_factor`, rounded up, go on from each rung, and all that are as good
    as the last of these."""
    judge: str | None = None
    """The judge that compares the runs of rungs with their base student; by default the first one."""
    held_out: Positive = 50
    """How many train dialogues runs of rungs are compared on: these runs are not trained on them. The test
    split takes no part."""
    seed: Seed = 42
    """The random seed that draws these dialogues."""
