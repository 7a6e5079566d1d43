"""Finding complete checkpoints. A checkpoint without its mark may be incomplete, and is ignored."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from core.jobs import files

FOLDER = "checkpoints"
_MARK = "complete.json"


def mark_complete(checkpoint: Path, num_tokens: int) -> None:
    """Sync a checkpoint to disk, and mark it as complete.

    `num_tokens` is the number of tokens trained on by then, which TRL's trainers count but do not save.
    """
    files.sync(checkpoint)
    files.write_bytes(checkpoint / _MARK, json.dumps({"num_tokens": num_tokens}).encode())


def newest(attempts: Iterable[Path]) -> Path | None:
    """The complete checkpoint with the highest step in the attempts' folders; None if there is none."""
    found = [
        path
        for attempt in attempts
        for path in attempt.glob(f"{FOLDER}/checkpoint-*")
        if (path / _MARK).exists()
    ]
    return max(found, key=step, default=None)


def step(checkpoint: Path) -> int:
    """The optimiser step of a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def num_tokens(checkpoint: Path) -> int:
    """The number of tokens trained on up to a complete checkpoint."""
    return int(json.loads((checkpoint / _MARK).read_bytes())["num_tokens"])
