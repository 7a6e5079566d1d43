"""Readers of a state.db at rest, which no process has open: they create no file beside it.

SQLite creates its write-ahead log and that log's index even for a connection that only reads, and leaves them
behind. A file without a log is complete. It is opened as immutable, for which SQLite needs neither, and takes
no lock: whoever starts to write does not wait, and is not noticed. So what was read counts only if the file
is the same afterwards. A writer changes it by a checkpoint of the log, some time after the log has appeared.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from core.domain.errors import UserError

T = TypeVar("T")

#: Seconds within which a second change of a file may not change its times: the clock for them has ticks.
_TICK_S = 0.02
#: Rows that are read at once by those who go through many.
_ROWS = 500


class StoreChangedError(UserError):
    """The file was written while it was read: what was read does not count, and can be read again."""


def read_again(read: Callable[[], T]) -> T:
    """What `read` returns; it is called again if another process has begun to write meanwhile."""
    try:
        return read()
    except StoreChangedError:
        return read()


def identity(path: Path) -> tuple[int, ...] | None:
    """A value that changes once a reader must be opened again; None if there is no file.

    It changes when the file is replaced, and of a file at rest also when somebody opens it to write.
    """
    found = _content(path)
    # The device and the inode.
    return found if found is None or is_at_rest(path) else found[:2]


def is_at_rest(path: Path) -> bool:
    """Whether all of the file's content is in it, and no process has it open to write.

    Of a log without its index, or an index without its log, SQLite knows what is lost.
    """
    # SQLite's files are beside what a link leads to.
    file = path.resolve() if path.is_symlink() else path
    # Without an exception for each that is not there, which would be half of the time of a poll.
    return not any(os.access(name, os.F_OK) for name in _beside(file))


@lru_cache
def _beside(path: Path) -> tuple[str, ...]:
    """The files that SQLite has beside one that is in use, or was not closed."""
    return tuple(f"{path}{suffix}" for suffix in ("-wal", "-shm", "-journal"))


def reader(path: Path) -> sqlite3.Connection | None:
    """A read-only connection to a file at rest; None if it is not at rest, or not there.

    Reading from it raises `StoreChangedError` once the file was written.
    """
    while True:
        content = _content(path)
        if content is None or not is_at_rest(path):
            return None
        if abs(time.time() - content[-1] / 1e9) > _TICK_S:
            break
        time.sleep(_TICK_S)
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro&immutable=1",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=RestingConnection,
    )
    connection.path, connection.content = path, content
    return connection


def _content(path: Path) -> tuple[int, ...] | None:
    """A value that changes with the content of a file; None if there is none."""
    try:
        status = path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


class RestingConnection(sqlite3.Connection):
    """To a file that was at rest when it was opened."""

    path: Path
    content: tuple[int, ...]

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(_Cursor)

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        return self.cursor().execute(sql, parameters)

    @property
    def changed_ns(self) -> int:
        """When the file was last changed before it was opened."""
        return self.content[-1]

    def check(self) -> None:
        if _content(self.path) != self.content:
            raise StoreChangedError(f"{self.path} was written while it was read: try again")


class _Cursor(sqlite3.Cursor):
    """The checks are in `finally`: what SQLite takes for damage may be pages of two versions of the file."""

    connection: RestingConnection

    def execute(self, *args: Any) -> Any:
        try:
            return super().execute(*args)
        finally:
            self.connection.check()

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        finally:
            self.connection.check()

    def fetchmany(self, size: int | None = None) -> Any:
        try:
            return super().fetchmany(size or self.arraysize)
        finally:
            self.connection.check()

    def fetchall(self) -> Any:
        try:
            return super().fetchall()
        finally:
            self.connection.check()

    def __iter__(self) -> Any:
        while rows := self.fetchmany(_ROWS):
            yield from rows

    def __next__(self) -> Any:
        if (row := self.fetchone()) is None:
            raise StopIteration
        return row
