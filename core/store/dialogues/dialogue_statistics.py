"""Counts over all imported dialogues, without holding them in memory."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence

from core.domain.data.dialogues import HUMAN, Rating, RatingCounts, RatingPair, Split


def rating_counts(
    connection: sqlite3.Connection, sources: Sequence[str], split: Split | None = None
) -> RatingCounts:
    """How the dialogues of a split, or all, were rated, for each of these sources beside `human`."""
    rows = connection.execute(
        "SELECT other.source, own.rating, other.rating, count(*) FROM ratings AS other"
        " JOIN ratings AS own ON own.dialog_id = other.dialog_id AND own.source = :human"
        " JOIN dialogues ON dialogues.dialog_id = other.dialog_id"
        " WHERE :split IS NULL OR split = :split GROUP BY 1, 2, 3",
        {"human": HUMAN, "split": split},
    )
    found: dict[str, Counter[RatingPair]] = {source: Counter() for source in (HUMAN, *sources)}
    for source, human, rating, number in rows:
        found[source][human, rating] = number
    human = {rating: number for (rating, _), number in found.pop(HUMAN).items()}
    return RatingCounts(human, found)


def named(connection: sqlite3.Connection, column: str) -> dict[str, int]:
    """Each emotion or sentiment → its dialogues, in alphabetical order."""
    assert column in ("emotion", "sentiment")
    rows = connection.execute(f"SELECT {column}, count(*) FROM dialogues GROUP BY 1 ORDER BY 1")
    return dict(rows.fetchall())


def responses(connection: sqlite3.Connection) -> Iterator[tuple[str, Rating | None, str]]:
    """(source, rating, text) of every response."""
    cursor = connection.cursor()
    cursor.row_factory = None
    yield from cursor.execute("SELECT source, rating, text FROM ratings")
