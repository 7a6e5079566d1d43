"""What engines last said of their clusters, as the supervisor writes and readers read it."""

from __future__ import annotations

import sqlite3

import msgspec

from core.domain.engines import EngineUse
from core.domain.errors import UserError

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
        raise UserError(f"state.db: engines: {error}") from error
