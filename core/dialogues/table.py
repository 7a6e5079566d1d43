"""Reading a CSV of rated dialogues, with every problem in it found and placed."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.dialogues.records import HUMAN, Dialogue, Rated
from core.dialogues.split import split_of
from core.errors import UserError

#: The published file has 3.7 MB; far larger ones are something else.
MAX_BYTES = 100_000_000
SHOWN = 20

_REQUIRED = ("dialog_id", "emotion", "situation", "speaker_uttr")
_OPTIONAL = ("sentiment", "plutchik")
_RATINGS = {"1": 1, "2": 2, "3": 3, "1.0": 1, "2.0": 2, "3.0": 3}


@dataclass(frozen=True)
class Problem:
    """Something wrong in the file: `line` counts from 1 as an editor does, None for the whole file."""

    line: int | None
    column: str | None
    message: str

    def __str__(self) -> str:
        place = [] if self.line is None else [f"line {self.line}"]
        place += [] if self.column is None else [f"column {self.column}"]
        return f"{', '.join(place)}: {self.message}" if place else self.message


class TableError(UserError):
    """The file cannot be imported; the message lists the first problems and counts all."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = [f"{path}: {count} problem{'s' if count != 1 else ''}; nothing was imported"]
        lines += [f"  {problem}" for problem in self.problems[:SHOWN]]
        if count > SHOWN:
            lines.append(f"  … and {count - SHOWN} more")
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Table:
    """A file's dialogues, in its order and with their split.

    `sources` are the LLM sources. `ignored` are the columns that nothing here needs. `sha256` is
    the file's.
    """

    dialogues: tuple[Dialogue, ...]
    sources: tuple[str, ...]
    ignored: tuple[str, ...]
    sha256: str


def read_table(path: Path) -> Table:
    """Read and check a CSV. Raises `UserError`, or `TableError` with all that is wrong in it.

    Texts are kept to the letter, outer white space included: they are other people's data.
    """
    content = _content(path)
    text = _decoded(path, content)
    rows = _rows(text)
    try:
        _, header = next(rows)
    except StopIteration:
        raise TableError(path, [Problem(None, None, "the file is empty")]) from None
    except csv.Error as error:
        raise TableError(path, [Problem(1, None, _csv_message(error))]) from error
    names, problems = _columns(header)
    if problems:
        raise TableError(path, problems)
    return _read(path, header, names, rows, hashlib.sha256(content).hexdigest())


def _read(
    path: Path, header: list[str], names: dict[str, str], rows: Iterator[tuple[int, list[str]]], sha256: str
) -> Table:
    problems: list[Problem] = []
    dialogues: list[Dialogue] = []
    first_seen: dict[str, int] = {}
    line = 1
    while True:
        try:
            line, cells = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            problems.append(Problem(line + 1, None, f"behind line {line}: {_csv_message(error)}"))
            break
        if len(cells) != len(header):
            problems.append(Problem(line, None, f"{len(cells)} cells, where the header has {len(header)}"))
            continue
        row = dict(zip(header, cells, strict=True))
        found = list(_check(line, row, names))
        dialog_id = row["dialog_id"]
        if dialog_id.strip() and first_seen.setdefault(dialog_id, line) != line:
            where = first_seen[dialog_id]
            found.append(Problem(line, "dialog_id", f"{_short(dialog_id)} stands in line {where} already"))
        problems += found
        if not found:
            dialogues.append(_dialogue(row, names))
    if not dialogues and not problems:
        problems.append(Problem(None, None, "there is a header and no row below it"))
    if problems:
        raise TableError(path, problems)
    used = {*_REQUIRED, *_OPTIONAL, *(f"{k}_{n}" for k in ("response", "rating") for n in names.values())}
    return Table(
        dialogues=tuple(dialogues),
        sources=tuple(source for source in names if source != HUMAN),
        ignored=tuple(column for column in header if column not in used),
        sha256=sha256,
    )


def _content(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise UserError(f"{path} is a folder: name the CSV file in it")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise UserError(
                f"{path} has {size / 1e6:.0f} MB; files over {MAX_BYTES / 1e6:.0f} MB are not read. "
                "Is it the right file?"
            )
        return path.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{path} does not exist") from error
    except PermissionError as error:
        raise UserError(f"{path} may not be read: give yourself permission (chmod u+r)") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error


def _decoded(path: Path, content: bytes) -> str:
    if not content.strip():
        raise TableError(path, [Problem(None, None, "the file is empty")])
    if (nul := content.find(b"\0")) >= 0:
        line = content.count(b"\n", 0, nul) + 1
        hint = "a NUL byte: this is not a text file, or it is UTF-16; save it as UTF-8"
        raise TableError(path, [Problem(line, None, hint)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        hint = f"byte {error.start} (0x{byte:02x}) is not UTF-8; save the file as UTF-8"
        raise TableError(path, [Problem(line, None, hint)]) from error


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line where the row starts, its cells), without blank lines."""
    # The longest cell is bounded by the file, whose size is.
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    start = 1
    for cells in reader:
        if cells:
            yield start, cells
        start = reader.line_num + 1


def _columns(header: list[str]) -> tuple[dict[str, str], list[Problem]]:
    """Source → the name that its columns end with; and what is wrong with the header."""
    problems = [
        Problem(1, column, "the column is there twice")
        for column in sorted({c for c in header if header.count(c) > 1})
    ]
    problems += [Problem(1, column, "the column is missing") for column in _REQUIRED if column not in header]
    names: dict[str, str] = {}
    for column in header:
        if not column.startswith("response_"):
            continue
        name = column.removeprefix("response_")
        source = name.removesuffix("_empathy")
        if f"rating_{name}" not in header:
            problems.append(Problem(1, f"rating_{name}", f"the column is missing, and {column} is there"))
        if not source or source in names:
            problems.append(Problem(1, column, "two columns name the same source"))
        names[source] = name
    if HUMAN not in names:
        problems.append(Problem(1, "response_human", "the column is missing"))
    if not set(names) - {HUMAN}:
        problems.append(Problem(1, None, "no column response_<source> of a language model"))
    return names, problems


def _check(line: int, row: dict[str, str], names: dict[str, str]) -> Iterator[Problem]:
    texts = [*_REQUIRED, *(f"response_{name}" for name in names.values())]
    for column in texts:
        if not row[column].strip():
            yield Problem(line, column, "empty")
    for name in names.values():
        rating = row[f"rating_{name}"]
        if rating.strip() not in _RATINGS:
            yield Problem(line, f"rating_{name}", f"{_short(rating)} is not a rating: 1, 2 or 3")


def _dialogue(row: dict[str, str], names: dict[str, str]) -> Dialogue:
    responses = {
        source: Rated(row[f"response_{name}"], _RATINGS[row[f"rating_{name}"].strip()])
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


def _csv_message(error: csv.Error) -> str:
    if "unexpected end of data" in str(error):
        return "a quote is opened and never closed: the file is cut off, or a quote is missing"
    return str(error)


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
