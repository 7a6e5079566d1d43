"""Reading a CSV file of rated dialogues, and reporting each problem with its row and column."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from core.dialogues import csv_columns, csv_encoding, csv_rows, suspicious_text
from core.dialogues.csv_columns import Columns
from core.dialogues.csv_file import CsvFile, Progress, TextCheck
from core.dialogues.csv_problems import (
    MAX_PROBLEMS,
    Problem,
    Problems,
    SuspiciousError,
    TableError,
    place_of,
    short,
)
from core.dialogues.csv_rows import BrokenRow, Dialect, Row
from core.dialogues.split import split_of
from core.dialogues.spool import DialogueSpool
from core.dialogues.suspicious_text import is_blank, without_unseen_ends
from core.domain.dialogues import GOOD, HUMAN, Dialogue, RatedResponse, Rating
from core.domain.errors import UserError
from core.domain.findings import Finding, LeftOutKind, SuspiciousKind

#: Bytes of a file by which its format is recognized.
_BEGIN_BYTES = 1_000
#: Maximum characters of a dialogue's id.
MAX_ID = 200
#: Rows in which the header is looked for if the first has no known name.
_FIRST_ROWS = 20
_RATINGS: dict[str, Rating] = {"1": 1, "2": 2, "3": 3}
#: Spreadsheets write a whole number as 3, 3.0 or 3,0.
_RATING = re.compile(r"([123])(?:[.,]0+)?", re.ASCII)


@dataclass(frozen=True)
class Table:
    """A file's dialogues, in its order and with their split; they are on disk.

    `sources` are the LLM sources that have a response, `ignored` the unused columns with a name, and `sha256`
    is that of the file. `delimiter` separates its cells. `blank_rows` and `blank_columns` were skipped.

    `suspicious` are texts that a person probably did not write, by kind. `left_out` are responses without a
    text or a valid rating, by kind and source; they are not in the dialogues. `undecided` is how many
    dialogues are in the test split only because such responses are left out: with the rating 3 they would be
    train dialogues.
    """

    dialogues: Sequence[Dialogue]
    sources: tuple[str, ...]
    ignored: tuple[str, ...]
    sha256: str
    delimiter: str
    blank_rows: int
    blank_columns: int
    suspicious: tuple[Finding, ...]
    left_out: tuple[Finding, ...]
    undecided: int


class _Findings:
    """Counts what is found, by kind, and for responses that are left out by source."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Finding, int]] = {}

    def add(self, kind: SuspiciousKind | LeftOutKind, row: Row, column: str, text: str, of: str = "") -> None:
        first, count = self._found.get((kind, of), (None, 0))
        if first is None:
            first = Finding(kind, 1, row.number, row.line, column, text)
        self._found[kind, of] = first, count + 1

    def listed(self) -> tuple[Finding, ...]:
        return tuple(
            Finding(first.kind, count, first.row, first.line, first.column, first.text)
            for first, count in self._found.values()
        )


def read_table(path: Path, *, strict: bool = False, progress: Progress | None = None) -> Table:
    """Read and check a CSV file. Raises `UserError`, or `TableError` with the problems in it.

    Texts are kept unchanged, including leading and trailing white space. With `strict`, suspicious texts and
    responses that would be left out raise `SuspiciousError`. The memory that it takes does not depend on the
    size of the file.
    """
    with _opened(path) as file:
        before = os.fstat(file.fileno())
        with _as_utf8(path, file) as converted:
            dialect = csv_rows.dialect_of(converted, csv_columns.known_names)
            _check_encoding(path, converted, dialect)
            file.seek(0)
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            table = _read(path, converted, dialect, sha256, strict, progress)
        after = os.fstat(file.fileno())
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UserError(f"{path} was changed while it was read: import it once it is complete")
    return table


def _read(
    path: Path, file: CsvFile, dialect: Dialect, sha256: str, strict: bool, progress: Progress | None
) -> Table:
    found = csv_rows.rows(file, dialect, progress=progress)
    problems = Problems()
    try:
        header = next(found)
        while all(map(is_blank, header.cells)):
            header = next(found)
    except StopIteration:
        raise _error(path, Problem(None, None, "the file is empty")) from None
    except BrokenRow as broken:
        raise _error(path, _explain(broken, ())) from None
    if not csv_columns.may_be_header(header.cells):
        raise _wrong_header(path, file, dialect, header)
    columns = csv_columns.read_columns(header.cells, header.line, problems)
    if problems.count:
        raise TableError(path, problems, csv_columns.found_columns(header.cells))
    reading = _Reading(header, columns, dialect, problems)
    reading.read(found)
    if not reading.dialogues and not problems.count:
        problems.add(Problem(None, None, "the file has a header, but no rows"))
    sources = tuple(source for source in columns.responses if source in reading.with_response)
    if not problems.count and (HUMAN not in sources or len(sources) < 2):
        problems.add(_without_responses(reading, "a person" if HUMAN not in sources else "a language model"))
    if problems.count:
        raise TableError(path, problems)
    suspicious, left_out = reading.suspicious.listed(), reading.left_out.listed()
    if strict and (suspicious or left_out):
        raise SuspiciousError(path, (*suspicious, *left_out))
    used = columns.used
    return Table(
        dialogues=reading.dialogues,
        sources=tuple(source for source in sources if source != HUMAN),
        ignored=tuple(
            name or f"(column {number})"
            for number, name in enumerate(columns.names, 1)
            if number - 1 not in used and (name or number - 1 in reading.filled)
        ),
        sha256=sha256,
        delimiter=dialect.delimiter,
        blank_rows=reading.blank_rows,
        blank_columns=sum(
            not name and number not in reading.filled for number, name in enumerate(columns.names)
        ),
        suspicious=suspicious,
        left_out=left_out,
        undecided=reading.undecided,
    )


