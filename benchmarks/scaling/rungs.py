"""What early rungs save of the paper's grid on paper: `python -m benchmarks.scaling --rungs 128 512`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.scaling.estimates import TEST, Assumptions, Run, row, runs_of, span
from core.config.load import load_config
from core.config.schema import Config, JudgeConfig
from core.config.schema.rungs import Rungs
from core.services.creation.workspace_creation import TEMPLATES

#: Stages, by their place among the runs of a recipe.
_STAGES = ("sft", "sft-dpo")


@dataclass(frozen=True)
class Part:
    """Runs of a stage of all students, on a rung or on all examples."""

    stage: str
    examples: int | None
    """None for all."""
    runs: int
    hours: tuple[float, float]
    """GPU-hours, the better end first."""
    requests: int
    """To judges."""


def print_saved(made: Assumptions, examples: Sequence[int], factor: int) -> None:
    """The runs of each rung and their GPU-hours, beside those of the same grid without rungs."""
    config = load_config(TEMPLATES / "paper.toml")
    with_rungs = _parts(config, made, examples, factor)
    without = _parts(config, made, (), factor)
    held_out = Rungs().held_out
    print(
        f"{made.gpu}; one run in {factor} goes on; {held_out} train dialogues held out; runs are as long as "
        "the mean of their stage\n"
    )
    print(f"{'stage':<9} {'examples':>9} {'runs':>6} {'GPU-hours':>15} {'to judges':>10}")
    for part in with_rungs:
        shown = "all" if part.examples is None else f"{part.examples:,}"
        print(f"{part.stage:<9} {shown:>9} {part.runs:>6,} {span(part.hours):>15} {part.requests:>10,}")
    print()
    for name, parts in (("with rungs", with_rungs), ("without", without)):
        hours = [sum(part.hours[end] for part in parts) for end in (0, 1)]
        whole = sum(part.runs for part in parts if part.examples is None)
        requests = sum(part.requests for part in parts)
        row(name, f"{span(hours)} GPU-hours, {requests:,} requests to judges, {whole} models on all examples")


def _parts(config: Config, made: Assumptions, examples: Sequence[int], factor: int) -> list[Part]:
    found = []
    taking_part = len(config.recipes.train)
    for place in range(len(_STAGES)):
        for limit in (*examples, None):
            found.append(_part(config, made, place, limit, taking_part))
            if limit is not None:
                taking_part = math.ceil(taking_part / factor)
    return found


def _part(config: Config, made: Assumptions, place: int, limit: int | None, taking_part: int) -> Part:
    count = taking_part * len(config.students) * made.seeds
    dialogues = TEST if limit is None else Rungs().held_out
    runs: list[Run] = [
        runs_of(config, student, recipe, made, limit)[place]
        for student in config.students
        for recipe in config.recipes.train
    ]
    hours = []
    for end in (0, 1):
        training = fmean(run.flops[end] for run in runs) / made.peak / made.utilisation[end]
        answering = made.answers_s[end] * dialogues / TEST
        hours.append(count * (training + answering + 2 * made.load_s) / 3600)
    asked = sum((2 if judge.swap else 1) * judge.repeats for judge in _judges(config, limit))
    return Part(_STAGES[place], limit, count, (hours[0], hours[1]), count * dialogues * asked)


def _judges(config: Config, limit: int | None) -> list[JudgeConfig]:
    """The judges of a comparison: rungs have the first one."""
    judges = list(config.judges.values())
    return judges if limit is None else judges[:1]
