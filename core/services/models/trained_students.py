"""Students and runs of a workspace, and what training has yielded."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from core.domain.errors import UserError
from core.domain.names import RunName
from core.jobs.inputs import JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import RespondSettings, StudentResponder
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_records


def jobs(state: WorkspaceState) -> dict[str, PlannedJob]:
    """The jobs in which students answer the test split, by the responder's name.

    Raises `UserError` if config.toml is invalid.
    """
    imported = state.imported()
    config, invalid = state.config()
    if invalid is not None:
        raise UserError(invalid)
    nodes, problem = state.plan(config, imported)
    if problem is not None:
        raise UserError(problem)
    return {
        node.name: node
        for node in nodes
        if isinstance(node.settings, RespondSettings)
        and isinstance(node.settings.responder, StudentResponder)
    }


def untrained(run: RunName) -> str:
    """What is wrong with a run that is not trained yet, and the remedy."""
    return f"{run} is not trained yet: `empathy-tui run {run.stage}:{run}`"


def trained(state: WorkspaceState, node: PlannedJob) -> tuple[Literal["adapter", "model"], Path] | None:
    """What a run's training has yielded; None if it is a base student, or not trained yet."""
    connection = state.connection()
    kinds: tuple[Literal["adapter", "model"], ...] = ("adapter", "model")
    for kind in kinds:
        read = node.inputs.get(kind)
        if connection is not None and isinstance(read, JobOutput):
            found = job_records.artifact(connection, read.job, read.name)
            path = None if found is None else state.paths.inside(found[0])
            if path is not None and path.exists():
                return kind, path
    return None
