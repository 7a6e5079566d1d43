"""Rows of a CSV file, whatever its delimiter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from core.dialogues.problems import FileProblem
from core.dialogues.sources import csv_rows
from core.dialogues.sources.csv_file import CsvFile, TextCheck
from core.dialogues.sources.csv_rows import BrokenRow, Dialect
from core.dialogues.sources.reader_protocol import Format, InvalidSourceError, ProgressCallback, Row
from core.dialogues.suspicious_text import is_blank

#: Rows in which the header is looked for if the first has no known name.
_FIRST_ROWS = 20


class CsvSource:
    """A CSV in UTF-8 whose delimiter is the one that gives most of the names that `known_names` counts."""

    def __init__(self, file: CsvFile, written: Format, known_names: Callable[[list[str]], int]) -> None:
        self._file = file
        self._dialect = csv_rows.dialect_of(file, known_names)
        self.format = replace(written, delimiter=self._dialect.delimiter)
        _check_encoding(file, self._dialect)
        self.header = self._read_header()

    def _read_header(self) -> Row:
        try:
            for row in csv_rows.rows(self._file, self._dialect):
                if not all(map(is_blank, row.cells)):
                    return row
        except BrokenRow as broken:
            raise InvalidSourceError(_explain(broken, ())) from None
        raise InvalidSourceError(FileProblem(None, None, "the file is empty"))

    def rows(self, progress: ProgressCallback | None) -> Iterator[Row]:
        """The rows below the header; see `RowSource`."""
        above = self.header.number
        try:
            for row in csv_rows.rows(self._file, self._dialect, progress=progress):
                if row.number > above:
                    yield Row(row.number - above, row.line, row.cells)
        except BrokenRow as broken:
            broken.number -= above
            raise InvalidSourceError(_explain(broken, self.header.cells)) from None

    def better_header(self, known_names: Callable[[list[str]], int]) -> int | None:
        """The line of the real header if it is below; see `RowSource`."""
        return csv_rows.line_of_header(self._file, known_names, _FIRST_ROWS)


def _check_encoding(file: CsvFile, dialect: Dialect) -> None:
    check = TextCheck()
    for chunk in file.chunks():
        check.add(chunk)
        if check.first_nul is not None:
            break
    else:
        check.add(b"", final=True)
    if check.is_blank:
        raise InvalidSourceError(FileProblem(None, None, "the file is empty"))
    if (at := check.first_nul) is not None:
        # A text in UTF-16 has NUL in every second byte.
        is_text = check.nuls * 10 < check.size
        hint = "delete it" if is_text else "this is not a text file, or it is UTF-16; save it as UTF-8"
        raise InvalidSourceError(_at_byte(file, at, f"byte {at} is NUL: {hint}", dialect))
    if check.not_utf8 is not None:
        at, byte = check.not_utf8
        hint = (
            f"byte {at} (0x{byte:02x}) is not UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”), or name "
            "its encoding (--encoding)"
        )
        raise InvalidSourceError(_at_byte(file, at, hint, dialect))


def _at_byte(file: CsvFile, at: int, message: str, dialect: Dialect) -> FileProblem:
    try:
        row = csv_rows.around(file, at, dialect)
    except BrokenRow as broken:
        return FileProblem(broken.line, None, message, broken.number or None)
    header = next(csv_rows.rows(file, dialect, strict=False, end=at), row).cells if row.number else []
    column = header[len(row.cells) - 1] if len(row.cells) <= len(header) else None
    return FileProblem(row.line, column, message, row.number or None)


def _explain(broken: BrokenRow, header: Sequence[str]) -> FileProblem:
    match broken.kind:
        case "cut off":
            message = "a quote is never closed: the file is truncated, or a quote is missing"
        case "too long":
            message = f"a cell has more than {csv_rows.MAX_CELL:,} characters: is a quote missing?"
        case "stray quote":
            message = (
                "a quote inside a quoted cell is not doubled, or the cell's closing quote is missing "
                f"(detected in line {broken.last_line})"
            )
    column = header[broken.cell] if broken.cell is not None and broken.cell < len(header) else None
    return FileProblem(broken.line, column, message, broken.number or None)
