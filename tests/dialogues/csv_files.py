"""CSV files of synthetic dialogues, with changes, and what is wrong in a file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.dialogues.importing.table import Table, read_table
from core.dialogues.problems import MAX_SHOWN, FileProblem, TableError
from tests.support.records.synthetic_dialogues import columns, synthetic_dialogues, synthetic_rows

SOURCES = ("chatgpt", "llama")
HEADER = columns(SOURCES)


def write(
    path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER, delimiter: str = ","
) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows((header, *rows))
    return path


def cells(**changes: str) -> list[list[str]]:
    """The cells of eight rows; `changes` are those of the second row."""
    rows = synthetic_rows(8, sources=SOURCES)
    rows[1] |= changes
    return [list(row.values()) for row in rows]


def same_dialogues(read: Table) -> bool:
    return list(read.dialogues) == synthetic_dialogues(8, sources=SOURCES)


def kinds(read: Table) -> dict[str, int]:
    return {finding.kind: finding.count for finding in read.suspicious}


def simple_lines(rows: int) -> list[str]:
    """A header of eight columns, and rows without quotes."""
    header = "dialog_id,emotion,situation,speaker_uttr,response_human,rating_human,response_a,rating_a"
    return [header, *(f"id{n},emotion{n},situation,utterance,human,3,other,2" for n in range(1, rows + 1))]


def problems_of(path: Path) -> tuple[FileProblem, ...]:
    with pytest.raises(TableError) as caught:
        read_table(path)
    for problem in caught.value.problems[:MAX_SHOWN]:
        assert str(problem) in str(caught.value)
    assert str(path) in str(caught.value)
    return caught.value.problems


def places_of(path: Path) -> list[tuple[int | None, int | None, str | None]]:
    return [(problem.row, problem.line, problem.column) for problem in problems_of(path)]
