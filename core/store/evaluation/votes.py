"""People's votes."""

from __future__ import annotations

import sqlite3
from dataclasses import asdict

from core.domain.evaluation.votes import Vote


def put(connection: sqlite3.Connection, vote: Vote) -> None:
    """Record a vote; it replaces an earlier vote of the same voter on the same texts."""
    connection.execute(
        "INSERT OR REPLACE INTO votes"
        " VALUES (:voter, :dialog_id, :digest_a, :digest_b, :a, :b, :ordering, :choice, :at,"
        " :probability, :among)",
        asdict(vote),
    )


def remove(connection: sqlite3.Connection, vote: Vote) -> None:
    """Withdraw the voter's vote on these texts, if there is one."""
    connection.execute(
        "DELETE FROM votes WHERE voter = :voter AND dialog_id = :dialog_id"
        " AND digest_a = :digest_a AND digest_b = :digest_b",
        asdict(vote),
    )


def votes(connection: sqlite3.Connection) -> list[Vote]:
    """All votes, oldest first."""
    return [
        Vote(**dict(row)) for row in connection.execute("SELECT * FROM votes ORDER BY at, voter, dialog_id")
    ]
