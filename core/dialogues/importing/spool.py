"""Dialogues in a temporary database on disk: as many as a file has, in little memory."""

from __future__ import annotations

import sqlite3
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import overload

import msgspec

from core.dialogues import split
from core.domain.data.dialogues import Dialogue
from core.domain.errors import UserError

_TABLES = """
PRAGMA journal_mode = OFF;
CREATE TABLE rows (dialog_id TEXT PRIMARY KEY, number INTEGER, line INTEGER) WITHOUT ROWID;
CREATE TABLE keys (key TEXT PRIMARY KEY, dialog_id TEXT) WITHOUT ROWID;
CREATE TABLE dialogues (position INTEGER PRIMARY KEY, record BLOB, place BLOB);
BEGIN;
"""

_REMOVAL = (
    "CREATE TABLE kept (position INTEGER PRIMARY KEY, record BLOB, place BLOB)",
    "INSERT INTO kept SELECT row_number() OVER (ORDER BY position) - 1, record, place FROM dialogues"
    " WHERE position NOT IN removed",
    "DROP TABLE dialogues",
    "ALTER TABLE kept RENAME TO dialogues",
    "DROP TABLE removed",
)


@contextmanager
def temporary_database(script: str) -> Iterator[sqlite3.Connection]:
    """A new database that is deleted when it is closed; `script` makes its tables.

    Raises `UserError` when the disk of temporary files is full.
    """
    connection = _connected(script)
    try:
        with _writing():
            yield connection
    finally:
        connection.close()


class DialogueSpool(Sequence[Dialogue]):
    """The dialogues of a file in its order, and what is known of its rows.

    It may be used in another thread than the one that made it, in one at a time.
    """

    def __init__(self) -> None:
        self._connection = _connected(_TABLES)
        weakref.finalize(self, self._connection.close)
        self._encoder = msgspec.json.Encoder(order="deterministic")
        self._decoder = msgspec.json.Decoder(Dialogue)
        self._count = 0

    def first_use(self, dialog_id: str, number: int, line: int) -> tuple[int, int]:
        """(number, line) of the first row with this id; this row's own if there was none."""
        with _writing():
            added = self._connection.execute(
                "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (dialog_id, number, line)
            )
            if added.rowcount:
                return number, line
            found = self._connection.execute(
                "SELECT number, line FROM rows WHERE dialog_id = ?", (dialog_id,)
            ).fetchone()
            return found[0], found[1]

    def first_id(self, key: str, dialog_id: str) -> str:
        """The first id with this key."""
        with _writing():
            added = self._connection.execute(
                "INSERT INTO keys VALUES (?, ?) ON CONFLICT DO NOTHING", (key, dialog_id)
            )
            if added.rowcount:
                return dialog_id
            found: str = self._connection.execute(
                "SELECT dialog_id FROM keys WHERE key = ?", (key,)
            ).fetchone()[0]
            return found

    def add(self, dialogue: Dialogue, place: bytes | None = None) -> None:
        """Add a dialogue at the end. `place` is that of its group if the test split is drawn."""
        with _writing():
            self._connection.execute(
                "INSERT INTO dialogues VALUES (?, ?, ?)",
                (self._count, self._encoder.encode(dialogue), place),
            )
        self._count += 1

    def draw_test(self, share: float) -> bool:
        """Make the first groups test dialogues, about `share` of all; False if there is only one group."""
        groups = self._connection.execute(
            "SELECT place, count(*) FROM dialogues GROUP BY place ORDER BY place"
        )
        last = split.last_drawn(groups, self._count, share)
        if last is None:
            return False
        self._connection.create_function("as_test", 1, self._as_test, deterministic=True)
        with _writing():
            self._connection.execute(
                "UPDATE dialogues SET record = as_test(record) WHERE place <= ?", (last,)
            )
        return True

    def remove(self, positions: Iterable[int]) -> None:
        """Remove the dialogues at these positions; those after them move up."""
        with _writing():
            self._connection.execute("CREATE TABLE removed (position INTEGER PRIMARY KEY)")
            self._connection.executemany("INSERT INTO removed VALUES (?)", ((one,) for one in positions))
            for statement in _REMOVAL:
                self._connection.execute(statement)
        self._count = self._connection.execute("SELECT count(*) FROM dialogues").fetchone()[0]

    def _as_test(self, record: bytes) -> bytes:
        return self._encoder.encode(msgspec.structs.replace(self._decoder.decode(record), split="test"))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Dialogue]:
        for (record,) in self._connection.execute("SELECT record FROM dialogues ORDER BY position"):
            yield self._decoder.decode(record)

    @overload
    def __getitem__(self, index: int) -> Dialogue: ...

    @overload
    def __getitem__(self, index: slice) -> list[Dialogue]: ...

    def __getitem__(self, index: int | slice) -> Dialogue | list[Dialogue]:
        positions = range(self._count)[index]
        if isinstance(positions, range):
            return [self._at(position) for position in positions]
        return self._at(positions)

    def _at(self, position: int) -> Dialogue:
        found = self._connection.execute(
            "SELECT record FROM dialogues WHERE position = ?", (position,)
        ).fetchone()
        return self._decoder.decode(found[0])


def _connected(script: str) -> sqlite3.Connection:
    # The empty name: SQLite keeps it in a temporary file once it is larger than its cache.
    connection = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    connection.executescript(script)
    return connection


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise UserError(
            f"a temporary file cannot be written: {error}. Free space in {tempfile.gettempdir()}, or name "
            "another folder in SQLITE_TMPDIR"
        ) from error
