"""Checks of [rungs]."""

from __future__ import annotations

import itertools

from core.config.problems import InvalidOptionError, suggestion
from core.config.schema import Config


def check(config: Config) -> None:
    """Raise `InvalidOptionError` for rungs that cannot be decided."""
    rungs = config.rungs
    if not rungs.examples:
        return
    for before, after in itertools.pairwise(rungs.examples):
        if after <= before:
            raise InvalidOptionError(
                "rungs.examples", f"{after} does not exceed {before}, which is before it"
            )
    if not config.judges:
        raise InvalidOptionError("rungs", "there is no judge to decide rungs: add [judges.NAME]")
    if rungs.judge is not None and rungs.judge not in config.judges:
        hint = suggestion(rungs.judge, config.judges) or f"; known: {', '.join(config.judges)}"
        raise InvalidOptionError("rungs.judge", f"there is no judge {rungs.judge!r}{hint}")
    for key in ("sft_limit", "preference_limit"):
        limit = getattr(config.recipes, key)
        if limit is not None and limit <= rungs.examples[-1]:
            raise InvalidOptionError(
                "rungs.examples",
                f"the last rung has {rungs.examples[-1]} examples, and a whole run recipes.{key} = {limit}: "
                "list smaller ones",
            )
