"""Finding complete checkpoints.

One without its mark may be incomplete, and is ignored; one whose files are not those that were marked is
damaged, and is left.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path

import msgspec

from core.domain.paths import is_inside
from core.jobs import files

FOLDER = "checkpoints"
_MARK = "complete.json"
_STATE = "trainer_state.json"


class _Mark(msgspec.Struct, frozen=True):
    """What complete.json says of a checkpoint."""

    num_tokens: int
    """Tokens trained on by then, which TRL's trainers count but do not save."""
    files: dict[str, str] | None = None
    """Name in the checkpoint → SHA-256; None in marks of versions that did not write them."""


def mark_complete(checkpoint: Path, num_tokens: int) -> None:
    """Sync a checkpoint to disk, and mark it as complete, with the hashes of its files.

    `num_tokens` is the number of tokens trained on by then.
    """
    files.sync(checkpoint)
    hashes = {
        path.relative_to(checkpoint).as_posix(): files.sha256(path)
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != _MARK
    }
    files.write_bytes(checkpoint / _MARK, msgspec.json.encode(_Mark(num_tokens, hashes)))


def newest(
    attempts: Iterable[Path],
    report: Callable[[str], None] = lambda text: None,
    *,
    keeps_best: bool = False,
) -> Path | None:
    """The sound checkpoint with the highest step in the attempts' folders; None if there is none.

    Where the run `keeps_best` weights instead of the last ones, a checkpoint is sound only if that of the
    best weights by then is. `report` is called, in words, for each newer one that is damaged.
    """
    folders = tuple(attempts)
    for checkpoint in sorted(chain.from_iterable(map(complete, folders)), key=step, reverse=True):
        damage = _damage(checkpoint) or (_lost_best(checkpoint, folders) if keeps_best else None)
        if damage is None:
            return checkpoint
        report(f"the checkpoint at step {step(checkpoint)} is damaged, and is not used: {damage}")
    return None


def complete(attempt: Path) -> list[Path]:
    """The checkpoints in an attempt's folder that are marked as complete."""
    return [
        path
        for path in attempt.glob(f"{FOLDER}/checkpoint-*")
        if path.name.rpartition("-")[2].isdecimal() and (path / _MARK).exists()
    ]


def of_step(attempts: Iterable[Path], wanted: int) -> Path | None:
    """A sound checkpoint of a step in the attempts' folders; None if there is none."""
    found = chain.from_iterable(map(complete, attempts))
    return next((path for path in found if step(path) == wanted and _damage(path) is None), None)


def step(checkpoint: Path) -> int:
    """The optimiser step of a checkpoint."""
    return int(checkpoint.name.rpartition("-")[2])


def num_tokens(checkpoint: Path) -> int:
    """The number of tokens trained on up to a sound checkpoint."""
    return _read(checkpoint).num_tokens


def _read(checkpoint: Path) -> _Mark:
    return msgspec.json.decode((checkpoint / _MARK).read_bytes(), type=_Mark)


def _lost_best(checkpoint: Path, attempts: Iterable[Path]) -> str | None:
    """Why the weights that training would keep if it ended now cannot be had; None if they can."""
    path = checkpoint / _STATE
    if not path.exists():
        return None
    try:
        # Transformers writes NaN and infinite metrics, which are no JSON.
        state = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return f"{path}: {error}"
    best = state.get("best_global_step") if isinstance(state, dict) else None
    if not isinstance(best, int) or best in (0, step(checkpoint)) or of_step(attempts, best) is not None:
        return None
    return f"the checkpoint at step {best}, with the best weights by then, is missing or damaged"


def _damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint; None if nothing is."""
    try:
        marked = _read(checkpoint).files
        for name, sha256 in (marked or {}).items():
            path = checkpoint / name
            if not is_inside(name) or not path.is_file():
                return f"{path} is missing"
            if files.sha256(path) != sha256:
                return f"{path} is not what was written"
        if marked is None and (empty := [path for path in checkpoint.iterdir() if not files.size(path)]):
            return f"{empty[0]} is empty"
        return next(filter(None, map(_unreadable, sorted(checkpoint.glob("*.pt*")))), None)
    except files.DAMAGED as error:
        return f"{checkpoint / _MARK}: {error}"
    except OSError as error:
        return f"{error.filename or checkpoint} cannot be read: {error.strerror}"


def _unreadable(path: Path) -> str | None:
    """Why a state of the optimizer, its schedule or the random generators cannot be read; None if it can.

    A mark is no proof: whoever can write the file can write the mark. No code of the file runs, and no
    tensor is loaded.
    """
    import torch
    from transformers.trainer_pt_utils import safe_globals

    try:
        with safe_globals(), warnings.catch_warnings():
            # About pickles that PyTorch has not written.
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="meta", mmap=True, weights_only=True)
    except Exception as error:  # noqa: BLE001 - a reader of pickles raises anything
        return f"{path} cannot be read: {type(error).__name__}"
    return None if isinstance(found, dict) else f"{path} is no state"
