"""Where jobs run: the engines that were requested for them, their queues, and what clusters say."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

import msgspec

from core.domain import troubles
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.store.jobs.job_attempts import Attempt

_decode = msgspec.json.Decoder(EngineUse).decode


def put(connection: sqlite3.Connection, use: EngineUse) -> None:
    """Store what an engine says, in place of what it said before."""
    connection.execute(
        "INSERT OR REPLACE INTO engines (name, use) VALUES (?, ?)",
        (use.name, msgspec.json.encode(use).decode()),
    )


def uses(connection: sqlite3.Connection) -> tuple[EngineUse, ...]:
    """What every engine last said, by name. Raises `UserError` when a row is invalid."""
    rows = connection.execute("SELECT name, use FROM engines ORDER BY name").fetchall()
    try:
        return tuple(_decode(row["use"]) for row in rows)
    except msgspec.DecodeError as error:
        raise UserError(f"state.db: engines: {error}: {troubles.REBUILD}") from error


def set_started(connection: sqlite3.Connection, attempt: Attempt) -> None:
    """Record that an attempt has left its engine's queue now."""
    now = time.time()
    connection.execute(
        "UPDATE attempts SET started_at = ?, queue = NULL WHERE job = ? AND number = ?",
        (now, attempt.job, attempt.number),
    )
    connection.execute("UPDATE jobs SET started_at = ? WHERE id = ?", (now, attempt.job))


def set_queue(connection: sqlite3.Connection, attempt: Attempt, queue: str | None) -> None:
    """Record what an attempt waits for in its engine's queue; None when it is in no queue."""
    connection.execute(
        "UPDATE attempts SET queue = ? WHERE job = ? AND number = ?", (queue, attempt.job, attempt.number)
    )


def set_engine(connection: sqlite3.Connection, names: Iterable[str], engine: str | None) -> None:
    """Record the engine that is requested for jobs; None for that of their slots."""
    connection.executemany(
        # A job's revision grows with its slot, and not with its engine.
        "UPDATE jobs SET engine = :engine, slot = slot WHERE id = :job AND engine IS NOT :engine",
        ({"engine": engine, "job": job} for job in names),
    )
