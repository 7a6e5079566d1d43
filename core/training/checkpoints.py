"""Checkpoints that survive a kill: one without its mark was being written, and is passed over."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from core.jobs import files

FOLDER = "checkpoints"
_MARK = "complete.json"


def mark_complete(checkpoint: Path, num_tokens: int) -> None:
    """Say that all of a checkpoint is written, once it is on disk.

    `num_tokens` is how many tokens were trained on until then: TRL's trainers count them, and do
    not save the count.
    """
    files.sync(checkpoint)
    files.write_bytes(checkpoint / _MARK, json.dumps({"num_tokens": num_tokens}).encode())


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


def num_tokens(checkpoint: Path) -> int:
    """The tokens that were trained on until a complete checkpoint."""
    return int(json.loads((checkpoint / _MARK).read_bytes())["num_tokens"])
