"""Reading a CSV file of rated dialogues, and reporting each problem with its row and column."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.dialogues import csv_rows
from core.dialogues.csv_rows import BrokenRow, Row
from core.dialogues.split import split_of
from core.domain.dialogues import HUMAN, Dialogue, RatedResponse, Rating
from core.domain.errors import UserError
from core.domain.names import is_plain

#: Maximum file size. The published file has 3.7 MB; a much larger one may not fit in memory.
MAX_BYTES = 100_000_000
#: The number of problems that the message shows, that are kept, and after which reading stops.
MAX_SHOWN = 20
MAX_KEPT = 1_000
MAX_PROBLEMS = 100_000

_REQUIRED = ("dialog_id", "emotion", "situation", "speaker_uttr")
_OPTIONAL = ("sentiment", "plutchik")
_RATINGS: dict[str, Rating] = {"1": 1, "2": 2, "3": 3, "1.0": 1, "2.0": 2, "3.0": 3}
#: Recipe names use this word for all sources together.
_RESERVED = "all_together"


@dataclass(frozen=True)
class Problem:
    """A problem in the file.

    `line` is the line in which the row starts, counted from 1, and `row` the row below the header, counted
    from 1. Both are None if the problem concerns the whole file.
    """

    line: int | None
    column: str | None
    message: str
    row: int | None = None

    def __str__(self) -> str:
        place = [] if self.line is None else [_place(self.row, self.line)]
        place += [] if self.column is None else [f"column {_plain(self.column)}"]
        return f"{', '.join(place)}: {self.message}" if place else self.message


class Problems:
    """The first problems, and the count of all problems."""

    def __init__(self) -> None:
        self.kept: list[Problem] = []
        self.count = 0

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(problem)


class TableError(UserError):
    """The file cannot be imported; the message lists the first problems and counts all.

    `problems` are the first `MAX_KEPT` problems; `count` is the number of all.
    """

    def __init__(self, path: Path, found: Problems) -> None:
        self.problems = tuple(found.kept)
        self.count = found.count
        prefix = "at least " if self.count >= MAX_PROBLEMS else ""
        count = f"{prefix}{self.count} problem{'s' if self.count != 1 else ''}"
        lines = [f"{path}: {count}; nothing was imported"]
        lines += [f"  {problem}" for problem in self.problems[:MAX_SHOWN]]
        if self.count > MAX_SHOWN:
            lines.append(f"  … and {self.count - MAX_SHOWN} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Table:
    """A file's dialogues, in its order and with their split.

    `sources` are the LLM sources. `ignored` are the unused columns. `sha256` is that of
    the file.
    """

    dialogues: tuple[Dialogue, ...]
    sources: tuple[str, ...]
    ignored: tuple[str, ...]
    sha256: str


def read_table(path: Path) -> Table:
    """Read and check a CSV file. Raises `UserError`, or `TableError` with the problems in it.

    Texts are kept unchanged, including leading and trailing white space.
    """
    content = _content(path)
    _check_encoding(path, content)
    found = csv_rows.rows(content)
    problems = Problems()
    try:
        header = next(found).cells
    except StopIteration:
        raise _error(path, Problem(None, None, "the file is empty")) from None
    except BrokenRow as broken:
        raise _error(path, _explain(broken, [])) from None
    names = _columns(header, problems)
    if problems.count:
        raise TableError(path, problems)
    dialogues = _dialogues(found, header, names, problems)
    if not dialogues and not problems.count:
        problems.add(Problem(None, None, "the file has a header, but no rows"))
    if problems.count:
        raise TableError(path, problems)
    used = {*_REQUIRED, *_OPTIONAL, *(f"{k}_{n}" for k in ("response", "rating") for n in names.values())}
    return Table(
        dialogues=tuple(dialogues),
        sources=tuple(source for source in names if source != HUMAN),
        ignored=tuple(column for column in header if column not in used),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def _dialogues(
    found: Iterator[Row], header: list[str], names: dict[str, str], problems: Problems
) -> list[Dialogue]:
    dialogues: list[Dialogue] = []
    first_seen: dict[str, tuple[int, int]] = {}
    while problems.count < MAX_PROBLEMS:
        try:
            row = next(found)
        except StopIteration:
            break
        except BrokenRow as broken:
            problems.add(_explain(broken, header))
            break
        for problem in _check(row, header, names, first_seen):
            problems.add(problem)
        if problems.count:
            dialogues.clear()
        else:
            dialogues.append(_dialogue(dict(zip(header, row.cells, strict=True)), names))
    return dialogues


def _content(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise UserError(f"{path} is a folder: name the CSV file in it")
        if not stat.S_ISREG(found.st_mode):
            raise UserError(f"{path} is not a regular file: save the data in one")
        if found.st_size > MAX_BYTES:
            raise UserError(
                f"{path} has {found.st_size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB. "
                "Is it the right file?"
            )
        with path.open("rb") as file:
            return file.read(MAX_BYTES)
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except PermissionError as error:
        raise UserError(f"{path} cannot be read: permission denied (try chmod u+r)") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _check_encoding(path: Path, content: bytes) -> None:
    if not content.strip():
        raise _error(path, Problem(None, None, "the file is empty"))
    if (at := content.find(b"\0")) >= 0:
        hint = f"byte {at} is NUL: this is not a text file, or it is UTF-16; save it as UTF-8"
        raise _error(path, _at_byte(content, at, hint))
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
        hint = f"byte {at} (0x{content[at]:02x}) is not UTF-8; save the file as UTF-8"
        raise _error(path, _at_byte(content, at, hint)) from error


def _at_byte(content: bytes, at: int, message: str) -> Problem:
    row = csv_rows.around(content, at)
    header = next(csv_rows.rows(content[:at], strict=False), row).cells if row.number else []
    column = header[len(row.cells) - 1] if len(row.cells) <= len(header) else None
    return Problem(row.line, column, message, row.number or None)


def _explain(broken: BrokenRow, header: list[str]) -> Problem:
    if broken.cut_off:
        message = "a quote is never closed: the file is truncated, or a quote is missing"
    else:
        message = (
            "a quote inside a quoted cell is not doubled, or the cell's closing quote is missing "
            f"(detected in line {broken.last_line})"
        )
    column = header[broken.cell] if broken.cell is not None and broken.cell < len(header) else None
    return Problem(broken.line, column, message, broken.number or None)


def _columns(header: list[str], problems: Problems) -> dict[str, str]:
    """Source → the suffix of its columns. Problems of the header are added to `problems`."""

    def add(column: str | None, message: str) -> None:
        problems.add(Problem(1, column, message))

    if len(header) == 1 and (other := next((c for c in ";\t|" if c in header[0]), None)):
        add(None, f"the cells are separated by {other!r}: save the file with commas")
        return {}
    for column in sorted({c for c in header if header.count(c) > 1}):
        add(column, "the column is duplicated")
    for column in _REQUIRED:
        if column not in header:
            add(column, "the column is missing")
    names: dict[str, str] = {}
    for column in dict.fromkeys(header):
        kind, _, name = column.partition("_")
        if kind not in ("response", "rating") or column == kind:
            continue
        partner = f"{'rating' if kind == 'response' else 'response'}_{name}"
        if partner not in header and partner != f"response_{HUMAN}":
            add(partner, f"the column is missing, but {_plain(column)} exists")
        if kind == "rating":
            continue
        source = name.removesuffix("_empathy")
        if not is_plain(source) or source == _RESERVED:
            add(column, "not a valid source name: use letters, digits, '.', '_' and '-'")
        elif source in names:
            add(column, f"response_{names[source]} names the same source")
        names.setdefault(source, name)
    if HUMAN not in names:
        add(f"response_{HUMAN}", "the column is missing")
    if not set(names) - {HUMAN}:
        add(None, "no column response_<source> of a language model")
    return names


def _check(
    row: Row, header: list[str], names: dict[str, str], first_seen: dict[str, tuple[int, int]]
) -> Iterator[Problem]:
    if len(row.cells) != len(header):
        message = f"{len(row.cells)} cells, but the header has {len(header)}"
        yield Problem(row.line, None, message, row.number)
        return
    cells = dict(zip(header, row.cells, strict=True))
    for column in (*_REQUIRED, *(f"response_{name}" for name in names.values())):
        if not cells[column].strip():
            yield Problem(row.line, column, "empty", row.number)
    for name in names.values():
        rating = cells[f"rating_{name}"]
        if rating.strip() not in _RATINGS:
            message = f"{_short(rating)} is not a rating: 1, 2 or 3"
            yield Problem(row.line, f"rating_{name}", message, row.number)
    dialog_id = cells["dialog_id"]
    here = (row.number, row.line)
    if dialog_id.strip() and (first := first_seen.setdefault(dialog_id, here)) is not here:
        message = f"{_short(dialog_id)} is already used in {_place(*first)}"
        yield Problem(row.line, "dialog_id", message, row.number)


def _dialogue(row: dict[str, str], names: dict[str, str]) -> Dialogue:
    responses = {
        source: RatedResponse(row[f"response_{name}"], _RATINGS[row[f"rating_{name}"].strip()])
        for source, name in names.items()
    }
    return Dialogue(
        dialog_id=row["dialog_id"],
        emotion=row["emotion"].strip(),
        sentiment=row.get("sentiment", "").strip(),
        plutchik=row.get("plutchik", "").strip(),
        situation=row["situation"],
        utterance=row["speaker_uttr"],
        split=split_of(response.rating for response in responses.values()),
        responses=responses,
    )


def _error(path: Path, problem: Problem) -> TableError:
    problems = Problems()
    problems.add(problem)
    return TableError(path, problems)


def _place(row: int | None, line: int) -> str:
    return f"line {line}" if row is None else f"row {row} (line {line})"


def _plain(column: str) -> str:
    """A column's name, escaped unless it is short and printable."""
    return column if column.isprintable() and 0 < len(column) <= 60 else _short(column)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
