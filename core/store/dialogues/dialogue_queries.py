"""The queries of readers about dialogues."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter

from core.domain.data.dialogues import HUMAN, Dialogue, RatedResponse, Split
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.store.dialogues import dialogues as stored_data

_DIALOGUE = ("dialog_id", "emotion", "sentiment", "plutchik", "situation", "utterance", "split")


def dialogues(connection: sqlite3.Connection, split: Split | None = None) -> list[Dialogue]:
    """All dialogues, or those of one split, in the file's order."""
    return list(each_dialogue(connection, split))


def each_dialogue(connection: sqlite3.Connection, split: Split | None = None) -> Iterator[Dialogue]:
    """The dialogues one by one, in the file's order."""
    yield from _dialogues(connection, ":split IS NULL OR split = :split", {"split": split})


def test_texts(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str, str, str]]:
    """(dialogue, emotion, sentiment, situation, utterance) of the test split, in the file's order."""
    rows = connection.cursor()
    rows.row_factory = None
    yield from rows.execute(
        "SELECT dialog_id, emotion, sentiment, situation, utterance FROM dialogues"
        " WHERE split = 'test' ORDER BY position"
    )


def drawn_dialogues(connection: sqlite3.Connection, at_most: int) -> DrawnDialogues:
    """All dialogues, or about `at_most` of them if there are more: the same ones each time."""
    counts = stored_data.counts(connection)
    totals: dict[Split, int] = {"train": counts.train, "test": counts.test}
    total = counts.train + counts.test
    if total <= at_most:
        return DrawnDialogues(dialogues(connection), totals)
    # Positions multiplied by Knuth's constant: unlike every n-th one, they follow no order of the file.
    drawn = _dialogues(
        connection, "position * 2654435761 % 4294967296 < :below", {"below": 4294967296 * at_most // total}
    )
    return DrawnDialogues(list(drawn), totals)


def dialogues_named(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Dialogue]:
    """The dialogues of these ids, by id."""
    named = {"ids": json.dumps([*ids])}
    found = _dialogues(connection, "dialog_id IN (SELECT value FROM json_each(:ids))", named)
    return {dialogue.dialog_id: dialogue for dialogue in found}


def _dialogues(
    connection: sqlite3.Connection, where: str, values: Mapping[str, str | int | None]
) -> Iterator[Dialogue]:
    sources = _sources(connection)
    # Two queries side by side: with one, each response would come with its dialogue's texts.
    own, ratings = connection.cursor(), connection.cursor()
    own.row_factory = ratings.row_factory = None
    own.execute(f"SELECT {', '.join(_DIALOGUE)} FROM dialogues WHERE {where} ORDER BY position", values)
    ratings.execute(
        "SELECT dialog_id, source, text, rating FROM dialogues JOIN ratings USING (dialog_id)"
        f" WHERE {where} ORDER BY position",
        values,
    )
    groups = groupby(ratings, key=itemgetter(0))
    group = next(groups, None)
    for row in own:
        responses = {}
        if group is not None and group[0] == row[0]:
            responses = {source: RatedResponse(text, rating) for _, source, text, rating in group[1]}
            group = next(groups, None)
        fields = dict(zip(_DIALOGUE, row, strict=True))
        yield Dialogue(**fields, responses=_in_order(responses, sources))


def dialogue(connection: sqlite3.Connection, dialog_id: str) -> Dialogue | None:
    """A dialogue with its responses, or None."""
    row = connection.execute(
        f"SELECT {', '.join(_DIALOGUE)} FROM dialogues WHERE dialog_id = ?",
        (dialog_id,),
    ).fetchone()
    if row is None:
        return None
    rows = connection.execute("SELECT source, text, rating FROM ratings WHERE dialog_id = ?", (dialog_id,))
    found = {source: RatedResponse(text, rating) for source, text, rating in rows}
    return Dialogue(**dict(row), responses=_in_order(found, _sources(connection)))


def _sources(connection: sqlite3.Connection) -> tuple[str, ...]:
    imported = stored_data.imported(connection)
    return () if imported is None else (HUMAN, *imported.sources)


def _in_order(responses: dict[str, RatedResponse], sources: Sequence[str]) -> dict[str, RatedResponse]:
    return {source: responses[source] for source in sources if source in responses}
