"""Connections to state.db: readers that cannot write, writers that begin IMMEDIATE."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from core.domain import troubles
from core.domain.errors import UserError
from core.domain.paths import not_a_file
from core.store import resting, schema

T = TypeVar("T")

#: Milliseconds that a connection waits for a lock of another connection.
BUSY_MS = 10_000


def reader(path: Path) -> sqlite3.Connection:
    """A read-only connection, for one thread at a time, which creates no file beside `path`.

    That of a file at rest is for as long as `resting.identity` is the same: what it reads raises
    `resting.StoreChangedError` if the file was written meanwhile.

    Raises `UserError` when the file is not a state.db that this version can read.
    """
    check_file(path)
    try:
        connection = resting.reader(path)
        if connection is None:
            connection = sqlite3.connect(
                _address(path), uri=True, isolation_level=None, check_same_thread=False
            )
    except sqlite3.OperationalError as error:
        raise UserError(f"{path} cannot be opened: {error}") from error
    return _checked(connection, path)


def _address(path: Path) -> str:
    return f"{path.absolute().as_uri()}?mode=ro"


def _look(path: Path, query: Callable[[sqlite3.Connection], T]) -> T:
    """What `query` reads of a file that may be of any version, or not ours."""
    check_file(path)

    def read() -> T:
        with closing(resting.reader(path) or sqlite3.connect(_address(path), uri=True)) as connection:
            return query(connection)

    return resting.read_again(read)


def check_file(path: Path) -> None:
    """Raise `UserError` if `path`, or its write-ahead log, is something else than a file."""
    if what := not_a_file(path):
        raise UserError(f"{path} {what}: move it away, and {troubles.REBUILD}")
    log = path.with_name(path.name + "-wal")
    if what := not_a_file(log):
        raise UserError(f"{log} {what}: move it away, then try again")


def writer(path: Path, *, rebuilds: bool = False) -> sqlite3.Connection:
    """A connection for `transaction`; creates or upgrades the file first if needed.

    Where jobs have worked, it is only created for one that `rebuilds` it from what they have done.

    Raises `UserError` when the file cannot be opened.
    """
    check_file(path)
    if not rebuilds:
        check_present(path)
    if _version(path) < schema.VERSION:
        upgrade(path)
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    return _checked(connection, path)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One write transaction: it commits the whole block or nothing."""
    # IMMEDIATE, because a deferred transaction that reads first fails at its first write
    # if another connection wrote in between, whatever the timeout.
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
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """A part of a transaction: if the block raises, what it wrote is undone, and the rest can go on."""
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        # Unless SQLite itself has rolled everything back.
        if connection.in_transaction:
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
        raise
    connection.execute("RELEASE part")


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """One read transaction: every query in the block sees the same state."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")


def data_version(connection: sqlite3.Connection) -> int:
    """A number that changes when another connection has committed."""
    if isinstance(connection, resting.RestingConnection):
        # SQLite's own would not.
        return connection.changed_ns
    return int(connection.execute("PRAGMA data_version").fetchone()[0])


def is_ready(path: Path) -> bool:
    """Whether `path` is a state.db with the current schema."""
    return _version(path) >= schema.VERSION


def is_older(path: Path) -> bool:
    """Whether `path` is a state.db with an older schema, which `upgrade` migrates."""
    return 0 < _version(path) < schema.VERSION


def upgrade(path: Path) -> None:
    """Create `path` with the current schema, or migrate it. Raises `UserError` when that fails."""
    try:
        check_ours(path)
        check_released(path)
        schema.migrate(path)
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error
    except OSError as error:
        raise UserError(f"{path} cannot be migrated: {error}") from error


def check_present(path: Path) -> None:
    """Raise `UserError` if `path`, a workspace's state.db, is missing or empty, although jobs have worked.

    It would look like a workspace without work, and a new file would have all of it done, and paid, again.
    """
    if path.exists() and path.stat().st_size:
        return
    worked = path.parent.glob("artifacts/jobs/*/*/journal.jsonl")
    if next(worked, None) is None:
        return
    how = "is empty" if path.exists() else "is a link to nothing" if path.is_symlink() else "is missing"
    raise UserError(
        f"{path} {how}, although artifacts/ has the work of jobs: {troubles.REBUILD}, or, to start over, "
        "move artifacts/ away"
    )


def check_sound(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `UserError` if the file is damaged. Reads all of it."""
    try:
        (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        found = str(error)
    if found != "ok":
        first = next(line for line in found.splitlines() if not line.startswith("***"))
        raise UserError(f"{path} is damaged ({first}): {troubles.REBUILD}")


def check_complete(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `UserError` if a table, a column or an index is missing."""
    if missing := schema.missing(connection):
        raise UserError(f"{path} lacks {', '.join(missing)}: {troubles.REBUILD}")


class OpenFile:
    """The state.db that a `writer` has open; it may be replaced, removed or upgraded meanwhile.

    So may its write-ahead log, whose name stays for as long as a connection is open: whoever opens the file
    next would not see what is in the log, and would write another one.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._wal = path.with_name(path.name + "-wal")
        self._opened = _identity(path)
        #: A writer has read the file's version, for which SQLite opens the log, or creates it. None if it has
        #: been removed since.
        self._opened_wal = _identity(self._wal)

    def check(self) -> None:
        """Raise `UserError` if what is written by this connection is lost, or is not in today's schema."""
        for path, before in ((self._path, self._opened), (self._wal, self._opened_wal)):
            if before is None or _identity(path) != before:
                raise UserError(
                    f"{path} was removed or replaced while it was in use: put it back, or {troubles.REBUILD}"
                )
        check_version(self._connection, self._path)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _version(path: Path) -> int:
    if not path.exists():
        return 0
    try:
        return _look(path, lambda connection: int(connection.execute("PRAGMA user_version").fetchone()[0]))
    except sqlite3.DatabaseError as error:
        raise _unusable(path, error) from error


def check_ours(path: Path) -> None:
    """Raise `UserError` if another program's tables are in the file: ours must not be put among them."""
    if not path.exists():
        return
    program, tables = _look(path, _owner)
    if program not in (0, schema.APPLICATION_ID) or (tables and "_sqlite_migrations" not in tables):
        raise UserError(f"{path} belongs to another program: move it away, and {troubles.REBUILD}")


def _owner(connection: sqlite3.Connection) -> tuple[int, set[str]]:
    """The application_id of a file, and its tables."""
    program = int(connection.execute("PRAGMA application_id").fetchone()[0])
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    return program, {row[0] for row in tables}


def check_released(path: Path) -> None:
    """Raise `UserError` if the file is of a version whose jobs cannot be read: it must stay as it is."""
    if not path.exists():
        return
    with suppress(sqlite3.OperationalError):
        if _look(path, schema.is_unreleased):
            raise UserError(
                f"{path} was written by version 0.1.0, whose jobs are not read, and is left as it is: create "
                "a new workspace with `empathy-tui init`, import the data there and run its jobs again"
            )


def _unusable(path: Path, error: sqlite3.DatabaseError) -> UserError:
    """The error to show for a state.db that SQLite cannot open."""
    if troubles.is_lost_log(error):
        return UserError(f"{path} cannot be read: {troubles.LOST_LOG}")
    if isinstance(error, sqlite3.OperationalError):
        # SQLite needs its write-ahead log beside the file, even for reading.
        hint = (
            f"check that you may write to {path.parent}, that its disk has free space, and that not too many "
            "files are open"
        )
        return UserError(f"{path} cannot be opened: {error}; {hint}")
    return UserError(f"{path} is not a state database, or is damaged ({error}): {troubles.REBUILD}")


def _checked(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    try:
        check_version(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        raise _unusable(path, error) from error
    except UserError:
        connection.close()
        raise
    return connection


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise `UserError` if the file is not a state.db of today's schema."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    program = int(connection.execute("PRAGMA application_id").fetchone()[0])
    # Files that were migrated before the id existed get it with the next migration.
    if program not in (0, schema.APPLICATION_ID):
        raise UserError(f"{path} belongs to another program: move it away, and {troubles.REBUILD}")
    if version != schema.VERSION:
        raise UserError(
            f"{path} has schema version {version}, and this program knows {schema.VERSION}: "
            "use the version of the program that wrote it, or a newer one"
        )
