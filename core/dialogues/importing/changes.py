"""The differences between the imported dialogues and those of another file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from core.dialogues.importing.spool import temporary_database
from core.domain.data.dialogues import Dialogue

#: How many dialogues of a kind are named.
_NAMED = 3
_TABLES = """
CREATE TABLE old (position INTEGER PRIMARY KEY, dialog_id TEXT UNIQUE, record BLOB);
CREATE TABLE new (position INTEGER PRIMARY KEY, dialog_id TEXT UNIQUE, record BLOB);
BEGIN;
"""
_FIELDS = ("emotion", "sentiment", "plutchik", "situation", "utterance")


@dataclass(frozen=True)
class DialogueIds:
    """Some dialogues."""

    count: int
    """How many there are."""
    first: tuple[str, ...]
    """The ids of the first `_NAMED` of them."""


@dataclass(frozen=True)
class Changes:
    """How the dialogues differ from those in the workspace."""

    added: DialogueIds
    """Dialogues that are new."""
    removed: DialogueIds
    """Dialogues that are gone."""
    changed: DialogueIds
    """Dialogues with another content."""
    what: dict[str, int]
    """Kind of change → number of dialogues."""
    reordered: bool
    """Whether the common dialogues are in another order."""

    def lines(self) -> tuple[str, ...]:
        """The changes as text, one per line; empty without changes."""
        found = []
        for verb, ids in (("added", self.added), ("removed", self.removed), ("changed", self.changed)):
            if ids.count:
                named = ", ".join(ids.first) + (", …" if ids.count > len(ids.first) else "")
                found.append(f"{ids.count} dialogue{'s' if ids.count != 1 else ''} {verb}: {named}")
        found += [f"  {kind}: {count}" for kind, count in self.what.items()]
        if self.reordered:
            found.append("the dialogues are in another order")
        return tuple(found)


def compare(old: Iterable[Dialogue], new: Iterable[Dialogue]) -> Changes:
    """The changes if `new` replaces `old`. Both are kept on disk meanwhile."""
    decoder = msgspec.json.Decoder(Dialogue)
    with temporary_database(_TABLES) as found:
        _insert(found, "old", old)
        _insert(found, "new", new)
        changed, what = list[str](), Counter[str]()
        count = 0
        for dialog_id, before, after in found.execute(
            "SELECT dialog_id, old.record, new.record FROM new JOIN old USING (dialog_id)"
            " WHERE old.record != new.record ORDER BY new.position"
        ):
            count += 1
            changed += [dialog_id] if count <= _NAMED else []
            what.update(_kinds(decoder.decode(before), decoder.decode(after)))
        positions = found.execute(
            "SELECT new.position FROM old JOIN new USING (dialog_id) ORDER BY old.position"
        )
        return Changes(
            added=_only_in(found, "new", "old"),
            removed=_only_in(found, "old", "new"),
            changed=DialogueIds(count, tuple(changed)),
            what=dict(sorted(what.items())),
            reordered=any(after[0] < before[0] for before, after in pairwise(positions)),
        )


def _insert(connection: sqlite3.Connection, table: str, dialogues: Iterable[Dialogue]) -> None:
    encoder = msgspec.json.Encoder(order="deterministic")
    connection.executemany(
        f"INSERT INTO {table} VALUES (?, ?, ?)",
        (
            (position, dialogue.dialog_id, encoder.encode(dialogue))
            for position, dialogue in enumerate(dialogues)
        ),
    )


def _only_in(connection: sqlite3.Connection, table: str, other: str) -> DialogueIds:
    missing = f"FROM {table} WHERE dialog_id NOT IN (SELECT dialog_id FROM {other})"
    count = connection.execute(f"SELECT count(*) {missing}").fetchone()[0]
    first = connection.execute(f"SELECT dialog_id {missing} ORDER BY position LIMIT ?", (_NAMED,))
    return DialogueIds(count, tuple(row[0] for row in first))


def _kinds(old: Dialogue, new: Dialogue) -> Iterable[str]:
    for field in _FIELDS:
        if getattr(old, field) != getattr(new, field):
            yield field
    for source in {**old.responses, **new.responses}:
        before, after = old.responses.get(source), new.responses.get(source)
        if before is None or after is None:
            yield f"source {source} {'added' if before is None else 'removed'}"
            continue
        if before.text != after.text:
            yield f"response of {source}"
        if before.rating != after.rating:
            yield f"rating of {source}"
    if old.split != new.split:
        yield f"moved from {old.split} to {new.split}"