def _without_responses(reading: _Reading, of: str) -> Problem:
    """The problem that no response of a person, or of a model, is left; with the first that is left out."""
    example = next((f"; {finding.place}: {short(finding.text)}" for finding in reading.left_out.listed()), "")
    return Problem(None, None, f"no row has a response of {of} with a valid rating (1, 2 or 3){example}")


class _Reading:
    """The rows below the header, turned into dialogues. `filled` are the nameless columns with a text."""

    def __init__(self, header: Row, columns: Columns, dialect: Dialect, problems: Problems) -> None:
        self.dialogues = DialogueSpool()
        self.with_response: set[str] = set()
        self.filled: set[int] = set()
        self.suspicious, self.left_out = _Findings(), _Findings()
        # Rows above the header are blank.
        self.blank_rows, self.undecided = header.number, 0
        self._header, self._columns, self._problems = header, columns, problems
        self._delimiter = dialect.delimiter
        self._nameless = [number for number, name in enumerate(columns.names) if not name]

    def read(self, found: Iterator[Row]) -> None:
        """Read all rows, or as many as there may be problems."""
        while self._problems.count < MAX_PROBLEMS:
            try:
                row = next(found)
            except StopIteration:
                break
            except BrokenRow as broken:
                broken.number -= self._header.number
                self._problems.add(_explain(broken, self._columns.names))
                break
            row = Row(row.number - self._header.number, row.line, row.cells)
            if all(map(is_blank, row.cells)):
                self.blank_rows += 1
                continue
            count = self._problems.count
            self._check(row)
            if self._problems.count == count:
                self._add(row)

    def _check(self, row: Row) -> None:
        def add(column: str | None, message: str) -> None:
            self._problems.add(Problem(row.line, column, message, row.number))

        cells, width = row.cells, len(self._columns.names)
        while len(cells) > width and is_blank(cells[-1]):
            cells.pop()
        if len(cells) < width and all(i in self._nameless for i in range(len(cells), width)):
            cells += [""] * (width - len(cells))
        if len(cells) != width:
            remedy = "is a text with a line break or a delimiter in it not quoted?"
            add(None, f"{len(cells)} cells, but the header has {width}: {remedy}")
            return
        self.filled.update(i for i in self._nameless if not is_blank(cells[i]))
        if all(
            csv_columns.clean(cell) == name for cell, name in zip(cells, self._columns.names, strict=True)
        ):
            add(None, "the header is repeated here: delete this row")
            return
        for column in csv_columns.REQUIRED:
            if not cells[self._columns.fields[column]].strip():
                add(column, "empty")
        dialog_id, here = cells[self._columns.fields["dialog_id"]], (row.number, row.line)
        if len(dialog_id) > MAX_ID:
            add("dialog_id", f"{len(dialog_id)} characters; the limit is {MAX_ID}. Is it the right column?")
        if dialog_id.strip() and (first := self.dialogues.first_use(dialog_id, *here)) != here:
            add("dialog_id", f"{short(dialog_id)} is already used in {place_of(*first)}")

    def _add(self, row: Row) -> None:
        fields = {column: row.cells[at] for column, at in self._columns.fields.items()}
        responses, left_out = {}, 0
        for source, (at, rating_at) in self._columns.responses.items():
            text, rating = row.cells[at], _RATING.fullmatch(without_unseen_ends(row.cells[rating_at]))
            if text.strip() and rating is not None:
                responses[source] = RatedResponse(text, _RATINGS[rating[1]])
                self._look(row, self._columns.names[at], text)
                continue
            left_out += 1
            column = self._columns.names[at if not text.strip() else rating_at]
            given = row.cells[rating_at]
            if not text.strip():
                self.left_out.add("empty_response", row, column, text, source)
            elif is_blank(given):
                self.left_out.add("missing_rating", row, column, given, source)
            else:
                excerpt = suspicious_text.excerpt(given)
                self.left_out.add("invalid_rating", row, column, excerpt, source)
        self.with_response.update(responses)
        for column, text in fields.items():
            if text:
                self._look(row, column, text)
        self._look_at_id(row, fields["dialog_id"])
        split = split_of(response.rating for response in responses.values())
        good = sum(response.rating == GOOD for response in responses.values())
        if split == "test" and split_of([GOOD] * (good + left_out)) == "train":
            self.undecided += 1
        if self._problems.count:
            return
        self.dialogues.add(
            Dialogue(
                dialog_id=fields["dialog_id"],
                emotion=fields["emotion"].strip(),
                sentiment=fields.get("sentiment", "").strip(),
                plutchik=fields.get("plutchik", "").strip(),
                situation=fields["situation"],
                utterance=fields["speaker_uttr"],
                split=split,
                responses=responses,
            )
        )

    def _look(self, row: Row, column: str, text: str) -> None:
        for kind, part in suspicious_text.find(text):
            self.suspicious.add(kind, row, column, part)
        if len(text) > len(self._columns.names) and "\n" in text.replace("\r", "\n"):
            # A quote that is closed rows later makes them part of this cell.
            delimiters = len(self._columns.names) - 1
            joined = (line for line in text.splitlines() if line.count(self._delimiter) >= delimiters)
            if (line := next(joined, None)) is not None:
                self.suspicious.add("joined_rows", row, column, suspicious_text.excerpt(line))

    def _look_at_id(self, row: Row, dialog_id: str) -> None:
        key = suspicious_text.id_key(dialog_id)
        if self.dialogues.first_id(key, dialog_id) != dialog_id:
            self.suspicious.add("similar_id", row, "dialog_id", suspicious_text.excerpt(dialog_id))
        if suspicious_text.is_rounded_id(dialog_id):
            self.suspicious.add("rounded_id", row, "dialog_id", dialog_id)


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f"{path} is a folder: name the CSV file in it")
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path} is not a regular file: save the data in one")
        with path.open("rb") as file:
            yield file
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except PermissionError as error:
        raise UserError(f"{path} cannot be read: permission denied (try chmod u+r)") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


