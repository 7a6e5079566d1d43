"""Jobs, as the supervisor writes and reads them."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from core.domain.errors import UserError
from core.domain.jobs.dependencies import Link
from core.domain.jobs.job import Wait
from core.domain.jobs.job_rules import ENDED
from core.domain.jobs.results import Result
from core.domain.jobs.rungs import RUNG
from core.domain.states import JobState, Slot
from core.jobs import settings
from core.jobs.inputs import format_input, parse_input
from core.jobs.planned_job import PlannedJob
from core.store.jobs.job_events import add_event


@dataclass(frozen=True)
class StoredJob:
    """A planned job with its state."""

    job: PlannedJob
    """What was planned."""
    state: JobState
    """What has become of it."""
    attempt: int
    """The number of the newest attempt; 0 before the first."""
    redone_after: int = 0
    """Attempts up to this number belong to a result that is made again: later ones do not resume them."""
    sends_requests: bool = True
    """Whether its next attempt may send requests to large models."""
    engine: str | None = None
    """The engine that was requested for it; None for that of its slot."""
    ignores_rungs: bool = False
    """Whether it starts whatever its rung decides."""


_JOB = (
    "id, name, fingerprint, slot, state, settings, inputs, depends_on, attempt, redone_after, sends_requests,"
    " engine, ignores_rungs"
)


def put(connection: sqlite3.Connection, jobs: Iterable[PlannedJob]) -> list[str]:
    """Insert the jobs that do not exist yet, as waiting; returns the ids of the inserted jobs.

    An existing job that is neither running nor done gets the current values of what its fingerprint does not
    cover: settings that do not change the results, the location of the data, the slot, the rung that decides
    whether it starts.
    """
    inserted = []
    for job in jobs:
        inputs = json.dumps({name: format_input(read) for name, read in job.inputs.items()})
        encoded = settings.encode(job.settings)
        cursor = connection.execute(
            "INSERT INTO jobs (id, stage, name, fingerprint, slot, state, settings, inputs, depends_on,"
            " requested_at) VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING",
            (
                job.id,
                job.stage,
                job.name,
                job.fingerprint,
                job.slot,
                encoded,
                inputs,
                json.dumps(job.depends_on),
                time.time(),
            ),
        )
        if cursor.rowcount:
            inserted.append(job.id)
        else:
            connection.execute(
                "UPDATE jobs SET slot = :slot, settings = :settings, inputs = :inputs,"
                " depends_on = :depends_on WHERE id = :job AND state NOT IN ('running', 'done')"
                " AND (slot, settings, inputs, depends_on) IS NOT (:slot, :settings, :inputs, :depends_on)",
                {
                    "slot": job.slot,
                    "settings": encoded,
                    "inputs": inputs,
                    "depends_on": json.dumps(job.depends_on),
                    "job": job.id,
                },
            )
    return inserted


def get(connection: sqlite3.Connection, job: str) -> StoredJob | None:
    """The job of that id, or None. Raises `UserError` when its settings or inputs are invalid."""
    row = connection.execute(f"SELECT {_JOB} FROM jobs WHERE id = ?", (job,)).fetchone()
    return None if row is None else _stored(row)


def slots(connection: sqlite3.Connection, state: JobState) -> dict[str, Slot]:
    """The slots of the jobs in `state`, by id, in the order of request."""
    rows = connection.execute("SELECT id, slot FROM jobs WHERE state = ? ORDER BY rowid", (state,))
    return dict(rows.fetchall())


def slot(connection: sqlite3.Connection, job: str) -> Slot:
    """The slot of a job. Raises `KeyError` if no job has that id."""
    for row in connection.execute("SELECT slot FROM jobs WHERE id = ?", (job,)):
        found: Slot = row["slot"]
        return found
    raise KeyError(job)


def graph(connection: sqlite3.Connection) -> list[Link]:
    """Every job with its dependencies, in the order of request."""
    rows = connection.execute("SELECT id, depends_on FROM jobs ORDER BY rowid")
    return [Link(row["id"], tuple(json.loads(row["depends_on"]))) for row in rows]


def released(connection: sqlite3.Connection) -> list[str]:
    """Ids of the waiting jobs whose dependencies are all done, in the order of request.

    Those of rungs, which also wait for jobs that may fail, are left out.
    """
    rows = connection.execute(
        "SELECT id FROM jobs WHERE state = 'waiting' AND stage IS NOT :rung AND NOT EXISTS ("
        "SELECT 1 FROM json_each(jobs.depends_on) AS needed LEFT JOIN jobs AS dependency"
        " ON dependency.id = needed.value WHERE dependency.state IS NOT 'done'"
        " AND NOT (jobs.ignores_rungs AND dependency.stage IS :rung)) ORDER BY rowid",
        {"rung": RUNG},
    )
    return [row["id"] for row in rows]


def waiting_for_unknown(connection: sqlite3.Connection) -> list[str]:
    """Ids of the waiting jobs that depend on a job that is not in the store."""
    rows = connection.execute(
        "SELECT id FROM jobs WHERE state = 'waiting' AND EXISTS (SELECT 1 FROM json_each(jobs.depends_on)"
        " WHERE value NOT IN (SELECT id FROM jobs)) ORDER BY rowid"
    )
    return [row["id"] for row in rows]


def last_change(connection: sqlite3.Connection) -> tuple[object, ...]:
    """A value that changes whenever a job is added or gets another state, each of which has an event."""
    row = connection.execute("SELECT (SELECT max(id) FROM events), (SELECT max(rowid) FROM jobs)").fetchone()
    return tuple(row)


def newest_revision(connection: sqlite3.Connection) -> int:
    """The revision of the job that was changed last; 0 without jobs."""
    return int(connection.execute("SELECT coalesce(max(revision), 0) FROM jobs").fetchone()[0])


def changed(connection: sqlite3.Connection, since: int) -> list[str]:
    """The ids of the jobs with a revision above `since`, in the order of request."""
    rows = connection.execute("SELECT id FROM jobs WHERE revision > ? ORDER BY rowid", (since,))
    return [row["id"] for row in rows]


def states(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, JobState]:
    """The states of the jobs in `ids` that exist."""
    found: dict[str, JobState] = {}
    for job in ids:
        row = connection.execute("SELECT state FROM jobs WHERE id = ?", (job,)).fetchone()
        if row is not None:
            found[job] = row["state"]
    return found


def set_state(
    connection: sqlite3.Connection,
    job: str,
    state: JobState,
    *,
    error: str | None = None,
    result: Result | None = None,
    event: str | None = None,
) -> None:
    """Set a job's state and write the transition as an event, in the caller's transaction.

    An earlier result stays until there is another. A job that waits for another attempt keeps nothing of the
    progress and the time of the one before.
    """
    now = time.time()
    encoded = None if result is None else msgspec.json.encode(result).decode()
    connection.execute(
        "UPDATE jobs SET state = :state, error = :error, result = coalesce(:result, result),"
        " finished_at = :finished_at, eta_s = NULL, waiting = NULL,"
        " started_at = iif(:is_waiting, NULL, started_at), done = iif(:is_waiting, NULL, done),"
        " total = iif(:is_waiting, NULL, total) WHERE id = :job",
        {
            "state": state,
            "error": error,
            "result": encoded,
            "finished_at": now if state in ENDED else None,
            "is_waiting": state in ("waiting", "ready"),
            "job": job,
        },
    )
    add_event(connection, event or (state if error is None else f"{state}: {error}"), job=job)


def fail(connection: sqlite3.Connection, job: str, error: str) -> None:
    """Record that a job has failed; if it only read its answers again, it keeps the result that it had."""
    row = connection.execute(
        "SELECT sends_requests, attempts.state AS before FROM jobs LEFT JOIN attempts"
        " ON attempts.job = jobs.id AND attempts.number = redone_after WHERE jobs.id = ?",
        (job,),
    ).fetchone()
    if row is not None and not row["sends_requests"] and row["before"] == "done":
        connection.execute("UPDATE jobs SET sends_requests = 1 WHERE id = ?", (job,))
        kept = f"the answers could not be read again, so the result is the earlier one: {error}"
        set_state(connection, job, "done", error=kept, event=kept)
    else:
        set_state(connection, job, "failed", error=error)


def start_anew(connection: sqlite3.Connection, job: str, *, sends_requests: bool = True) -> None:
    """Queue a job that has ended again, from the start: its result stays until there is another.

    Unless it `sends_requests`, it makes do with the answers of large models that there are.
    """
    connection.execute(
        "UPDATE jobs SET redone_after = attempt, done = NULL, total = NULL WHERE id = ?", (job,)
    )
    event = "requested again from the start" if sends_requests else "its answers are to be read again"
    request_again(connection, job, event, sends_requests=sends_requests)


def request_again(
    connection: sqlite3.Connection, job: str, event: str, *, sends_requests: bool = True
) -> None:
    """Queue a job that has ended."""
    connection.execute("UPDATE jobs SET sends_requests = ? WHERE id = ?", (sends_requests, job))
    set_state(connection, job, "waiting", event=event)


def set_progress(
    connection: sqlite3.Connection, job: str, done: int, total: int, eta_s: float | None
) -> None:
    connection.execute(
        "UPDATE jobs SET done = ?, total = ?, eta_s = ? WHERE id = ?", (done, total, eta_s, job)
    )


def set_wait(connection: sqlite3.Connection, job: str, wait: Wait | None) -> None:
    """Record what a running job waits for; None if it continues."""
    encoded = None if wait is None else msgspec.json.encode(wait).decode()
    connection.execute("UPDATE jobs SET waiting = ? WHERE id = ?", (encoded, job))


def _stored(row: sqlite3.Row) -> StoredJob:
    place = f"job {row['id']}"
    try:
        inputs = {name: parse_input(text) for name, text in json.loads(row["inputs"]).items()}
    except ValueError as error:
        raise UserError(f"{place}: inputs: {error}") from error
    job = PlannedJob(
        id=row["id"],
        name=row["name"],
        fingerprint=row["fingerprint"],
        slot=row["slot"],
        settings=settings.decode(row["settings"], f"{place}: settings"),
        inputs=inputs,
        depends_on=tuple(json.loads(row["depends_on"])),
    )
    counts = row["attempt"], row["redone_after"]
    return StoredJob(
        job,
        row["state"],
        *counts,
        bool(row["sends_requests"]),
        row["engine"],
        ignores_rungs=bool(row["ignores_rungs"]),
    )
