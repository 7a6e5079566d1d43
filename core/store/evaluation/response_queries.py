"""The queries of readers about responses."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from itertools import combinations

#: Pairs of sources that are counted in one query: SQLite joins at most 64 tables.
_PAIRS = 30


def responses(connection: sqlite3.Connection, job: str) -> dict[str, str]:
    """The responses of a respond job, by dialogue."""
    rows = connection.execute("SELECT dialog_id, text FROM responses WHERE job = ?", (job,))
    return dict(rows.fetchall())


def responses_of(connection: sqlite3.Connection, jobs: Iterable[str]) -> dict[str, dict[str, str]]:
    """The responses of these respond jobs, by job and dialogue; without jobs that have none."""
    return _grouped(
        connection,
        "SELECT job, dialog_id, text FROM responses WHERE job IN (SELECT value FROM json_each(?))",
        (json.dumps([*jobs]),),
    )


def source_responses(
    connection: sqlite3.Connection, sources: Iterable[str], dialogues: Iterable[str] | None = None
) -> dict[str, dict[str, str]]:
    """The responses of these sources to the test split, or to some of its dialogues, by source."""
    # The plus keeps SQLite from going through the whole split.
    among = (
        "split = 'test'"
        if dialogues is None
        else "+split = 'test' AND dialog_id IN (SELECT value FROM json_each(:dialogues))"
    )
    return _grouped(
        connection,
        f"SELECT source, dialog_id, text FROM ratings JOIN dialogues USING (dialog_id) WHERE {among}"
        " AND source IN (SELECT value FROM json_each(:sources))",
        {"sources": json.dumps([*sources]), "dialogues": json.dumps([*(dialogues or ())])},
    )


def _grouped(
    connection: sqlite3.Connection, query: str, values: Sequence[str] | dict[str, str]
) -> dict[str, dict[str, str]]:
    rows = connection.cursor()
    rows.row_factory = None
    found: dict[str, dict[str, str]] = {}
    for group, dialog_id, text in rows.execute(query, values):
        if group not in found:
            found[group] = {}
        found[group][dialog_id] = text
    return found


def same_responses(
    connection: sqlite3.Connection, sources: Sequence[str]
) -> dict[tuple[str, str], tuple[int, int]]:
    """Of each two of these sources, the test dialogues to which both give the same response, and those to
    which both respond."""
    found = {}
    pairs = list(combinations(range(len(sources)), 2))
    for first in range(0, len(pairs), _PAIRS):
        some = pairs[first : first + _PAIRS]
        counts = ", ".join(f"sum(r{a}.text = r{b}.text), count(r{a}.text = r{b}.text)" for a, b in some)
        joined = [
            f"LEFT JOIN ratings r{n} ON r{n}.dialog_id = d.dialog_id AND r{n}.source = :source{n}"
            for n in sorted({number for pair in some for number in pair})
        ]
        row = connection.execute(
            f"SELECT {counts} FROM dialogues d {' '.join(joined)} WHERE split = 'test'",
            {f"source{number}": source for number, source in enumerate(sources)},
        ).fetchone()
        for number, (a, b) in enumerate(some):
            found[sources[a], sources[b]] = (row[2 * number] or 0, row[2 * number + 1])
    return found


def responses_to(connection: sqlite3.Connection, dialog_id: str) -> dict[str, str]:
    """The response of every respond job to a dialogue, by job."""
    rows = connection.execute(
        "SELECT jobs.id, text FROM jobs JOIN responses ON responses.job = jobs.id AND dialog_id = ?"
        " WHERE stage = 'respond'",
        (dialog_id,),
    )
    return dict(rows.fetchall())
