"""The journal of a job's attempt: an append-only file of records, one JSON object a line.

A line is `{"seq": n, "at": unix seconds, "record": {"type": …}}`, with `seq` counting from 1.
A last line without a newline was cut by a crash and is ignored.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from core.jobs import files
from core.jobs.records import DURABLE, Record

NAME = "journal.jsonl"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a journal."""

    seq: int
    at: float
    record: Record


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)


class Journal:
    """Writes a journal; one per attempt, in the worker. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / NAME).open("ab", buffering=0)
        files.sync_folder(folder)
        self._seq = 0
        self._lock = threading.Lock()

    def write(self, *records: Record) -> None:
        """Append `records`. Durable records are on disk when this returns.

        Raises `OSError` when the disk is full; the journal then ends with a complete line.
        """
        lines = bytearray()
        with self._lock:
            for record in records:
                self._seq += 1
                lines += _encoder.encode(Entry(self._seq, time.time(), record)) + b"\n"
            written = self._file.write(lines) or 0
            if written < len(lines):
                whole = lines.rfind(b"\n", 0, written) + 1
                end = os.fstat(self._file.fileno()).st_size
                os.ftruncate(self._file.fileno(), end - (written - whole))
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            if any(isinstance(record, DURABLE) for record in records):
                os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


def read(folder: Path, offset: int = 0) -> Iterator[tuple[Entry, int]]:
    """Entries of an attempt's journal from byte `offset`, each with the offset of its end.

    A journal that does not exist yet has no entries. Raises `msgspec.DecodeError` for a complete line
    that is not an entry.
    """
    try:
        file = (folder / NAME).open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            try:
                yield _decoder.decode(line), offset
            except UnicodeDecodeError as error:
                raise msgspec.DecodeError(str(error)) from error
