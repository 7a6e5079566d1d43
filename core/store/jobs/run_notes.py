"""What people note about runs, and the deletion of jobs."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection

from core.domain.runs import RunNotes

#: The tables with rows of a job, apart from `jobs`; those of its submissions come first.
_OF_JOBS = (
    *("submissions", "run_notes", "metrics", "samples", "responses", "verdicts"),
    *("artifacts", "warnings", "attempts", "events"),
)


def notes(connection: sqlite3.Connection) -> dict[str, RunNotes]:
    """What is noted, by the run's job."""
    rows = connection.execute("SELECT job, archived, tags, note FROM run_notes")
    return {
        row["job"]: RunNotes(bool(row["archived"]), tuple(json.loads(row["tags"])), row["note"])
        for row in rows
    }


def put(connection: sqlite3.Connection, job: str, noted: RunNotes) -> None:
    """Note this about a run instead of what was noted before."""
    if noted == RunNotes():
        connection.execute("DELETE FROM run_notes WHERE job = ?", (job,))
    else:
        connection.execute(
            "INSERT OR REPLACE INTO run_notes VALUES (?, ?, ?, ?)",
            (job, noted.archived, json.dumps(noted.tags), noted.note),
        )


def paid(connection: sqlite3.Connection, jobs: Collection[str]) -> set[str]:
    """Those of these jobs that sent requests to a provider."""
    rows = connection.execute(
        "SELECT DISTINCT job FROM submissions WHERE mode <> 'local'"
        " AND job IN (SELECT value FROM json_each(?))",
        (json.dumps([*jobs]),),
    )
    return {row["job"] for row in rows}


def delete_jobs(connection: sqlite3.Connection, jobs: Collection[str]) -> None:
    """Delete jobs with everything that they have recorded."""
    wanted = {"jobs": json.dumps([*jobs])}
    among = "IN (SELECT value FROM json_each(:jobs))"
    for table in ("answers", "submission_states"):
        connection.execute(
            f"DELETE FROM {table} WHERE token IN (SELECT token FROM submissions WHERE job {among})", wanted
        )
    for table in _OF_JOBS:
        connection.execute(f"DELETE FROM {table} WHERE job {among}", wanted)
    connection.execute(f"DELETE FROM jobs WHERE id {among}", wanted)
