"""The queries of readers about responses."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable


def responses(connection: sqlite3.Connection, job: str) -> dict[str, str]:
    """The responses of a respond job, by dialogue."""
    rows = connection.execute("SELECT dialog_id, text FROM responses WHERE job = ?", (job,))
    return dict(rows.fetchall())


def source_responses(connection: sqlite3.Connection, sources: Iterable[str]) -> dict[str, dict[str, str]]:
    """The responses of these sources to the test split, by source and dialogue."""
    found: dict[str, dict[str, str]] = {}
    rows = connection.execute(
        "SELECT source, dialog_id, text FROM ratings JOIN dialogues USING (dialog_id) WHERE split = 'test'"
        " AND source IN (SELECT value FROM json_each(?))",
        (json.dumps([*sources]),),
    )
    for source, dialog_id, text in rows:
        found.setdefault(source, {})[dialog_id] = text
    return found


def responses_to(connection: sqlite3.Connection, dialog_id: str) -> dict[str, str]:
    """The response of every respond job to a dialogue, by job."""
    rows = connection.execute(
        "SELECT jobs.id, text FROM jobs JOIN responses ON responses.job = jobs.id AND dialog_id = ?"
        " WHERE stage = 'respond'",
        (dialog_id,),
    )
    return dict(rows.fetchall())
