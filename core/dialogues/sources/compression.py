"""Compressed files, unpacked to a temporary one: gzip, bzip2, xz, zstd, and a ZIP archive of one file."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO, cast

from core.dialogues.problems import FileProblem
from core.dialogues.sources.reader_protocol import InvalidSourceError

#: Bytes that are unpacked at once.
_CHUNK = 1 << 20
#: Share of the free space of the disk that an unpacked file may fill.
_FILLED = 0.8
#: How a ZIP archive begins, and one without files.
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_DAMAGED = (EOFError, OSError, zlib.error, lzma.LZMAError, zipfile.BadZipFile)


def _zstd(file: BinaryIO) -> IO[bytes]:
    # Loading it takes long, and few files need it.
    import pyarrow as pa

    # Arrow closes the file that it reads.
    own = os.fdopen(os.dup(file.fileno()), "rb")
    own.seek(0)
    stream: IO[bytes] = pa.CompressedInputStream(pa.PythonFile(own, mode="r"), "zstd")
    return stream


def _gzip(file: BinaryIO) -> IO[bytes]:
    return cast(IO[bytes], gzip.GzipFile(fileobj=file))


#: How a file of each compression begins, its name, and how it is opened.
_STREAMS: tuple[tuple[bytes, str, Callable[[BinaryIO], IO[bytes]]], ...] = (
    (b"\x1f\x8b", "gzip", _gzip),
    (b"BZh", "bzip2", bz2.open),
    (b"\xfd7zXZ", "xz", lzma.open),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
)


@contextmanager
def unpacked(file: BinaryIO) -> Iterator[tuple[BinaryIO, str | None]]:
    """The unpacked content in a temporary file, and the compression's name; `file` itself without one.

    Raises `InvalidSourceError` for a damaged file, and an archive of no file or of several.
    """
    begin = file.read(8)
    file.seek(0)
    if begin.startswith(_ZIP):
        with _from_zip(file) as packed:
            if packed is None:
                yield file, None
                return
            with _temporary(packed, "ZIP") as content:
                yield content, "ZIP"
        return
    for mark, name, opened in _STREAMS:
        if begin.startswith(mark):
            try:
                packed = opened(file)
            except _DAMAGED as error:
                raise _damaged(name, error) from error
            with _temporary(packed, name) as content:
                yield content, name
            return
    yield file, None


@contextmanager
def _from_zip(file: BinaryIO) -> Iterator[IO[bytes] | None]:
    """The one file in an archive; None for an Excel workbook."""
    try:
        archive = zipfile.ZipFile(file)
        names = archive.namelist()
    except _DAMAGED as error:
        raise _damaged("ZIP", error) from error
    if "[Content_Types].xml" in names:
        file.seek(0)
        yield None
        return
    files = [name for name in names if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(files) != 1:
        message = (
            f"a ZIP archive of {len(files)} files: unpack it, and import one of them"
            if files
            else "the ZIP archive has no file in it"
        )
        raise InvalidSourceError(FileProblem(None, None, message))
    try:
        packed = archive.open(files[0])
    except (RuntimeError, NotImplementedError, *_DAMAGED) as error:
        # A password, or a compression that Python lacks.
        message = f"the ZIP archive cannot be read: {error}. Unpack it, and import the file in it"
        raise InvalidSourceError(FileProblem(None, None, message)) from error
    with packed:
        yield packed


@contextmanager
def _temporary(packed: IO[bytes], name: str) -> Iterator[BinaryIO]:
    limit = int(shutil.disk_usage(tempfile.gettempdir()).free * _FILLED)
    with tempfile.TemporaryFile() as content:
        size = 0
        while True:
            try:
                chunk = packed.read(_CHUNK)
            except _DAMAGED as error:
                raise _damaged(name, error) from error
            if not chunk:
                break
            size += len(chunk)
            if size > limit:
                message = (
                    f"unpacked it has more than {limit:,} bytes, for which {tempfile.gettempdir()} has no "
                    "space: free some, or name another folder in TMPDIR"
                )
                raise InvalidSourceError(FileProblem(None, None, message))
            content.write(chunk)
        content.flush()
        content.seek(0)
        yield content


def _damaged(name: str, error: Exception) -> InvalidSourceError:
    message = f"the file is compressed with {name}, and damaged or cut off ({error}): get it again"
    return InvalidSourceError(FileProblem(None, None, message))
