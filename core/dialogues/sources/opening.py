"""Opens a file as a source of rows: it finds out compression, format and encoding by the content."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path

from core.dialogues.problems import FileProblem
from core.dialogues.sources import compression, encoding, json_source, other_formats, parquet_source
from core.dialogues.sources.csv_file import CsvFile
from core.dialogues.sources.csv_source import CsvSource
from core.dialogues.sources.reader_protocol import Format, InvalidSourceError, RowSource
from core.domain.errors import UserError

#: Bytes of a file by which its format is recognized.
_BEGIN_BYTES = 1_000


@contextmanager
def opened(
    path: Path, known_names: Callable[[list[str]], int], encoded: str | None = None
) -> Iterator[tuple[RowSource, str]]:
    """A file as a source, and its SHA-256. `encoded` is its encoding, by default what is detected.

    Raises `UserError` if it cannot be opened, or was changed in the meantime; `InvalidSourceError` for its
    content.
    """
    with _file(path) as file:
        before = os.fstat(file.fileno())
        with compression.unpacked(file) as (content, compressed):
            begin = CsvFile(content).begin(_BEGIN_BYTES)
            if (message := other_formats.explain(begin)) is not None:
                raise InvalidSourceError(FileProblem(None, None, message))
            if begin.startswith(parquet_source.MARK):
                source: RowSource = parquet_source.ParquetSource(content, Format("Parquet", compressed))
                yield source, _sha256(file)
            else:
                found = encoded or encoding.detect(content)
                with encoding.in_utf8(content, found) as text:
                    written = Format("CSV", compressed, found)
                    if json_source.is_json(CsvFile(text).begin(_BEGIN_BYTES)):
                        source = json_source.JsonSource(text, written)
                    else:
                        source = CsvSource(CsvFile(text), written, known_names)
                    yield source, _sha256(file)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UserError(f"{path} was changed while it was read: import it once it is complete")


def _sha256(file: BufferedReader) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _file(path: Path) -> Iterator[BufferedReader]:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f"{path} is a folder: name the file in it")
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path} is not a regular file: save the data in one")
        file = path.open("rb")
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except PermissionError as error:
        raise UserError(f"{path} cannot be read: permission denied (try chmod u+r)") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        try:
            yield file
        except OSError as error:
            raise UserError(f"{path} cannot be read: {error.strerror or error}") from error
