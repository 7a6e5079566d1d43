"""Adding jobs to the store: from the folders of their attempts, and from what was requested of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import get_args

from core.config.workspace import WorkspacePaths
from core.domain.states import JobState
from core.jobs import context
from core.jobs.inputs import parse_input
from core.jobs.planned_job import PlannedJob, places
from core.jobs.records import Failed, Preempted
from core.jobs.settings import Settings
from core.jobs.spec import Spec
from core.pipeline.engines import remote
from core.pipeline.rebuilding import spec_inputs
from core.pipeline.rebuilding.attempt_folders import Attempts, first_record_at, last_record_at
from core.pipeline.supervision import ingest
from core.pipeline.supervision.history import AttemptEnded, Requested
from core.pipeline.supervision.ingest import Ingested
from core.store.connections import transaction
from core.store.jobs import job_attempts, jobs
from core.store.jobs.job_attempts import Attempt

#: The states of jobs, by their names in records of history.
_STATES: dict[str, JobState] = {state: state for state in get_args(JobState)}


def add_job(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    job: str,
    attempts: Attempts,
    ends: dict[tuple[str, int], AttemptEnded],
    request: Requested | None,
    problems: list[str],
) -> int:
    """Add a job with all its attempts; returns the number of records. What is damaged goes to `problems`."""
    newest = attempts[-1][2]
    planned = PlannedJob(
        id=job,
        name=newest.name,
        fingerprint=newest.fingerprint,
        slot=newest.slot,
        settings=newest.settings,
        inputs=spec_inputs.inputs(newest, workspace),
        depends_on=newest.depends_on or spec_inputs.producers(newest, workspace),
    )
    with transaction(connection):
        jobs.put(connection, [planned])
        connection.execute(
            "UPDATE jobs SET requested_at = ? WHERE id = ?", (first_record_at(attempts[0][1]), job)
        )
    total = 0
    for number, folder, spec in attempts:
        ingested = _add_attempt(
            connection,
            workspace,
            folder,
            spec,
            ends.get((job, number)),
            request.cancel_at if request is not None and request.attempt == number else None,
            is_newest=spec is newest,
            # Of a job whose requests are known, so are the ends of its attempts.
            is_running=spec is newest
            and request is not None
            and request.state != "done"
            and not _is_since(request, newest.attempt),
        )
        total += ingested.records
        if ingested.damaged and isinstance(ingested.ending, Failed):
            problems.append(f"{ingested.ending.error}: what is before it is kept, and a retry uses it")
    if request is not None:
        with transaction(connection):
            is_running = jobs.states(connection, (job,))[job] == "running"
            _apply(connection, request, newest.attempt, is_running=is_running)
    return total


def add_requested(connection: sqlite3.Connection, request: Requested) -> None:
    """Add a job that was requested and has not begun."""
    with transaction(connection):
        jobs.put(connection, [_planned(request)])
        _apply(connection, request, 0, is_running=False)


def _is_since(request: Requested, newest: int) -> bool:
    """Whether a job got the state of its request after its newest attempt had ended."""
    return request.attempt >= newest and request.state not in ("running", "done")


def _apply(connection: sqlite3.Connection, request: Requested, newest: int, *, is_running: bool) -> None:
    """Make a job as it was requested; of what its newest attempt knows, only if it was requested since."""
    connection.execute(
        "UPDATE jobs SET requested_at = ?, engine = ?, ignores_rungs = max(ignores_rungs, ?) WHERE id = ?",
        (request.requested_at, request.engine, request.ignores_rungs, request.job),
    )
    if is_running or not _is_since(request, newest):
        return
    # First: what ended jobs have of their last attempt is not of the next one.
    jobs.set_state(connection, request.job, "waiting", event="requested")
    if request.state not in ("waiting", "ready"):
        jobs.set_state(connection, request.job, request.state, error=request.error)
    jobs.put(connection, [_planned(request)])
    connection.execute(
        "UPDATE jobs SET redone_after = ?, sends_requests = ?,"
        " finished_at = iif(finished_at IS NULL, NULL, ?) WHERE id = ?",
        (min(request.redone_after, newest), request.sends_requests, request.at, request.job),
    )


def _planned(request: Requested) -> PlannedJob:
    return PlannedJob(
        id=request.job,
        name=request.name,
        fingerprint=request.fingerprint,
        slot=request.slot,
        settings=request.settings,
        inputs={name: parse_input(text) for name, text in request.reads.items()},
        depends_on=request.depends_on,
    )


def _add_attempt(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    folder: Path,
    spec: Spec[Settings],
    end: AttemptEnded | None,
    cancel_at: float | None,
    *,
    is_newest: bool,
    is_running: bool,
) -> Ingested:
    relative = folder.relative_to(workspace.root).as_posix()
    first_event = _last_event(connection)
    with transaction(connection):
        connection.execute(
            "UPDATE jobs SET redone_after = ?, sends_requests = ?, ignores_rungs = ? WHERE id = ?",
            (spec.redone_after, spec.sends_requests, spec.ignores_rungs, spec.job),
        )
        attempt = job_attempts.begin_attempt(
            connection, spec.job, spec.attempt, relative, spec.gpu, spec.engine, places(spec.settings)
        )
        if cancel_at is None and (folder / context.CANCEL).exists():
            cancel_at = (folder / context.CANCEL).stat().st_mtime
        connection.execute(
            "UPDATE attempts SET cancel_at = ? WHERE job = ? AND number = ?",
            (cancel_at, spec.job, spec.attempt),
        )
    (attempt,) = job_attempts.attempts(connection, job=spec.job, state="running")
    ingested = ingest.ingest(connection, workspace.root, attempt)
    begun, ended = first_record_at(folder), last_record_at(folder)
    if ingested.ending is None:
        # One that may go on is adopted by the next supervisor, or found lost.
        is_over = not ((is_running and end is None) or (is_newest and _may_run(folder)))
    else:
        # What was preempted too often has failed since.
        is_over = isinstance(ingested.ending, Preempted) and end is not None
    if is_over:
        ended = _end(connection, attempt, end) or ended
    with transaction(connection):
        connection.execute(
            "UPDATE attempts SET started_at = ?, ended_at = iif(ended_at IS NULL, NULL, ?)"
            " WHERE job = ? AND number = ?",
            (begun, ended, spec.job, spec.attempt),
        )
        connection.execute(
            "UPDATE jobs SET started_at = ?, finished_at = iif(finished_at IS NULL, NULL, ?) WHERE id = ?",
            (begun, ended, spec.job),
        )
        connection.execute("UPDATE events SET at = ? WHERE id > ?", (ended, first_event))
    return ingested


def _may_run(folder: Path) -> bool:
    """Whether a process may be at work on an attempt: one that holds its lock, or one of a cluster."""
    is_on_cluster = (folder / remote.ID).exists() and not (folder / context.FENCE).exists()
    return context.is_held(folder) or is_on_cluster


def _end(connection: sqlite3.Connection, attempt: Attempt, end: AttemptEnded | None) -> float | None:
    """End an attempt as the history says, where its journal does not; when it did, if that is known."""
    with transaction(connection):
        if end is None:
            # Nobody knows whether it was wanted still: nothing begins by itself, and nothing is paid.
            job_attempts.end_attempt(connection, attempt, "cancelled" if attempt.cancel_at else "lost")
            event = "it had not ended when state.db was rebuilt: retry it to continue"
            jobs.set_state(connection, attempt.job, "cancelled", event=event)
            return None
        job_attempts.end_attempt(connection, attempt, end.state, end.error)
        state = _STATES.get(end.job_state, "cancelled")
        jobs.set_state(connection, attempt.job, state, error=end.error if state == "failed" else None)
        return end.at


def _last_event(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])
