"""Intents: what a person asked for, as rows that the supervisor carries out in order."""

from __future__ import annotations

import json
import sqlite3
import time
from dataclasses import dataclass
from typing import Any, Literal

from core.domain.events import IntentResult
from core.store.connections import transaction

Kind = Literal["import", "start", "cancel", "retry", "pause", "resume", "refresh", "adopt", "vote", "unvote"]


@dataclass(frozen=True)
class Intent:
    """A pending intent."""

    id: int
    kind: Kind
    payload: dict[str, Any]


def add(connection: sqlite3.Connection, kind: Kind, payload: dict[str, Any]) -> int:
    """Write an intent in a transaction of its own; its id."""
    with transaction(connection):
        cursor = connection.execute(
            "INSERT INTO intents (kind, payload, created_at) VALUES (?, ?, ?)",
            (kind, json.dumps(payload), time.time()),
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def pending(connection: sqlite3.Connection) -> list[Intent]:
    """Intents that nobody has carried out yet, oldest first."""
    rows = connection.execute("SELECT id, kind, payload FROM intents WHERE state = 'pending' ORDER BY id")
    return [Intent(row["id"], row["kind"], json.loads(row["payload"])) for row in rows]


def finish(
    connection: sqlite3.Connection, intent: int, result: dict[str, Any] | None, error: str | None = None
) -> None:
    """Record the outcome, within the transaction that made it true."""
    connection.execute(
        "UPDATE intents SET state = ?, result = ?, error = ?, finished_at = ? WHERE id = ?",
        (
            "done" if error is None else "failed",
            None if result is None else json.dumps(result),
            error,
            time.time(),
            intent,
        ),
    )


def outcome(connection: sqlite3.Connection, intent: int) -> IntentResult:
    """What became of an intent. Raises `KeyError` when there is none of that id."""
    row = connection.execute("SELECT state, result, error FROM intents WHERE id = ?", (intent,)).fetchone()
    if row is None:
        raise KeyError(intent)
    return IntentResult(
        intent, row["state"], None if row["result"] is None else json.loads(row["result"]), row["error"]
    )
