"""The win rates of recipes as rows: overall, and in each dimension of empathy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from core.api import RunName, settings_text
from tui.format.values import counted
from tui.screens.win_rates.metrics.metric_row import MetricRow, heading, share

if TYPE_CHECKING:
    from core.api import RecipeRate, WinRate


def of_recipes(found: Sequence[RecipeRate], rates: Sequence[WinRate]) -> list[MetricRow]:
    """A section for each recipe, stage and judge; `rates` are the comparisons behind them."""
    several = len({one.judge for one in found}) > 1
    return [row for one in found for row in _of_recipe(one, rates, named=several)]


def _of_recipe(one: RecipeRate, rates: Sequence[WinRate], *, named: bool) -> Iterator[MetricRow]:
    behind = tuple(
        (rate.a, rate.b)
        for rate in rates
        if rate.judge == one.judge
        and (run := RunName.parse(rate.b)) is not None
        and (run.student, str(run.recipe), run.stage) == (rate.a, one.recipe, one.stage)
        and settings_text(run.over_seeds.settings) == one.settings
    )
    students = len({a for a, _ in behind})
    runs = counted(students, "student")
    if one.comparisons > students:
        runs += f", {one.comparisons} runs"
    yield heading(f"{one.recipe} {one.stage_and_settings}", f"{one.judge}, {runs}" if named else runs)
    judge = f"judged by {one.judge}" if named else ""
    overall = share(
        "overall",
        one.win_rate_b,
        one.ci_low,
        one.ci_high,
        n=one.n - one.invalid,
        note=_note(judge, one.invalid),
    )
    yield replace(overall, behind=behind)
    for name, part in one.dimensions.items():
        made = share(
            f"{name} empathy",
            part.win_rate_b,
            part.ci_low,
            part.ci_high,
            n=one.n - part.invalid,
            note=_note(judge, part.invalid),
        )
        yield replace(made, behind=behind)


def _note(judge: str, invalid: int) -> str:
    return "; ".join(filter(None, (judge, f"{invalid} dialogues are invalid" if invalid else "")))
