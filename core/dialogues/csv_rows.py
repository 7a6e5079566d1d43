"""The rows of a CSV, each with the place where it starts, and the place where a CSV stops being one."""

from __future__ import annotations

import csv
import io
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

#: Finding the cell of a stray quote parses its row some twenty times.
_LONGEST_SEARCH = 1_000_000


@dataclass(frozen=True)
class Row:
    """Row `number` below the header (the header is row 0), which starts in `line`, counted from 1."""

    number: int
    line: int
    cells: list[str]


class Broken(Exception):  # noqa: N818 - a place, which its catcher puts into words
    """No row can be read from `line` on; the parser noticed in `last_line`.

    `cell` is the index of the cell whose quotes are wrong, None if it was not found. `cut_off`:
    a quote was still open when the file ended.
    """

    def __init__(self, number: int, line: int, last_line: int, cell: int | None, cut_off: bool) -> None:
        super().__init__(f"row {number} in line {line}")
        self.number, self.line, self.last_line = number, line, last_line
        self.cell, self.cut_off = cell, cut_off


def rows(content: bytes, strict: bool = True) -> Iterator[Row]:
    """The header and the rows below it, without blank lines. Raises `Broken` if strict.

    `content` is UTF-8, with or without its mark; line ends within cells stay as they are.
    """
    # A cell can be as long as the file, and no longer.
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
            raise Broken(number, line, reader.line_num, cell, cut_off) from error
        if cells:
            yield Row(number, line, cells)
            number += 1
        line = reader.line_num + 1


def around(content: bytes, at: int) -> Row:
    """The row in which byte `at` stands, up to that byte, whose cell is the last."""
    row = Row(0, 1, [])
    # What stands before the byte, and one more letter, ends in the row and cell of the byte.
    for row in rows(content[:at] + b"x", strict=False):  # noqa: B007 - the last one is wanted
        pass
    return row


def _lines(content: bytes) -> io.TextIOWrapper:
    # Decoded as it is read: a large file stands in memory once, and not as wide characters.
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", errors="replace", newline="")


def _open_cell(raw: str) -> int | None:
    """The index of the cell in which a row without an end ends."""
    cells = next(csv.reader(io.StringIO(raw, newline="")), [])
    return len(cells) - 1 if cells else None


def _stray_cell(raw: str) -> int | None:
    """The index of the cell with a character behind a quote that must not follow one."""
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
