"""The journal of a job's attempt: an append-only file of records, one JSON object a line.

A line is `{"seq": n, "at": unix seconds, "record": {"type": …}}`, with `seq` counting from 1.
A last line without a newline was cut by a crash and is ignored.

A worker trusts its journal alone. If that, or its folder, is removed, moved or cut while the worker runs,
nothing that the worker does is kept, and what it buys is bought again: it ends at once.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec

from core.config import redaction
from core.config.redaction import values_without_secrets
from core.domain.errors import UserError
from core.jobs import files
from core.jobs.records import DURABLE, Record, Started

NAME = "journal.jsonl"
#: The maximum length of a line: no record of a job is as long.
MAX_LINE_BYTES = 64 * 1024 * 1024


class JournalLostError(Exception):
    """The journal of a running worker was removed, moved or cut: nothing more can be recorded."""


class DamagedJournalError(Exception):
    """A line of a journal, counted from 1, is not a record; `reason` is what is wrong with it."""

    def __init__(self, folder: Path, line: int, reason: str) -> None:
        super().__init__(f"{folder / NAME}, line {line}: {reason}")
        self.line = line
        self.reason = reason


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a journal."""

    seq: Annotated[int, msgspec.Meta(ge=1, le=2**53)]
    """The number of the line, from 1."""
    at: Annotated[float, msgspec.Meta(ge=0, le=1e12)]
    """When it was written, in Unix seconds."""
    record: Record
    """What is recorded."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Entry)
_record_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
#: Names of metrics in journals of version 0.2, and their names now: state.db can be made again from them.
_RENAMED = {
    b'"lc_parted":': b'"lc_differs":',
    b'"soft_win_rate_b":': b'"probability_win_rate_b":',
    b'"soft_low":': b'"probability_low":',
    b'"soft_high":': b'"probability_high":',
}


class Journal:
    """Writes a journal; one per attempt, in the worker. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = self._path.open("ab", buffering=0)
        files.sync_folder(folder)
        self._seq = 0
        self._size = os.fstat(self._file.fileno()).st_size
        self._lock = threading.Lock()
        # Servers echo keys, and people put them into the wrong places: they end here.
        self._secret = redaction.pattern()
        self._remembered = redaction.remembered()

    def write(self, *records: Record) -> None:
        """Append `records`. Durable records are on disk when this returns.

        Raises `OSError` when the disk is full; the journal then ends with a complete line. Raises
        `JournalLostError` as `check` does, and `UserError` for a record that could not be read back.
        """
        lines = bytearray()
        with self._lock:
            self.check()
            if redaction.remembered() != self._remembered:
                self._remembered = redaction.remembered()
                self._secret = redaction.pattern()
            for record in records:
                added = line(self._seq + 1, record)
                # A spec is of config.toml, which holds none.
                if self._secret.search(added) and not isinstance(record, Started):
                    added = line(self._seq + 1, _redacted(record))
                if len(added) > MAX_LINE_BYTES:
                    raise UserError(
                        f"{self._path}: a record of {len(added):,} bytes is longer than {MAX_LINE_BYTES:,}"
                    )
                self._seq += 1
                lines += added
            written = self._file.write(lines) or 0
            self._size += written
            if written < len(lines):
                whole = lines.rfind(b"\n", 0, written) + 1
                end = os.fstat(self._file.fileno()).st_size
                os.ftruncate(self._file.fileno(), end - (written - whole))
                self._size -= written - whole
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), self._file.name)
            if any(isinstance(record, DURABLE) for record in records):
                os.fsync(self._file.fileno())

    def check(self) -> None:
        """Raise `JournalLostError` if the journal is no longer where it was, or lacks what was written."""
        mine = os.fstat(self._file.fileno())
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            found = None
        except PermissionError:
            # It may be where it was, and what is written is in it.
            return
        if found is None or (found.st_dev, found.st_ino) != (mine.st_dev, mine.st_ino):
            raise JournalLostError(f"{self._path} was removed or moved while the worker ran")
        if mine.st_size < self._size:
            raise JournalLostError(f"{self._path} was cut while the worker ran")

    def close(self) -> None:
        self._file.close()


class NoJournal(Journal):
    """The journal of a process that helps a worker, which writes the attempt's."""

    def __init__(self) -> None:
        pass

    def write(self, *records: Record) -> None:
        pass

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass


def read(folder: Path, offset: int = 0) -> Iterator[tuple[Entry, int]]:
    """Entries of an attempt's journal from byte `offset`, each with the offset of its end.

    A journal that does not exist yet has no entries. Raises `DamagedJournalError` for a complete line that
    is not an entry, or if it is no file, and `OSError` when the file cannot be read.
    """
    path = folder / NAME
    try:
        # A folder would count as unreadable for now, and a pipe be waited for, both for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise DamagedJournalError(folder, 1, "it is not a file")
        file = path.open("rb")
    except (FileNotFoundError, NotADirectoryError):
        return
    with file:
        file.seek(offset)
        while line := file.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                reason = f"it is longer than {MAX_LINE_BYTES:,} bytes"
                raise DamagedJournalError(folder, line_number(folder, offset), reason)
            if not line.endswith(b"\n"):
                return
            try:
                entry = _decoder.decode(_with_current_names(line))
            except files.DAMAGED as error:
                raise DamagedJournalError(folder, line_number(folder, offset), str(error)) from error
            offset += len(line)
            yield entry, offset


def line(seq: int, record: Record) -> bytes:
    """A line of a journal, at this time."""
    return _encoder.encode(Entry(seq, time.time(), record)) + b"\n"


def _redacted(record: Record) -> Record:
    """The record without secrets in its texts. Some secrets are common words, or numbers: where only these
    may stand, they stay."""
    fields = msgspec.json.decode(msgspec.json.encode(record))
    for name, value in fields.items():
        changed = {**fields, name: values_without_secrets(value)}
        with suppress(msgspec.ValidationError):
            record = _record_decoder.decode(msgspec.json.encode(changed))
            fields = changed
    return record


def records(lines: bytes) -> Iterator[Record]:
    """The records in whole lines of a journal, up to the first that is damaged."""
    for one in lines.splitlines():
        try:
            yield _decoder.decode(_with_current_names(one)).record
        except files.DAMAGED:
            return


def _with_current_names(line: bytes) -> bytes:
    if b'"stage":"compare"' in line:
        for before, now in _RENAMED.items():
            line = line.replace(before, now)
    return line


def line_number(folder: Path, offset: int) -> int:
    """The number of the line that begins at byte `offset` of an attempt's journal, from 1."""
    count = 1
    with (folder / NAME).open("rb") as file:
        while offset > 0 and (part := file.read(min(offset, 1 << 20))):
            count += part.count(b"\n")
            offset -= len(part)
    return count
