"""Attempts at jobs, as the supervisor writes and reads them."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from core.domain import troubles
from core.domain.errors import UserError
from core.domain.jobs.job import LOCAL
from core.domain.paths import is_inside
from core.store.jobs.job_events import add_event


@dataclass(frozen=True)
class Attempt:
    """One try at a job."""

    job: str
    """The job's id."""
    number: int
    """Counts the job's attempts, from 1."""
    folder: str
    """Its folder, relative to the workspace."""
    state: str
    """`running`, or how it ended."""
    pid: int | None
    """The id of its worker's process; None before it is known."""
    host: str | None
    """The machine of its worker; None before it is known."""
    seq: int
    """The last ingested record of its journal; 0 before the first."""
    offset: int
    """The bytes of its journal up to there."""
    reached: int | None = None
    """The number of units that were done when it ended; None before."""
    cancel_at: float | None = None
    """When the user cancelled it, in Unix seconds; None if nobody did."""
    process: str | None = None
    """Identifies the process `pid` among others that get the same id; None in attempts of versions that did
    not record it."""
    gpu: str | None = None
    """The only GPU that its worker sees, as CUDA_VISIBLE_DEVICES names it; None for no choice."""
    engine: str = LOCAL
    """The engine that runs its worker."""
    queue: str | None = None
    """What it waits for in the engine's queue, for people; None when it is in no queue."""
    places: int = 1
    """How many places of its job's slot it takes."""


#: The state of an attempt whose place was taken away before its end, which is no failure: it was requested to
#: give its slot back, or its node was lost. In its row it is lost, and `is_preempted`.
PREEMPTED = "preempted"
_ATTEMPT = (
    f"job, number, folder, iif(is_preempted, '{PREEMPTED}', state) AS state, pid, host, seq, offset, reached,"
    " cancel_at, process, gpu, engine, queue, places"
)


def begin_attempt(
    connection: sqlite3.Connection,
    job: str,
    number: int,
    folder: str,
    gpu: str | None = None,
    engine: str = LOCAL,
    places: int = 1,
) -> Attempt:
    """Record that attempt `number` is about to start, before its process starts."""
    now = time.time()
    connection.execute(
        "INSERT INTO attempts (job, number, folder, state, started_at, gpu, engine, places)"
        " VALUES (?, ?, ?, 'running', ?, ?, ?, ?)",
        (job, number, folder, now, gpu, engine, places),
    )
    connection.execute(
        "UPDATE jobs SET state = 'running', attempt = ?, started_at = ?, finished_at = NULL, error = NULL,"
        " done = NULL, total = NULL, eta_s = NULL, waiting = NULL WHERE id = ?",
        (number, now, job),
    )
    # Beside a new run's curve, the rest of the curve before would look like its own.
    for table in ("metrics", "samples"):
        connection.execute(
            f"DELETE FROM {table} WHERE job = :job"
            " AND (SELECT redone_after FROM jobs WHERE id = :job) IN (:number - 1)",
            {"job": job, "number": number},
        )
    add_event(connection, "running", job=job, attempt=number)
    return Attempt(job, number, folder, "running", None, None, 0, 0, gpu=gpu, engine=engine, places=places)


def end_attempt(
    connection: sqlite3.Connection, attempt: Attempt, state: str, error: str | None = None
) -> None:
    """Record how an attempt ended: done, failed, cancelled, lost or preempted."""
    connection.execute(
        "UPDATE attempts SET state = ?, is_preempted = ?, error = ?, ended_at = ?, queue = NULL,"
        " reached = (SELECT done FROM jobs WHERE id = attempts.job)"
        " WHERE job = ? AND number = ?",
        (
            "lost" if state == PREEMPTED else state,
            state == PREEMPTED,
            error,
            time.time(),
            attempt.job,
            attempt.number,
        ),
    )


def ask_to_stop(connection: sqlite3.Connection, job: str) -> None:
    """Request that the running attempt of a job stops."""
    connection.execute(
        "UPDATE attempts SET cancel_at = ? WHERE job = ? AND state = 'running'", (time.time(), job)
    )
    add_event(connection, "cancel requested", job=job)


def attempts(
    connection: sqlite3.Connection, *, job: str | None = None, state: str | None = None
) -> list[Attempt]:
    """Attempts of one job or in one state, newest first.

    Raises `UserError` if the folder of one is not in the workspace: its journal would be read there.
    """
    wanted = {"job": job, "state": state}
    # Only conditions that are wanted, so that an index is used.
    where = " AND ".join(f"{name} = :{name}" for name, value in wanted.items() if value is not None)
    rows = connection.execute(
        f"SELECT {_ATTEMPT} FROM attempts{where and ' WHERE '}{where} ORDER BY job, number DESC",
        wanted,
    )
    found = [Attempt(**dict(row)) for row in rows]
    for attempt in found:
        if not is_inside(attempt.folder):
            raise UserError(
                f"state.db names {attempt.folder!r}, which is not in the workspace: {troubles.REBUILD}"
            )
    return found


def folders(connection: sqlite3.Connection) -> set[str]:
    """The folders of all attempts, relative to the workspace."""
    return {row["folder"] for row in connection.execute("SELECT folder FROM attempts")}


def running_attempt(connection: sqlite3.Connection, attempt: Attempt) -> Attempt | None:
    """The current state of a running attempt; None if it has ended."""
    found = attempts(connection, job=attempt.job, state="running")
    return next((current for current in found if current.number == attempt.number), None)


def advance(connection: sqlite3.Connection, attempt: Attempt, seq: int, offset: int) -> None:
    """Record how much of an attempt's journal is in the store."""
    connection.execute(
        "UPDATE attempts SET seq = ?, offset = ? WHERE job = ? AND number = ?",
        (seq, offset, attempt.job, attempt.number),
    )


def set_process(
    connection: sqlite3.Connection, attempt: Attempt, pid: int, host: str | None, process: str | None
) -> None:
    """Record which process works on an attempt, as `core.jobs.processes.identity` identifies it."""
    connection.execute(
        "UPDATE attempts SET pid = ?, host = ?, process = ? WHERE job = ? AND number = ?",
        (pid, host, process, attempt.job, attempt.number),
    )
