"""The graph of a workspace, from its files as they are now."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.domain.dialogues import ImportedData
from core.pipeline import planner, slots
from core.pipeline.planner import Node
from core.prompts import templates
from core.store.jobs import StoredJob


def plan(
    workspace: WorkspacePaths, config: Config, facts: ImportedData, calibrate: Mapping[str, int] | None = None
) -> tuple[Node, ...]:
    """All jobs that `config` asks for over the data, and those that `calibrate` judges on so many pairs.

    Raises `UserError` as `graph.plan` does.
    """

    @cache
    def prompt(name: str) -> str:
        return templates.load(name, workspace.prompts)

    return planner.plan(config, facts, prompt, slots.local_slot(config.runs.device), calibrate)


def is_of_judge(
    workspace: WorkspacePaths, config: Config, facts: ImportedData, job: StoredJob | None
) -> bool:
    """Whether a job that held a judge against people asked it as `config` does."""
    if job is None:
        return False

    def prompt(name: str) -> str:
        return templates.load(name, workspace.prompts)

    local_slot = slots.local_slot(config.runs.device)
    wanted = planner.judge_settings(config, facts, prompt, local_slot, job.name)
    return all(job.settings.get(name) == value for name, value in wanted.items())
