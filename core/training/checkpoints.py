"""Checkpoints that survive a kill: one without its mark was being written, and is passed over."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from core import files

FOLDER = "checkpoints"
_MARK = "complete"


def mark_complete(checkpoint: Path) -> None:
    """Say that everything of a checkpoint is written."""
    files.write_bytes(checkpoint / _MARK, b"")


def newest(attempts: Iterable[Path]) -> Path | None:
    """The complete checkpoint of the highest step in these attempts' folders, or None."""
    found = [
        path
        for attempt in attempts
        for path in attempt.glob(f"{FOLDER}/checkpoint-*")
        if (path / _MARK).exists()
    ]
    return max(found, key=step, default=None)


def step(checkpoint: Path) -> int:
    """The optimiser step of a checkpoint's folder."""
    return int(checkpoint.name.rpartition("-")[2])
