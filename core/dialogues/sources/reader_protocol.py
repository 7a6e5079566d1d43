"""What every reader of a file offers: how the file is written, its header, and its rows as text cells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

from core.dialogues.problems import FileProblem

ProgressCallback = Callable[[int, int], None]
"""Called with what is done and the size of all, in bytes or in rows."""
ReadingPhase = Literal["read", "compare"]
"""An import reads all rows, then compares train dialogues with test dialogues."""
ReadingProgress = Callable[[ReadingPhase, int, int], None]
"""Called with the phase, and as `ProgressCallback`."""


@dataclass(frozen=True)
class Row:
    """One row of a source."""

    number: int
    """Counts the rows; the header is 0."""
    line: int
    """The line in which it starts, counted from 1; 0 in formats without lines."""
    cells: list[str]
    """The text of each cell."""


@dataclass(frozen=True)
class Format:
    """How a file is written."""

    name: str
    """`CSV`, `JSON Lines`, `JSON` or `Parquet`."""
    compression: str | None = None
    """How the file is compressed; None if it is not."""
    encoding: str | None = None
    """The encoding of the text; None for a binary format."""
    delimiter: str | None = None
    """What separates the cells of a CSV; None for other formats."""


class RowSource(Protocol):
    """A file, or a data set on the Hub, that is read in parts: it may be larger than the memory."""

    format: Format
    header: Row
    """The names of the columns; its number is how many blank rows are above it."""

    def rows(self, progress: ProgressCallback | None) -> Iterator[Row]:
        """The rows below the header, counted from 1. Raises `InvalidSourceError`."""
        ...

    def better_header(self, known_names: Callable[[list[str]], int]) -> int | None:
        """The line of a row that has more of the known names than the header; None if there is none."""
        ...


class InvalidSourceError(Exception):
    """What is wrong with a file, and where: reading cannot go on."""

    def __init__(self, problem: FileProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem
