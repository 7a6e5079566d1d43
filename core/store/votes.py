"""What people voted, as the supervisor writes it and readers see it."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping

from core.domain.comparisons import Vote


def put(connection: sqlite3.Connection, vote: Mapping[str, str]) -> None:
    """Record a vote; the same voter's earlier one on the same texts gives way to it."""
    connection.execute(
        "INSERT OR REPLACE INTO votes"
        " VALUES (:voter, :dialog_id, :digest_a, :digest_b, :a, :b, :ordering, :choice, :at)",
        {**vote, "at": time.time()},
    )


def remove(connection: sqlite3.Connection, vote: Mapping[str, str]) -> None:
    """Take a vote back; one that is not there is none."""
    connection.execute(
        "DELETE FROM votes WHERE voter = :voter AND dialog_id = :dialog_id"
        " AND digest_a = :digest_a AND digest_b = :digest_b",
        dict(vote),
    )


def votes(connection: sqlite3.Connection) -> list[Vote]:
    """All votes, oldest first."""
    return [
        Vote(**dict(row)) for row in connection.execute("SELECT * FROM votes ORDER BY at, voter, dialog_id")
    ]
