"""Settings of a workspace that are not in config.toml, such as `paused`."""

from __future__ import annotations

import sqlite3


def setting(connection: sqlite3.Connection, key: str) -> str | None:
    """The value of a setting; None if it is not set."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return None if row is None else str(row["value"])


def set_setting(connection: sqlite3.Connection, key: str, value: str | None) -> None:
    if value is None:
        connection.execute("DELETE FROM meta WHERE key = ?", (key,))
    else:
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
