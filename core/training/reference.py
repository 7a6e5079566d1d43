"""Log-probabilities of DPO's reference model: computed once for a run, and kept in the attempts' folders."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import torch

from core.jobs import files
from core.training.data.tokenized_data import TokenizedData
from core.training.distributed import ranks
from core.training.prefix_tree.trainers import TreeDpoTrainer

NAME = "reference.jsonl"
#: Pairs after which the log-probabilities are on disk, and a cancelled run stops.
_PAIRS = 64

log = logging.getLogger(__name__)


class _PairLogProbabilities(msgspec.Struct, frozen=True):
    key: str
    index: int
    chosen: float
    rejected: float


def key(fingerprint: str, data: TokenizedData, device: str, dtype: torch.dtype) -> str:
    """What the log-probabilities depend on: the job's fingerprint, its tokens, and the arithmetic."""
    found = hashlib.sha256(f"{fingerprint} {device} {dtype} {torch.__version__} {data.max_length}".encode())
    found.update(msgspec.json.encode(data.rows))
    return found.hexdigest()


def give(
    trainer: TreeDpoTrainer,
    data: TokenizedData,
    key: str,
    folder: Path,
    prior: Iterable[Path],
    check: Callable[[], None],
) -> int:
    """Give the trainer the reference's log-probabilities of all pairs; the number that had to be computed.

    `data` has the pairs to train on, then those held out. What earlier attempts in `prior` computed under the
    same key is taken from their folders, and everything is in `folder` afterwards. `check` is called between
    the parts, and may raise to stop.
    """
    found: dict[int, _PairLogProbabilities] = {}
    for attempt in prior:
        found |= {line.index: line for line in _read(attempt / NAME) if line.key == key}
    # Sorted, pairs with a common beginning are neighbours.
    missing = sorted(set(range(len(data.rows))) - found.keys(), key=lambda index: _tokens(data.rows[index]))
    encoder = msgspec.json.Encoder()
    # Every rank knows all lines in the end, and rank 0 writes them.
    path = folder / NAME if ranks.is_first() else Path(os.devnull)
    with path.open("wb") as file:
        file.writelines(encoder.encode(line) + b"\n" for line in found.values())
        size = _PAIRS * ranks.count()
        for start in range(0, len(missing), size):
            check()
            part = missing[start : start + size]
            rows = [data.rows[index] for index in part]
            if trainer.is_fsdp_enabled:
                # A divided model runs on all ranks at the same time.
                computed = list(trainer.reference_log_probs(rows))
            else:
                computed = ranks.joined(list(trainer.reference_log_probs(ranks.own_part(rows))))
            for index, (chosen, rejected) in zip(part, computed, strict=True):
                found[index] = _PairLogProbabilities(key, index, chosen, rejected)
            file.writelines(encoder.encode(found[index]) + b"\n" for index in part)
            file.flush()
            log.info("reference: %d of %d pairs", len(found), len(data.rows))
    if ranks.is_first():
        files.sync(path)
    lines = [found[index] for index in range(len(data.rows))]
    trainer.use_reference([line.chosen for line in lines], [line.rejected for line in lines])
    return len(missing)


def _tokens(row: dict[str, list[int]]) -> list[int]:
    return row["prompt_ids"] + row["chosen_ids"]


def _read(path: Path) -> Iterator[_PairLogProbabilities]:
    decoder = msgspec.json.Decoder(_PairLogProbabilities)
    with suppress(FileNotFoundError), path.open("rb") as file:
        for line in file:
            # A killed attempt may have left half a line at the end; a damaged one is computed again.
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                yield decoder.decode(line)
