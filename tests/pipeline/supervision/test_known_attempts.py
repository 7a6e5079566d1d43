"""Which folders say that the store has lost an attempt: only those from which it could be made again."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.jobs import spec
from core.jobs.journal import Journal
from core.jobs.records import Progress
from core.pipeline.supervision import attempts
from core.store import connections
from tests.support.records import job_attempts, made_settings


def _worked(workspace: WorkspacePaths, job: str, said: str) -> Path:
    """The folder of an attempt with a record, whose spec.json names a job."""
    folder = job_attempts.attempt(workspace.attempt(job, 1), [], made_settings.sft(), job=said)
    journal = Journal(folder)
    journal.write(Progress(1, 2))
    journal.close()
    return folder


def test_what_cannot_be_made_again_is_not_asked_for(tmp_path: Path) -> None:
    workspace = WorkspacePaths(tmp_path)
    with closing(connections.writer(workspace.state)) as connection:
        _worked(workspace, "copied", "other")
        (_worked(workspace, "without", "without") / spec.NAME).unlink()
        for job in ("copied", "without"):
            attempts.check_known(workspace, job, ())
        attempts.check_all_known(connection, workspace)
        _worked(workspace, "lost", "lost")
        attempts.check_known(workspace, "lost", (1,))
        with pytest.raises(UserError, match=r"lost.1 has an attempt that is not in state\.db"):
            attempts.check_known(workspace, "lost", ())
        with pytest.raises(UserError, match=r"lost.1 has an attempt that is not in state\.db"):
            attempts.check_all_known(connection, workspace)
