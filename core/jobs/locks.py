"""The `flock` locks that show whether the supervisor and the workers are alive.

All other exclusive sections use filelock. These locks need what filelock does not offer: a worker inherits
its lock, already held, through a file descriptor; readers check a lock without holding it exclusively;
and the supervisor keeps its process id in the file and releases the lock inside a database transaction.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO


def try_acquire(file: IO[bytes] | IO[str]) -> bool:
    """Acquire the exclusive lock of an open file without waiting; whether it was free.

    The lock belongs to the open file: child processes that inherit the descriptor hold it too, and it is
    released when the last of them closes it or ends.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def acquire(file: IO[bytes] | IO[str]) -> None:
    """Acquire the exclusive lock of an open file; wait until it is free."""
    fcntl.flock(file, fcntl.LOCK_EX)


def release(file: IO[bytes] | IO[str]) -> None:
    """Release the lock of an open file."""
    fcntl.flock(file, fcntl.LOCK_UN)


def is_at(file: IO[bytes] | IO[str], path: Path) -> bool:
    """Whether an open file is still the one at `path`: of a removed one, everybody may hold the lock."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether a process holds the exclusive lock of the file at `path`."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return False
    with file:
        try:
            # Shared: two processes that check at the same time must not mistake each other for the holder.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
