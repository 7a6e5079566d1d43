"""Rows of JSON: a record in each line, or all records in one array or object."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

import msgspec

from core.dialogues.problems import FileProblem
from core.dialogues.sources import flat_records
from core.dialogues.sources.csv_file import CsvFile
from core.dialogues.sources.reader_protocol import Format, InvalidSourceError, ProgressCallback, Row

#: Where the decoder found an error.
_AT_BYTE = re.compile(r"\(byte (\d+)\)")
#: Numbers that Python's json.dumps writes, although JSON has none.
_NOT_JSON = re.compile(rb"NaN|Infinity")
#: Maximum bytes of a line.
_MAX_LINE = 10_000_000
#: Maximum bytes of an array or object of all records, which is read at once.
_MAX_WHOLE = 500_000_000
#: Maximum columns: a file with more has records under keys of their own.
_MAX_COLUMNS = 2_000
_MARK = b"\xef\xbb\xbf"
#: The columns of a record that its place in an object gives: the key that it has, or that its list has.
_KEY, _LIST = "id", "split"
#: A record with one of each is a message, of which a list is a conversation.
_MESSAGE = (("role", "from"), ("content", "value"))

#: A record that is not decoded yet, and what its place in an object adds to it.
_RawRecord = tuple[msgspec.Raw, dict[str, object]]
#: The record's place: its number and its line, counted from 1; line 0 where there are none.
_RecordPlace = tuple[int, int, dict[str, object]]


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
        if begin.startswith(b"["):
            self._whole: Callable[[bytes], list[_RawRecord]] | None = _of_array
        else:
            self._whole = _of_object if _is_one_object(file) else None
        self.format = replace(written, name="JSON Lines" if self._whole is None else "JSON")
        names: dict[str, None] = {}
        for number, line, record in self._records(None):
            names.update(dict.fromkeys(name for name, _ in flat_records.flat(record)))
            if len(names) > _MAX_COLUMNS:
                message = (
                    f"more than {_MAX_COLUMNS:,} different keys up to here: each record needs the same keys"
                )
                raise InvalidSourceError(FileProblem(line, None, message, number))
        if not names:
            raise InvalidSourceError(FileProblem(None, None, "the file has no records"))
        self.header = Row(0, 0, list(names))

    def rows(self, progress: ProgressCallback | None) -> Iterator[Row]:
        """The records as rows; see `RowSource`."""
        for number, line, record in self._records(progress):
            yield Row(number, line, flat_records.cells(record, self.header.cells))

    def better_header(self, known_names: Callable[[list[str]], int]) -> int | None:
        """None: every record names its columns."""
        return None

    def _records(self, progress: ProgressCallback | None) -> Iterator[_RecordPlace]:
        self._file.seek(0)
        return self._from_lines(progress) if self._whole is None else self._at_once(self._whole, progress)

    def _from_lines(self, progress: ProgressCallback | None) -> Iterator[_RecordPlace]:
        size, done, line, number = CsvFile(self._file).size, 0, 0, 0
        while text := self._file.readline(_MAX_LINE + 1):
            line, done = line + 1, done + len(text)
            if progress is not None:
                progress(min(done, size), size)
            if len(text) > _MAX_LINE:
                message = f"more than {_MAX_LINE:,} bytes: is each record in a line of its own?"
                raise InvalidSourceError(FileProblem(line, None, message, number + 1))
            text = text.removeprefix(_MARK) if line == 1 else text
            if not text.strip():
                continue
            number += 1
            yield number, line, _record(text, number, line)

    def _at_once(
        self, records: Callable[[bytes], list[_RawRecord]], progress: ProgressCallback | None
    ) -> Iterator[_RecordPlace]:
        size = CsvFile(self._file).size
        if size > _MAX_WHOLE:
            message = f"JSON of more than {_MAX_WHOLE:,} bytes: convert it to JSON Lines (jq -c '.[]')"
            raise InvalidSourceError(FileProblem(None, None, message))
        content = self._file.read().removeprefix(_MARK)
        try:
            found = records(content)
        except (ValueError, RecursionError) as error:
            message = f"not valid JSON: {error}{_hint(error, content)}"
            raise InvalidSourceError(FileProblem(None, None, message)) from error
        for number, (value, added) in enumerate(found, 1):
            if progress is not None:
                progress(size * number // len(found), size)
            yield number, 0, added | _record(bytes(value), number, 0)


def _of_array(content: bytes) -> list[_RawRecord]:
    return [(value, {}) for value in msgspec.json.decode(content, type=list[msgspec.Raw])]


def _of_object(content: bytes) -> list[_RawRecord]:
    """The records of an object that has them in lists, or each under a key of its own; else it is one itself.

    Beside lists of records, other values are about the file.
    """
    values = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    lists = {key: found for key, value in values.items() if (found := _list_of_records(value))}
    if lists:
        is_split = len(lists) > 1
        return [(one, {_LIST: key} if is_split else {}) for key, found in lists.items() for one in found]
    if len(values) > 1 and all(bytes(value).startswith(b"{") for value in values.values()):
        return [(value, {_KEY: key}) for key, value in values.items()]
    return [(msgspec.Raw(content), {})]


def _list_of_records(value: msgspec.Raw) -> list[msgspec.Raw]:
    """The records in a list of them; none in any other value, and in a conversation."""
    if not bytes(value).startswith(b"["):
        return []
    found = msgspec.json.decode(value, type=list[msgspec.Raw])
    if not found or not all(bytes(one).startswith(b"{") for one in found):
        return []
    first = msgspec.json.decode(found[0], type=dict[str, msgspec.Raw])
    is_message = all(any(name in first for name in names) for names in _MESSAGE)
    return [] if is_message else found


def _is_one_object(file: BinaryIO) -> bool:
    """Whether a file that begins with an object has this one alone, in one line or in many."""
    file.seek(0)
    line = b""
    while not line.strip().removeprefix(_MARK) and (line := file.readline(_MAX_LINE + 1)):
        pass
    try:
        msgspec.json.decode(line.removeprefix(_MARK))
    except (ValueError, RecursionError) as error:
        # It goes on in the next line.
        return "truncated" in str(error) and file.read(_MAX_LINE).strip() != b""
    return not any(other.strip() for other in iter(lambda: file.readline(_MAX_LINE), b""))


def _record(text: bytes, number: int, line: int) -> dict[str, object]:
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidSourceError(
            FileProblem(line, None, f"not valid JSON: {error}{_hint(error, text)}", number)
        ) from error
    if not isinstance(found, dict):
        message = f'a {type(found).__name__}, not a record: each needs keys, as in {{"situation": …}}'
        raise InvalidSourceError(FileProblem(line, None, message, number))
    return found


def _hint(error: BaseException, text: bytes) -> str:
    """What probably caused it; empty if unknown."""
    if "trailing characters" in str(error):
        return " (several records: each needs a line of its own, as jq -c . writes it)"
    if "truncated" in str(error):
        return " (the file is cut off, or the record goes on in the next line)"
    if (place := _AT_BYTE.search(str(error))) and _NOT_JSON.match(text, int(place[1])):
        return " (JSON has no NaN and no Infinity: write null)"
    return ""
