"""CSV files of synthetic dialogues, with changes."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from core.dialogues.table import Table
from tests.support.synthetic_dialogues import columns, synthetic_dialogues, synthetic_rows

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
