"""CSV parsing with the line number of each row, and the location of the first syntax error."""

from __future__ import annotations

import csv
import io
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _csv

#: Maximum length of a row that is searched for a stray quote: the search parses it about twenty times.
_LONGEST_SEARCH = 1_000_000
#: Characters of the file in which its header is looked for.
_HEADER_BYTES = 100_000
_DELIMITERS = ",;\t|"
#: The line by which Excel learns the delimiter of a file.
_SEP_LINE = re.compile(rb'(?:\xef\xbb\xbf)?[ \t]*"?sep=([^\r\n"]{1,4})"?[,;\t| ]*(\r\n|\r|\n)', re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How the cells of a file are separated.

    `skips_space` is whether a space after a delimiter is no part of the next cell. `has_sep_line` is whether
    the first line only names the delimiter (`sep=;`).
    """

    delimiter: str = ","
    skips_space: bool = False
    has_sep_line: bool = False


@dataclass(frozen=True)
class Row:
    """Row `number`, where the header is 0, starting in `line`, counted from 1."""

    number: int
    line: int
    cells: list[str]


class BrokenRow(Exception):  # noqa: N818 - a location; the caller writes the message
    """The row that starts in `line` is not valid CSV; the parser detected it in `last_line`.

    `cell` is the index of the cell with wrong quotes, None if it was not found. `cut_off` is whether a quote
    was still open at the end of the file.
    """

    def __init__(self, number: int, line: int, last_line: int, cell: int | None, cut_off: bool) -> None:
        super().__init__(f"row {number} in line {line}")
        self.number, self.line, self.last_line = number, line, last_line
        self.cell, self.cut_off = cell, cut_off


def dialect_of(content: bytes, known_names: Callable[[list[str]], int]) -> Dialect:
    """The dialect of a file: the delimiter that gives the header most of the names that `known_names` counts.

    If several give as many, it is what a line `sep=` names, else a comma.
    """
    if (found := _SEP_LINE.match(content)) is not None:
        named = found[1].decode("utf-8", "replace")
        # Excel writes the tab itself; people write it as \t.
        delimiter = "\t" if named == "\\t" else named[0]
        delimiters = delimiter + _DELIMITERS
    else:
        delimiters = _DELIMITERS
    has_sep_line = found is not None
    names = {one: known_names(_header(content, Dialect(one, False, has_sep_line))) for one in delimiters}
    # The first of those with as many names.
    dialect = Dialect(max(delimiters, key=names.__getitem__), has_sep_line=has_sep_line)
    header = _header(content, dialect)
    spaced = len(header) > 1 and all(name.startswith(" ") for name in header[1:])
    # With a space before it, a quote would not be taken as the beginning of a cell.
    if spaced and f'{dialect.delimiter} "'.encode() in content:
        return Dialect(dialect.delimiter, True, dialect.has_sep_line)
    return dialect


def rows(content: bytes, dialect: Dialect = Dialect(), strict: bool = True) -> Iterator[Row]:
    """The header and the rows below it, without blank lines. Raises `BrokenRow` if strict.

    `content` is UTF-8, with or without a BOM. Line breaks in cells are kept.
    """
    # A cell can be as long as the file.
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    before = int(dialect.has_sep_line)
    reader = _reader(_lines(content, before), dialect, strict)
    number, line = 0, 1 + before
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cut_off = "unexpected end" in str(error)
            last = reader.line_num + before
            raw = "".join(islice(_lines(content), line - 1, last))
            cell = _open_cell(raw, dialect) if cut_off else _stray_cell(raw, dialect)
            raise BrokenRow(number, line, last, cell, cut_off) from error
        if cells:
            yield Row(number, line, cells)
            number += 1
        line = reader.line_num + before + 1


def around(content: bytes, at: int, dialect: Dialect) -> Row:
    """The row that contains byte `at`, cut off there, so that the last cell is the one with the byte."""
    row = Row(0, 1, [])
    # The content before the byte plus one letter ends in the row and cell of the byte.
    for row in rows(content[:at] + b"x", dialect, strict=False):  # noqa: B007 - only the last row is used
        pass
    return row


def line_of_header(content: bytes, known_names: Callable[[list[str]], int], limit: int) -> int | None:
    """The line, among the first `limit` rows, that has the most names that are known, at least three."""
    found: dict[int, int] = {}
    for delimiter in _DELIMITERS:
        first = rows(content[:_HEADER_BYTES], Dialect(delimiter), strict=False)
        for row in islice(first, limit):
            found[row.line] = max(known_names(row.cells), found.get(row.line, 0))
    line = max(found, key=found.__getitem__, default=0)
    return line if found.get(line, 0) > 2 else None


def _header(content: bytes, dialect: Dialect) -> list[str]:
    """The cells of the first row, as far as it is valid."""
    try:
        found = next(rows(content[:_HEADER_BYTES], dialect, strict=False), None)
    except BrokenRow:
        return []
    return [] if found is None else found.cells


def _lines(content: bytes, skip: int = 0) -> Iterator[str]:
    # Decoded incrementally: a large file is in memory only once, as bytes.
    text = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace", newline="")
    return islice(text, skip, None)


def _reader(lines: Iterator[str], dialect: Dialect, strict: bool) -> _csv.Reader:
    return csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=dialect.skips_space, strict=strict)


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
