"""The problems of a file, each with its row and column, and the errors that list them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.domain.data.findings import Finding, column_words
from core.domain.errors import UserError

#: The number of problems that the message shows, that are kept, and after which reading stops.
MAX_SHOWN = 20
MAX_KEPT = 1_000
MAX_PROBLEMS = 100_000


@dataclass(frozen=True)
class FileProblem:
    """A problem in the file."""

    line: int | None
    """The line in which the row starts, counted from 1, or 0 in formats without lines; None if the problem
    concerns the whole file."""
    column: str | None
    """The column's name; None if the problem concerns no single column."""
    message: str
    """What is wrong."""
    row: int | None = None
    """The row below the header, counted from 1; None if the problem concerns the whole file."""

    def __str__(self) -> str:
        place = [] if self.line is None else [place_of(self.row, self.line)]
        place += [] if self.column is None else [column_words(plain(self.column))]
        return f"{', '.join(place)}: {self.message}" if place else self.message


class Problems:
    """The first problems, and the count of all problems."""

    def __init__(self) -> None:
        self.kept: list[FileProblem] = []
        self.count = 0

    def add(self, problem: FileProblem) -> None:
        self.count += 1
        if len(self.kept) < MAX_KEPT:
            self.kept.append(problem)


class TableError(UserError):
    """The file, or data set, `path` cannot be imported; the message lists the first problems and counts all.

    `problems` are the first `MAX_KEPT` problems; `count` is the number of all. `note` is the message's last
    line, if it is not empty.
    """

    def __init__(self, path: object, found: Problems, note: str = "") -> None:
        self.problems = tuple(found.kept)
        self.count = found.count
        prefix = "at least " if self.count >= MAX_PROBLEMS else ""
        count = f"{prefix}{self.count} problem{'s' if self.count != 1 else ''}"
        lines = [f"{path}: {count}; nothing was imported"]
        lines += [f"  {problem}" for problem in self.problems[:MAX_SHOWN]]
        if self.count > MAX_SHOWN:
            lines.append(f"  … and {self.count - MAX_SHOWN} more")
        super().__init__("\n".join((*lines, note) if note else lines))


class SuspiciousError(UserError):
    """The file has suspicious texts or incomplete responses, and the import is strict."""

    def __init__(self, path: object, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        total = sum(finding.count for finding in findings)
        lines = [f"{path}: {total} suspicious or incomplete cells; nothing was imported, because of --strict"]
        lines += [f"  {finding}" for finding in findings]
        super().__init__("\n".join(lines))


def place_of(row: int | None, line: int) -> str:
    if row is None:
        return f"line {line}" if line else "the header"
    return f"row {row} (line {line})" if line else f"row {row}"


def plain(column: str) -> str:
    """A column's name, escaped unless it is short and printable."""
    return column if column.isprintable() and 0 < len(column) <= 60 else short(column)


def short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
