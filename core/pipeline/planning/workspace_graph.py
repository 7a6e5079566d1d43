"""The job graph of a workspace, from its current files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial

from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.domain.data.dialogues import ImportedData
from core.jobs.fingerprinted_settings import fingerprinted
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import Settings, ValidateSettings
from core.pipeline.planning import large_models, planner, slots
from core.prompts import templates
from core.recipes.own_strategies import OwnStrategies
from core.students.models import model_sources


def plan(
    workspace: WorkspacePaths,
    config: Config,
    imported: ImportedData,
    commits: Mapping[str, str],
    validate: Mapping[str, int] | None = None,
) -> tuple[PlannedJob, ...]:
    """All jobs that `config` defines on the data, and those that validate the judges in `validate`.

    `commits` are those at which the workspace stays of models on the Hub, as `store.commits` has them.
    Raises `UserError` as `planner.plan` does.
    """

    definition = config.definition

    @cache
    def prompt(name: str) -> str:
        return templates.load(name, workspace.prompts, definition)

    config = model_sources.resolved(config, workspace.root, commits)
    slot, own = slots.local_slot(config.runs.device), OwnStrategies(workspace.prompts, definition)
    return planner.plan(config, imported, prompt, slot, validate, own)


def validates(workspace: WorkspacePaths, config: Config, settings: Settings | None, judge: str) -> bool:
    """Whether a job with these settings validated `judge` as it is configured now."""
    if not isinstance(settings, ValidateSettings):
        return False

    config = model_sources.resolved(config, workspace.root, {})
    configured = large_models.llm_judge(config, prompts(workspace, config), judge)
    return fingerprinted(settings.judge) == fingerprinted(configured)


def prompts(workspace: WorkspacePaths, config: Config) -> Callable[[str], str]:
    """What returns a template's text by its name: the workspace's own one, or the shipped one."""
    return partial(templates.load, overrides=workspace.prompts, definition=config.definition)