@contextmanager
def _as_utf8(path: Path, file: BufferedReader) -> Iterator[CsvFile]:
    if (message := csv_encoding.other_format(CsvFile(file).begin(_BEGIN_BYTES))) is not None:
        raise _error(path, Problem(None, None, message))
    try:
        with csv_encoding.in_utf8(file) as converted:
            yield CsvFile(converted)
    except csv_encoding.UndecodableError as error:
        hint = f"byte {error.byte} is not valid {error.encoding.upper()}; save the file as UTF-8"
        raise _error(path, Problem(None, None, hint)) from error


def _wrong_header(path: Path, file: CsvFile, dialect: Dialect, header: Row) -> TableError:
    """The error for a header without a known name: with the line of the real one if there is one."""
    problems = Problems()
    line = csv_rows.line_of_header(file, csv_columns.known_names, _FIRST_ROWS)
    if line is not None:
        message = f"this is not the header, which is in line {line}: delete the lines above it"
    else:
        names = ", ".join((*csv_columns.REQUIRED, f"response_{HUMAN}"))
        message = (
            f"no known column ({names}, …): is this the header, and is {dialect.delimiter!r} the delimiter?"
        )
    problems.add(Problem(header.line, None, message))
    return TableError(path, problems, csv_columns.found_columns(header.cells))


def _check_encoding(path: Path, file: CsvFile, dialect: Dialect) -> None:
    check = TextCheck()
    for chunk in file.chunks():
        check.add(chunk)
        if check.first_nul is not None:
            break
    else:
        check.add(b"", final=True)
    if check.is_blank:
        raise _error(path, Problem(None, None, "the file is empty"))
    if (at := check.first_nul) is not None:
        # A text in UTF-16 has NUL in every second byte.
        is_text = check.nuls * 10 < check.size
        hint = "delete it" if is_text else "this is not a text file, or it is UTF-16; save it as UTF-8"
        raise _error(path, _at_byte(file, at, f"byte {at} is NUL: {hint}", dialect))
    if check.not_utf8 is not None:
        at, byte = check.not_utf8
        hint = f"byte {at} (0x{byte:02x}) is not UTF-8; save the file as UTF-8 (in Excel: “CSV UTF-8”)"
        raise _error(path, _at_byte(file, at, hint, dialect))


def _at_byte(file: CsvFile, at: int, message: str, dialect: Dialect) -> Problem:
    try:
        row = csv_rows.around(file, at, dialect)
    except BrokenRow as broken:
        return Problem(broken.line, None, message, broken.number or None)
    header = next(csv_rows.rows(file, dialect, strict=False, end=at), row).cells if row.number else []
    column = header[len(row.cells) - 1] if len(row.cells) <= len(header) else None
    return Problem(row.line, column, message, row.number or None)


def _explain(broken: BrokenRow, header: Sequence[str]) -> Problem:
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
    return Problem(broken.line, column, message, broken.number or None)


def _error(path: Path, problem: Problem) -> TableError:
    problems = Problems()
    problems.add(problem)
    return TableError(path, problems)
