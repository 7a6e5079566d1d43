"""What is requested of jobs, for the history: an attempt's folder says it only once the attempt has begun."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.jobs.inputs import format_input
from core.pipeline.supervision import history
from core.pipeline.supervision.history import Requested
from core.store.jobs import jobs


def note(connection: sqlite3.Connection, workspace: WorkspacePaths, names: Iterable[str]) -> None:
    """Write what is requested of jobs to the history; call it before that is committed. Raises `OSError`."""
    history.append(workspace, *requested(connection, names))


def requested(connection: sqlite3.Connection, names: Iterable[str]) -> list[Requested]:
    """What is requested of jobs by now, without those whose settings or inputs are invalid."""
    found: list[Requested] = []
    for name in names:
        with suppress(UserError, ValueError):
            stored = jobs.get(connection, name)
            assert stored is not None, "it is in the store"
            row = connection.execute(
                "SELECT requested_at, jobs.error, cancel_at FROM jobs LEFT JOIN attempts"
                " ON attempts.job = jobs.id AND attempts.number = jobs.attempt WHERE jobs.id = ?",
                (name,),
            ).fetchone()
            found.append(
                Requested(
                    at=time.time(),
                    job=stored.job.id,
                    name=stored.job.name,
                    fingerprint=stored.job.fingerprint,
                    slot=stored.job.slot,
                    settings=stored.job.settings,
                    reads={key: format_input(read) for key, read in stored.job.inputs.items()},
                    depends_on=stored.job.depends_on,
                    requested_at=row["requested_at"],
                    attempt=stored.attempt,
                    state=stored.state,
                    error=row["error"],
                    redone_after=stored.redone_after,
                    sends_requests=stored.sends_requests,
                    engine=stored.engine,
                    ignores_rungs=stored.ignores_rungs,
                    cancel_at=row["cancel_at"],
                )
            )
    return found
