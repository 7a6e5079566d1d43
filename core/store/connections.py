"""Connections to state.db: readers that cannot write, writers that begin IMMEDIATE."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import UserError
from core.store import schema

#: Milliseconds that a connection waits for another's lock.
BUSY_MS = 10_000


def reader(path: Path) -> sqlite3.Connection:
    """A read-only connection, usable from any one thread at a time.

    Raises `UserError` when the file is not a state.db that this version can read.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )
    except sqlite3.OperationalError as error:
        raise UserError(f"{path} cannot be opened: {error}") from error
    return _checked(connection, path)


def writer(path: Path) -> sqlite3.Connection:
    """A connection for `transaction`; makes or upgrades the file first where that is needed."""
    if _version(path) < schema.VERSION:
        _migrate(path)
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    return _checked(connection, path)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction: all of the block or nothing of it."""
    # IMMEDIATE, because a deferred transaction that reads first fails at its first write
    # when another wrote meanwhile, whatever the timeout.
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        # SQLite itself rolls back on some errors, such as a full disk.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One read transaction: every query in the block sees the same moment."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")


def data_version(connection: sqlite3.Connection) -> int:
    """A number that moves when another connection has committed."""
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def is_ready(path: Path) -> bool:
    """Whether `path` is a state.db with all of today's tables."""
    return _version(path) >= schema.VERSION


def upgrade(path: Path) -> None:
    """Bring the state.db of an older program up to today's; what is none yet is left alone.

    Raises `UserError` when that cannot be done.
    """
    if 0 < _version(path) < schema.VERSION:
        _migrate(path)


def _migrate(path: Path) -> None:
    try:
        schema.migrate(path)
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    except OSError as error:
        raise UserError(f"{path} cannot be brought up to date: {error}") from error


def _version(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: sqlite3.DatabaseError) -> UserError:
    """What to say of a state.db that SQLite refuses."""
    if isinstance(error, sqlite3.OperationalError):
        # SQLite keeps its write-ahead log beside the file, even to read it.
        hint = f"see that you may write in {path.parent}, and that its disk has room"
        return UserError(f"{path} cannot be opened: {error}; {hint}")
    return UserError(f"{path} is not a state store: {error}. Move it away to start anew.")


def _checked(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _unusable(path, error) from error
    if version != schema.VERSION:
        connection.close()
        raise UserError(
            f"{path} has schema version {version}, and this program knows {schema.VERSION}: "
            "use the program's version that wrote it, or a newer one"
        )
    return connection
