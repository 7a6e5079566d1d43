"""The registry of stages: settings, results, code version and worker module of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.domain.jobs import results
from core.domain.jobs.results import Result
from core.domain.states import Stage
from core.jobs import settings
from core.jobs.settings import Settings


@dataclass(frozen=True)
class StageSpec:
    """The definition of a stage."""

    settings: type[Settings]
    """The type of its jobs' settings."""
    result: type[Result]
    """The type of its jobs' results."""
    code_version: int
    """The code version, part of every fingerprint: increment it when outputs change for the same inputs."""
    worker: str
    """The module whose `run(job: JobContext) -> Result` runs its jobs; only the worker imports it."""


#: In the order of the pipeline.
STAGES: Mapping[Stage, StageSpec] = {
    "generate": StageSpec(settings.GenerateSettings, results.GenerateResult, 2, "core.teachers.generate_job"),
    "holdout": StageSpec(settings.HoldoutSettings, results.HoldoutResult, 1, "core.recipes.holdout_job"),
    "recipe": StageSpec(settings.RecipeSettings, results.RecipeResult, 1, "core.recipes.recipe_job"),
    "filter": StageSpec(settings.FilterSettings, results.FilterResult, 1, "core.judging.filter_job"),
    "sft": StageSpec(settings.SftSettings, results.SftResult, 2, "core.training.training_job"),
    "sft-dpo": StageSpec(settings.DpoSettings, results.DpoResult, 2, "core.training.training_job"),
    "respond": StageSpec(settings.RespondSettings, results.RespondResult, 2, "core.responding.respond_job"),
    "judge": StageSpec(settings.JudgeSettings, results.JudgeResult, 2, "core.judging.embedded.fit_job"),
    "validate": StageSpec(settings.ValidateSettings, results.ValidateResult, 3, "core.judging.validate_job"),
    "compare": StageSpec(settings.CompareSettings, results.CompareResult, 6, "core.judging.compare_job"),
    "rung": StageSpec(settings.RungSettings, results.RungResult, 1, "core.judging.rung_job"),
}
