"""A file that only grows, as parts on a storage, which cannot append: each is named by where it begins.

Whoever reads them needs no list: the next part begins where the copy ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from core.jobs import locks
from core.pipeline.storage.storage import Storage

#: Bytes of a part at most.
_LONGEST = 8_000_000


def _part(name: str, offset: int) -> str:
    return f"{name}/{offset:015d}"


class GrowingFile:
    """Sends the file at `path` as `name`, by whole lines if `by_line`."""

    def __init__(self, storage: Storage, path: Path, name: str, *, by_line: bool = False) -> None:
        self._storage = storage
        self._path = path
        self._name = name
        self._by_line = by_line
        self._sent = 0
        #: What may have been sent, by a request whose answer was lost: a part never changes.
        self._uncertain = b""

    def next_part(self) -> bytes:
        """What is to be sent next; empty if nothing is."""
        if self._uncertain:
            return self._uncertain
        try:
            with self._path.open("rb") as file:
                file.seek(self._sent)
                found = file.read(_LONGEST)
                if self._by_line and len(found) == _LONGEST and b"\n" not in found:
                    found += file.readline()
        except FileNotFoundError:
            return b""
        return found[: found.rfind(b"\n") + 1] if self._by_line else found

    def send(self, part: bytes) -> None:
        """Send what `next_part` has returned. Raises as `Storage` does."""
        self._uncertain = part
        self._storage.write(_part(self._name, self._sent), part)
        self._uncertain = b""
        self._sent += len(part)


def receive(storage: Storage, name: str, path: Path, before: Callable[[bytes], None] | None = None) -> bool:
    """Append to the copy at `path` what has been sent since; whether anything had.

    `before` is called with each part before it can be read in the copy. Raises as `Storage` does.
    """
    has_grown = False
    while True:
        size = path.stat().st_size if path.exists() else 0
        part = storage.read(_part(name, size))
        if not part:
            return has_grown
        if before is not None:
            before(part)
        with path.open("ab") as file:
            # An engine whose options have changed may still be at work beside the next one.
            locks.acquire(file)
            if os.fstat(file.fileno()).st_size != size:
                continue
            try:
                file.write(part)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                # Half a part must not stand before the next try.
                os.ftruncate(file.fileno(), size)
                raise
        has_grown = True
