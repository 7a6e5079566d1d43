"""CSV parsing with the line number of each row, and the location of the first syntax error."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Literal

from core.dialogues import mapping
from core.dialogues.sources.csv_file import CsvFile
from core.dialogues.sources.reader_protocol import ProgressCallback, Row

if TYPE_CHECKING:
    import _csv

#: Maximum length of a row that is searched for a stray quote: the search parses it about twenty times.
_LONGEST_SEARCH = 1_000_000
#: Maximum length of a cell: one that is longer is the rest of a file after a quote that is never closed.
MAX_CELL = 10_000_000
#: Characters of the file in which its header is looked for.
_HEADER_BYTES = 100_000
#: Rows by whose number of cells a delimiter is recognized.
_FIRST_ROWS = 50
_DELIMITERS = ",;\t|"
#: The line by which Excel learns the delimiter of a file.
_SEP_LINE = re.compile(rb'(?:\xef\xbb\xbf)?[ \t]*"?sep=([^\r\n"]{1,4})"?[,;\t| ]*(\r\n|\r|\n)', re.IGNORECASE)


BrokenKind = Literal["cut off", "stray quote", "too long"]


@dataclass(frozen=True)
class Dialect:
    """How the cells of a file are separated."""

    delimiter: str = ","
    """What is between two cells."""
    skips_space: bool = False
    """Whether a space after a delimiter is no part of the next cell."""
    has_sep_line: bool = False
    """Whether the first line only names the delimiter (`sep=;`)."""
    has_quotes: bool = True
    """Whether cells may be quoted."""


class BrokenRow(Exception):  # noqa: N818 - a location; the caller writes the message
    """The row that starts in `line` is not valid CSV; the parser detected it in `last_line`.

    `cell` is the index of the cell with wrong quotes, None if it was not found. `kind` is whether a quote was
    still open at the end of the file, is at a wrong place, or the cell is longer than `MAX_CELL`.
    """

    def __init__(self, number: int, line: int, last_line: int, cell: int | None, kind: BrokenKind) -> None:
        super().__init__(f"row {number} in line {line}")
        self.number, self.line, self.last_line = number, line, last_line
        self.cell, self.kind = cell, kind


def dialect_of(file: CsvFile, known_names: Callable[[list[str]], int]) -> Dialect:
    """The dialect of a file: the delimiter that gives the header most of the names that `known_names` counts.

    If several give as many, it is what a line `sep=` names, else a comma. Without any known name it is the
    delimiter that cuts the first rows into most cells, the same number in each.
    """
    if (found := _SEP_LINE.match(file.begin(_HEADER_BYTES))) is not None:
        named = found[1].decode("utf-8", "replace")
        # Excel writes the tab itself; people write it as \t.
        delimiter = "\t" if named == "\\t" else named[0]
        delimiters = delimiter + _DELIMITERS
    else:
        delimiters = _DELIMITERS
    has_sep_line = found is not None
    names = {one: known_names(_header(file, Dialect(one, False, has_sep_line))) for one in delimiters}
    if not any(names.values()) and not has_sep_line:
        names = {one: _regular_cells(file, Dialect(one)) for one in delimiters}
    # The first of those with as many names.
    dialect = Dialect(max(delimiters, key=names.__getitem__), has_sep_line=has_sep_line)
    header = _header(file, dialect)
    if mapping.has_columns_of_empathetic_dialogues(header) and _has_marks(file):
        return Dialect(dialect.delimiter, False, has_sep_line, has_quotes=False)
    spaced = len(header) > 1 and all(name.startswith(" ") for name in header[1:])
    # With a space before it, a quote would not be taken as the beginning of a cell.
    if spaced and file.contains(f'{dialect.delimiter} "'.encode()):
        return Dialect(dialect.delimiter, True, dialect.has_sep_line)
    return dialect


def rows(
    file: CsvFile,
    dialect: Dialect = Dialect(),
    strict: bool = True,
    end: int | None = None,
    tail: bytes = b"",
    progress: ProgressCallback | None = None,
) -> Iterator[Row]:
    """The header and the rows below it, without blank lines. Raises `BrokenRow` if strict.

    Line breaks in cells are kept. With `end` these are the rows of the first `end` bytes followed by `tail`.
    """
    csv.field_size_limit(MAX_CELL)
    before = int(dialect.has_sep_line)
    reader = _reader(islice(file.lines(end, tail, progress), before, None), dialect, strict)
    number, line = 0, 1 + before
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            last = reader.line_num + before
            kind = _kind(error)
            if kind == "too long":
                raise BrokenRow(number, line, last, None, kind) from error
            raw = "".join(islice(file.lines(), line - 1, last))
            cell = _open_cell(raw, dialect) if kind == "cut off" else _stray_cell(raw, dialect)
            raise BrokenRow(number, line, last, cell, kind) from error
        if cells:
            yield Row(number, line, cells)
            number += 1
        line = reader.line_num + before + 1


def around(file: CsvFile, at: int, dialect: Dialect) -> Row:
    """The row that contains byte `at`, cut off there, so that the last cell is the one with the byte.

    Raises `BrokenRow` if a cell before the byte is too long.
    """
    row = Row(0, 1, [])
    # The content before the byte plus one letter ends in the row and cell of the byte.
    for row in rows(file, dialect, strict=False, end=at, tail=b"x"):  # noqa: B007 - only the last row is used
        pass
    return row


def line_of_header(file: CsvFile, known_names: Callable[[list[str]], int], limit: int) -> int | None:
    """The line, among the first `limit` rows, that has the most names that are known, at least three."""
    found: dict[int, int] = {}
    for delimiter in _DELIMITERS:
        first = rows(file, Dialect(delimiter), strict=False, end=_HEADER_BYTES)
        for row in islice(first, limit):
            found[row.line] = max(known_names(row.cells), found.get(row.line, 0))
    line = max(found, key=found.__getitem__, default=0)
    return line if found.get(line, 0) > 2 else None


def _has_marks(file: CsvFile) -> bool:
    """Whether a file writes `_comma_` for a comma and quotes no cell, so that a quote is a character."""
    return file.contains(b"_comma_") and not file.contains(b'""')


def _regular_cells(file: CsvFile, dialect: Dialect) -> int:
    """How many cells each of the first rows has; 1 if they differ."""
    try:
        # Without the last one, which may be cut off.
        first = list(islice(rows(file, dialect, strict=False, end=_HEADER_BYTES), _FIRST_ROWS))
    except BrokenRow:
        return 1
    widths = {len(row.cells) for row in (first[:-1] if len(first) > 2 else first)}
    return widths.pop() if len(widths) == 1 else 1


def _header(file: CsvFile, dialect: Dialect) -> list[str]:
    """The cells of the first row, as far as it is valid."""
    try:
        found = next(rows(file, dialect, strict=False, end=_HEADER_BYTES), None)
    except BrokenRow:
        return []
    return [] if found is None else found.cells


def _kind(error: csv.Error) -> BrokenKind:
    text = str(error)
    if "field larger" in text:
        return "too long"
    return "cut off" if "unexpected end" in text else "stray quote"


def _reader(lines: Iterator[str], dialect: Dialect, strict: bool) -> _csv.Reader:
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        skipinitialspace=dialect.skips_space,
        quoting=csv.QUOTE_MINIMAL if dialect.has_quotes else csv.QUOTE_NONE,
        strict=strict,
    )


def _open_cell(raw: str, dialect: Dialect) -> int | None:
    """The index of the last cell of an unfinished row."""
    cells = next(_reader(io.StringIO(raw, newline=""), dialect, strict=False), [])
    return len(cells) - 1 if cells else None


def _stray_cell(raw: str, dialect: Dialect) -> int | None:
    """The index of the cell with an invalid character after a closing quote."""
    if len(raw) > _LONGEST_SEARCH:
        return None
    end = bisect_left(range(len(raw)), True, key=lambda end: _is_broken(raw[:end], dialect)) - 1
    return _open_cell(raw[:end], dialect)


def _is_broken(raw: str, dialect: Dialect) -> bool:
    try:
        for _ in _reader(io.StringIO(raw, newline=""), dialect, strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" not in str(error)
    return False
