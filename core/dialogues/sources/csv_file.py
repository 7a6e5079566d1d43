"""A CSV file on disk that is read in parts: it may be larger than the memory."""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Iterator
from typing import BinaryIO

from core.dialogues.sources.reader_protocol import ProgressCallback

#: Bytes that are read at once.
_CHUNK = 1 << 20


class CsvFile:
    """An open file in UTF-8, with or without a BOM. Each reader has a position of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    @property
    def size(self) -> int:
        """Its size now, in bytes."""
        return os.fstat(self._file.fileno()).st_size

    def chunks(self) -> Iterator[bytes]:
        """Its content in parts."""
        at = 0
        while chunk := os.pread(self._file.fileno(), _CHUNK, at):
            yield chunk
            at += len(chunk)

    def begin(self, size: int) -> bytes:
        """At most its first `size` bytes."""
        return os.pread(self._file.fileno(), size, 0)

    def contains(self, searched: bytes) -> bool:
        """Whether `searched` is somewhere in it."""
        end = b""
        for chunk in self.chunks():
            if searched in end + chunk:
                return True
            end = chunk[1 - len(searched) :] if len(searched) > 1 else b""
        return False

    def lines(
        self, end: int | None = None, tail: bytes = b"", progress: ProgressCallback | None = None
    ) -> Iterator[str]:
        """Its lines with their line breaks, or those of its first `end` bytes followed by `tail`.

        Bytes that are not UTF-8 are replaced.
        """
        raw = io.BufferedReader(_FilePart(self._file.fileno(), end, tail, progress), _CHUNK)
        return iter(io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline=""))


class _FilePart(io.RawIOBase):
    """The bytes of a file up to `end`, and `tail`."""

    def __init__(
        self, descriptor: int, end: int | None, tail: bytes, progress: ProgressCallback | None
    ) -> None:
        super().__init__()
        self._descriptor, self._tail, self._progress = descriptor, tail, progress
        # What another program appends meanwhile is not read: that could have no end.
        self._at, self._size = 0, os.fstat(descriptor).st_size
        self._end = self._size if end is None else min(end, self._size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._end - self._at)
        part = os.pread(self._descriptor, wanted, self._at) if wanted else b""
        self._at += len(part)
        if self._progress is not None:
            self._progress(self._at, self._size)
        if not part:
            part, self._tail = self._tail, b""
        buffer[: len(part)] = part
        return len(part)


class TextCheck:
    """Whether the bytes of a file are text: where the first NUL is, and the first byte that is not UTF-8."""

    def __init__(self) -> None:
        self.size = 0
        self.is_blank = True
        self.nuls = 0
        self.first_nul: int | None = None
        self.not_utf8: tuple[int, int] | None = None
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def add(self, chunk: bytes, *, final: bool = False) -> None:
        """Look at the next bytes; `final` after the last ones."""
        self.is_blank = self.is_blank and not chunk.strip()
        if self.first_nul is None and (at := chunk.find(b"\0")) >= 0:
            self.first_nul = self.size + at
        self.nuls += chunk.count(b"\0")
        if self.not_utf8 is None:
            before = self._decoder.getstate()[0]
            try:
                self._decoder.decode(chunk, final)
            except UnicodeDecodeError as error:
                self.not_utf8 = (self.size - len(before) + error.start, (before + chunk)[error.start])
        self.size += len(chunk)
