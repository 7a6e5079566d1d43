"""The imported dialogues in the store."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from core.domain.snapshot import DialogueCounts


class DataFacts(msgspec.Struct, frozen=True):
    """What is imported: hashes of all dialogues and of each split, and the LLM sources."""

    data: str
    train: str
    test: str
    sources: tuple[str, ...]
    file: str
    file_sha256: str


@dataclass(frozen=True)
class DialogueRow:
    """A dialogue and its responses as (source, text, rating), in the file's order."""

    dialog_id: str
    emotion: str
    sentiment: str
    plutchik: str
    situation: str
    utterance: str
    split: str
    responses: tuple[tuple[str, str, int], ...]


def facts(connection: sqlite3.Connection) -> DataFacts | None:
    """What is imported, or None."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'data'").fetchone()
    return None if row is None else msgspec.json.decode(row["value"], type=DataFacts)


def replace(connection: sqlite3.Connection, facts: DataFacts, rows: Iterable[DialogueRow]) -> None:
    """Put `rows` in place of all dialogues, within the caller's transaction."""
    connection.execute("DELETE FROM dialogues")
    for position, row in enumerate(rows):
        connection.execute(
            "INSERT INTO dialogues VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.dialog_id,
                position,
                row.emotion,
                row.sentiment,
                row.plutchik,
                row.situation,
                row.utterance,
                row.split,
            ),
        )
        connection.executemany(
            "INSERT INTO ratings VALUES (?, ?, ?, ?)",
            [(row.dialog_id, source, text, rating) for source, text, rating in row.responses],
        )
    connection.execute(
        "INSERT OR REPLACE INTO meta VALUES ('data', ?)", (msgspec.json.encode(facts).decode(),)
    )
    connection.execute(
        "INSERT INTO imports (at, file, sha256, data) VALUES (?, ?, ?, ?)",
        (time.time(), facts.file, facts.file_sha256, facts.data),
    )


def counts(connection: sqlite3.Connection) -> DialogueCounts:
    """How many dialogues there are per split."""
    found = dict(connection.execute("SELECT split, count(*) FROM dialogues GROUP BY split").fetchall())
    train, test = found.get("train", 0), found.get("test", 0)
    return DialogueCounts(train + test, train, test)
