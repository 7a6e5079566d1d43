"""CSV parsing with the line number of each row, and the location of the first syntax error."""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

#: Maximum length of a row that is searched for a stray quote: the search parses it about twenty times.
_LONGEST_SEARCH = 1_000_000


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


def rows(content: bytes, strict: bool = True) -> Iterator[Row]:
    """The header and the rows below it, without blank lines. Raises `BrokenRow` if strict.

    `content` is UTF-8, with or without a BOM. Line breaks in cells are kept.
    """
    # A cell can be as long as the file.
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    reader = csv.reader(_lines(content), strict=strict)
    number, line = 0, 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cut_off = "unexpected end" in str(error)
            raw = "".join(islice(_lines(content), line - 1, reader.line_num))
            cell = _open_cell(raw) if cut_off else _stray_cell(raw)
            raise BrokenRow(number, line, reader.line_num, cell, cut_off) from error
        if cells:
            yield Row(number, line, cells)
            number += 1
        line = reader.line_num + 1


def around(content: bytes, at: int) -> Row:
    """The row that contains byte `at`, cut off there, so that the last cell is the one with the byte."""
    row = Row(0, 1, [])
    # The content before the byte plus one letter ends in the row and cell of the byte.
    for row in rows(content[:at] + b"x", strict=False):  # noqa: B007 - only the last row is used
        pass
    return row


def _lines(content: bytes) -> io.TextIOWrapper:
    # Decoded incrementally: a large file is in memory only once, as bytes.
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace", newline="")


def _open_cell(raw: str) -> int | None:
    """The index of the last cell of an unfinished row."""
    cells = next(csv.reader(io.StringIO(raw, newline="")), [])
    return len(cells) - 1 if cells else None


def _stray_cell(raw: str) -> int | None:
    """The index of the cell with an invalid character after a closing quote."""
    if len(raw) > _LONGEST_SEARCH:
        return None
    return _open_cell(raw[: bisect_left(range(len(raw)), True, key=lambda end: _is_broken(raw[:end])) - 1])


def _is_broken(raw: str) -> bool:
    try:
        for _ in csv.reader(io.StringIO(raw, newline=""), strict=True):
            pass
    except csv.Error as error:
        return "unexpected end" not in str(error)
    return False
