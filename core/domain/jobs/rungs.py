"""Rungs: runs are trained on a few examples first, and only the best of them go on.

It is successive halving: a rung is decided once all of its runs have ended, and the best 1/η of them go on,
with all that are as good as the last of these.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from core.domain.names import JobId, RunName
from core.domain.number_format import percent

if TYPE_CHECKING:
    from core.domain.jobs.results import RungPlace, RungResult
    from core.domain.states import Stage

#: The stage of the jobs that decide rungs.
RUNG: Stage = "rung"
#: What a rung waits for until it has ended, whether or not it was done.
_AWAITED: Stage = "compare"


def promoted(values: Mapping[str, float | None], reduction_factor: int) -> frozenset[str]:
    """The names with the best values that go on: one in `reduction_factor`, rounded up, and all that tie with
    the last of these. Names without a value do not go on, and count among those that took part."""
    known = sorted((value for value in values.values() if value is not None), reverse=True)
    if not known:
        return frozenset()
    last = known[min(math.ceil(len(values) / reduction_factor), len(known)) - 1]
    return frozenset(name for name, value in values.items() if value is not None and value >= last)


def goes_on(name: str, result: RungResult) -> bool:
    """Whether the run, or what trains it further, of that name goes on after a rung."""
    return any(place.run == _as_placed(name, result) for place in result.places if place.promoted)


def place_of(name: str, result: RungResult) -> str | None:
    """The place of the run of that name on a rung, with its win rate there; None if it took no part."""
    run = _as_placed(name, result)
    place = next((place for place in result.places if place.run == run), None)
    if place is None:
        return None
    where = "goes on" if place.promoted else "stopped"
    if place.win_rate is None:
        return f"{where}: without a result"
    return f"{_rank(place.win_rate, result)}, {where} with {percent(place.win_rate, 1)}"


def why_stopped(name: str, result: RungResult) -> str:
    """Why the run of that name does not go on after a rung."""
    run = _as_placed(name, result)
    going_on = sum(place.promoted for place in result.places)
    the_best = "the best went on" if going_on == 1 else f"the best {going_on} went on"
    place = next((place for place in result.places if place.run == run), None)
    if place is None:
        return f"stopped before rung {result.rung}"
    if place.win_rate is None:
        return f"stopped at rung {result.rung}: without a result, {the_best}"
    undecided = " (undecided)" if _is_undecided(place, result) else ""
    return f"stopped at rung {result.rung}: {_rank(place.win_rate, result)}, {the_best}{undecided}"


def gates(job: str, depends_on: Iterable[str]) -> tuple[str, ...]:
    """The ids of the rungs among what the job of that id depends on that decide whether it starts."""
    return () if _stage(job) == RUNG else tuple(one for one in depends_on if _stage(one) == RUNG)


def awaited(job: str, depends_on: Iterable[str]) -> tuple[str, ...]:
    """The ids of what the job of that id waits for until it has ended, done or not: a rung's comparisons."""
    return tuple(one for one in depends_on if _stage(one) == _AWAITED) if _stage(job) == RUNG else ()


def needed(job: str, depends_on: Collection[str]) -> tuple[str, ...]:
    """The ids of what must be done before the job of that id can start."""
    ended = set(awaited(job, depends_on))
    return tuple(one for one in depends_on if one not in ended)


def work_of(job: str, depends_on: Collection[str]) -> tuple[str, ...]:
    """The ids of what the work of the job of that id needs, whether or not a rung lets it start."""
    others = {*gates(job, depends_on), *awaited(job, depends_on)}
    return tuple(one for one in depends_on if one not in others)


def _as_placed(name: str, result: RungResult) -> str | None:
    """The name under which a rung placed a run, or the SFT run that it continues from."""
    run, first = RunName.parse(name), next((RunName.parse(place.run) for place in result.places), None)
    return None if run is None or first is None else str(run.at_stage(first.stage).over_rungs)


def _is_undecided(place: RungPlace, result: RungResult) -> bool:
    """Whether the interval of a run that stops reaches a win rate that was enough to go on."""
    enough = [one.win_rate for one in result.places if one.promoted and one.win_rate is not None]
    return place.ci_high is not None and place.ci_high >= min(enough, default=math.inf)


def _rank(win_rate: float, result: RungResult) -> str:
    better = sum((other.win_rate or 0.0) > win_rate for other in result.places)
    return f"{_ordinal(better + 1)} of {len(result.places)}"


# Screens ask for each dependency of each job whenever one of them has changed.
@lru_cache(maxsize=1 << 16)
def _stage(job: str) -> str:
    return JobId.parse(job).stage


def _ordinal(number: int) -> str:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 <= number % 100 <= 20 else ending}"
