"""The imported dialogues in the store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable

import msgspec

from core.domain.data.dialogues import Dialogue, ImportedData
from core.domain.jobs.snapshot import DialogueCounts


def imported(connection: sqlite3.Connection) -> ImportedData | None:
    """Describes the imported data; None if nothing is imported."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'data'").fetchone()
    return None if row is None else msgspec.json.decode(row["value"], type=ImportedData)


def replace(connection: sqlite3.Connection, imported: ImportedData, dialogues: Iterable[Dialogue]) -> None:
    """Replace all dialogues by `dialogues`, in the caller's transaction."""
    connection.execute("DELETE FROM dialogues")
    for position, dialogue in enumerate(dialogues):
        connection.execute(
            "INSERT INTO dialogues VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                dialogue.dialog_id,
                position,
                dialogue.emotion,
                dialogue.sentiment,
                dialogue.plutchik,
                dialogue.situation,
                dialogue.utterance,
                dialogue.split,
            ),
        )
        connection.executemany(
            "INSERT INTO ratings VALUES (?, ?, ?, ?)",
            [
                (dialogue.dialog_id, source, response.text, response.rating)
                for source, response in dialogue.responses.items()
            ],
        )
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('data', ?)", (msgspec.json.encode(imported).decode(),)
    )
    connection.execute(
        "INSERT INTO imports (at, file, sha256, data) VALUES (?, ?, ?, ?)",
        (time.time(), imported.file, imported.file_sha256, imported.data),
    )


def counts(connection: sqlite3.Connection) -> DialogueCounts:
    """How many dialogues there are per split."""
    found = dict(connection.execute("SELECT split, count(*) FROM dialogues GROUP BY split").fetchall())
    train, test = found.get("train", 0), found.get("test", 0)
    return DialogueCounts(train + test, train, test)
