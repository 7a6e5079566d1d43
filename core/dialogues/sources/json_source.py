"""Rows of JSON: a record in each line, or one array of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

import msgspec

from core.dialogues.problems import Problem
from core.dialogues.sources import flat_records
from core.dialogues.sources.csv_file import CsvFile
from core.dialogues.sources.source import Format, InvalidSourceError, Progress, Row

#: Maximum bytes of a line.
_MAX_LINE = 10_000_000
#: Maximum bytes of an array, which is read at once.
_MAX_ARRAY = 500_000_000
#: Maximum columns: a file with more has records under keys of their own.
_MAX_COLUMNS = 2_000
_MARK = b"\xef\xbb\xbf"

#: The record's place: its number and its line, counted from 1; line 0 in an array.
_Record = tuple[int, int, dict[str, object]]


def is_json(begin: bytes) -> bool:
    """Whether a text that begins so is JSON."""
    begin = begin.removeprefix(_MARK).lstrip()
    if begin[:1] == b"{":
        return begin[1:].lstrip()[:1] in (b'"', b"}", b"")
    return begin[:1] == b"[" and begin[1:].lstrip()[:1] in (b"{", b"[", b'"', b"]", b"")


class JsonSource:
    """Records in UTF-8. The columns are the keys of all records, in the order in which they first stand."""

    def __init__(self, file: BinaryIO, written: Format) -> None:
        self._file = file
        begin = CsvFile(file).begin(1_000).removeprefix(_MARK).lstrip()
        self._is_array = begin.startswith(b"[")
        self.format = replace(written, name="JSON" if self._is_array else "JSON Lines")
        names: dict[str, None] = {}
        for number, line, record in self._records(None):
            names.update(dict.fromkeys(name for name, _ in flat_records.flat(record)))
            if len(names) > _MAX_COLUMNS:
                message = (
                    f"more than {_MAX_COLUMNS:,} different keys up to here: each record needs the same keys"
                )
                raise InvalidSourceError(Problem(line, None, message, number))
        if not names:
            raise InvalidSourceError(Problem(None, None, "the file has no records"))
        self.header = Row(0, 0, list(names))

    def rows(self, progress: Progress | None) -> Iterator[Row]:
        """The records as rows; see `Source`."""
        for number, line, record in self._records(progress):
            yield Row(number, line, flat_records.cells(record, self.header.cells))

    def better_header(self, known_names: Callable[[list[str]], int]) -> int | None:
        """None: every record names its columns."""
        return None

    def _records(self, progress: Progress | None) -> Iterator[_Record]:
        self._file.seek(0)
        return self._from_array(progress) if self._is_array else self._from_lines(progress)

    def _from_lines(self, progress: Progress | None) -> Iterator[_Record]:
        size, done, line, number = CsvFile(self._file).size, 0, 0, 0
        while text := self._file.readline(_MAX_LINE + 1):
            line, done = line + 1, done + len(text)
            if progress is not None:
                progress(min(done, size), size)
            if len(text) > _MAX_LINE:
                message = f"more than {_MAX_LINE:,} bytes: is each record in a line of its own?"
                raise InvalidSourceError(Problem(line, None, message, number + 1))
            text = text.removeprefix(_MARK) if line == 1 else text
            if not text.strip():
                continue
            number += 1
            yield number, line, _record(text, number, line)

    def _from_array(self, progress: Progress | None) -> Iterator[_Record]:
        size = CsvFile(self._file).size
        if size > _MAX_ARRAY:
            message = f"an array of more than {_MAX_ARRAY:,} bytes: convert it to JSON Lines (jq -c '.[]')"
            raise InvalidSourceError(Problem(None, None, message))
        content = self._file.read().removeprefix(_MARK)
        try:
            values = msgspec.json.decode(content, type=list[msgspec.Raw])
        except (ValueError, RecursionError) as error:
            message = f"not a JSON array: {error}{_cut_off(error)}"
            raise InvalidSourceError(Problem(None, None, message)) from error
        for number, value in enumerate(values, 1):
            if progress is not None:
                progress(size * number // len(values), size)
            yield number, 0, _record(bytes(value), number, 0)


def _record(text: bytes, number: int, line: int) -> dict[str, object]:
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidSourceError(
            Problem(line, None, f"not valid JSON: {error}{_cut_off(error)}", number)
        ) from error
    if not isinstance(found, dict):
        message = f'a {type(found).__name__}, not a record: each needs keys, as in {{"situation": …}}'
        raise InvalidSourceError(Problem(line, None, message, number))
    return found


def _cut_off(error: BaseException) -> str:
    return (
        " (the file is cut off, or the record goes on in the next line)" if "truncated" in str(error) else ""
    )
