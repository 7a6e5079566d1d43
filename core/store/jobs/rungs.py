"""Rungs in the store: which jobs they stop, which go on after all, and which rungs can be decided."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

import msgspec

from core.domain.jobs import rungs
from core.domain.jobs.dependencies import Link, dependents_of
from core.domain.jobs.job_rules import UNSUCCESSFUL
from core.domain.jobs.results import RungResult
from core.domain.states import JobState
from core.store.jobs import job_events, jobs

_decode = msgspec.json.Decoder(RungResult).decode


def settle(connection: sqlite3.Connection) -> None:
    """Stop the waiting jobs that a rung does not let go on, and what needs them; let those wait again that go
    on after all.

    Call it in a transaction.
    """
    for job, (state, event) in _changes(connection).items():
        jobs.set_state(connection, job, state, event=event)


def is_settled(connection: sqlite3.Connection) -> bool:
    """Whether `settle` would change nothing."""
    return not _changes(connection)


def ignore(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Let these jobs start even if a rung stops them. Call it in a transaction."""
    for job in ids:
        cursor = connection.execute(
            "UPDATE jobs SET ignores_rungs = 1 WHERE id = ? AND NOT ignores_rungs", (job,)
        )
        if cursor.rowcount:
            job_events.add_event(connection, "requested whatever its rung decides", job=job)


def decidable(connection: sqlite3.Connection) -> list[str]:
    """The ids of the waiting rungs of which every comparison is done, or cannot be done any more."""
    waiting = {
        row["id"]: tuple(json.loads(row["depends_on"]))
        for row in connection.execute(
            "SELECT id, depends_on FROM jobs WHERE state = 'waiting' AND stage = ?", (rungs.RUNG,)
        )
    }
    if not waiting:
        return []
    graph = jobs.graph(connection)
    states: dict[str, JobState] = dict(connection.execute("SELECT id, state FROM jobs").fetchall())
    without = {job for job, state in states.items() if state in UNSUCCESSFUL}
    # What a rung waits for may fail.
    needed = (Link(link.id, rungs.needed(link.id, link.depends_on)) for link in graph)
    ended = (
        without
        | dependents_of(needed, without)
        | {job for job, state in states.items() if state == "stopped"}
    )
    return [
        job
        for job, depends_on in waiting.items()
        if all(states.get(one) == "done" for one in rungs.needed(job, depends_on))
        and all(states.get(one) == "done" or one in ended for one in rungs.awaited(job, depends_on))
    ]


def _changes(connection: sqlite3.Connection) -> dict[str, tuple[JobState, str]]:
    """Job → its new state, and why."""
    results = {
        row["id"]: _decode(row["result"])
        for row in connection.execute(
            "SELECT id, result FROM jobs WHERE state = 'done' AND stage = ?", (rungs.RUNG,)
        )
    }
    rows = connection.execute(
        "SELECT id, stage, name, state, depends_on, ignores_rungs FROM jobs"
        " WHERE state IN ('waiting', 'stopped') AND (:has_rungs OR state = 'stopped') ORDER BY rowid",
        {"has_rungs": bool(results)},
    ).fetchall()
    by_id = {row["id"]: row for row in rows}
    found: dict[str, str | None] = {}

    def why(job: str) -> str | None:
        """Why the job is stopped; None if it is not."""
        if job in found or job not in by_id:
            return found.get(job)
        row, found[job] = by_id[job], None
        depends_on = json.loads(row["depends_on"])
        gates = rungs.gates(job, depends_on)
        for gate in () if row["ignores_rungs"] else gates:
            if gate in results and not rungs.goes_on(row["name"], results[gate]):
                found[job] = rungs.why_stopped(row["name"], results[gate])
                return found[job]
        for needed in rungs.needed(job, depends_on):
            if needed not in gates and why(needed) is not None:
                found[job] = f"stopped with {by_id[needed]['stage']} {by_id[needed]['name']}"
                break
        return found[job]

    changes: dict[str, tuple[JobState, str]] = {}
    for job, row in by_id.items():
        reason = why(job)
        if reason is not None and row["state"] == "waiting":
            changes[job] = ("stopped", reason)
        elif reason is None and row["state"] == "stopped":
            changes[job] = ("waiting", "goes on after all")
    return changes
