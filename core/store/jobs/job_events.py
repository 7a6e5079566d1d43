"""Events: what has happened, as people read it."""

from __future__ import annotations

import sqlite3
import time


def add_event(
    connection: sqlite3.Connection, text: str, *, job: str | None = None, attempt: int | None = None
) -> None:
    connection.execute(
        "INSERT INTO events (at, job, attempt, text) VALUES (?, ?, ?, ?)", (time.time(), job, attempt, text)
    )
