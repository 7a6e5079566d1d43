"""The processes that train one run together, one on each of its devices: ranks, in PyTorch's word.

Rank 0 is the worker itself. Each has the environment that `accelerate launch` gives its processes, from which
Accelerate and TRL know the others. A run on one device is one process, which is rank 0 of 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar

import torch
from torch import distributed

from core.jobs.settings import Ranks

T = TypeVar("T")

#: How long a rank waits for another, which may write a large checkpoint. Its end is noticed at once.
_PATIENCE = timedelta(hours=1)
#: Where ranks on one machine find each other.
HOST = "127.0.0.1"
_ADDRESS = "MASTER_ADDR"
_PORT = "MASTER_PORT"


def open_store(count: int) -> distributed.TCPStore:
    """The place where `count` ranks find each other; rank 0 holds it."""
    # A port of the system's choice: nobody else can take it in between.
    return distributed.TCPStore(HOST, 0, count, is_master=True, wait_for_workers=False)


def environment(rank: int, ranks: Ranks, port: int, host: str = HOST) -> dict[str, str]:
    """The variables of a rank, as `accelerate launch` sets them; `host` and `port` are the store's."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank % ranks.of_node),
        "WORLD_SIZE": str(ranks.count),
        "LOCAL_WORLD_SIZE": str(ranks.of_node),
        _ADDRESS: host,
        _PORT: str(port),
    }


def join(device: str, store: distributed.TCPStore | None = None) -> None:
    """Join the others, with this process's variables. `store` is rank 0's own."""
    rank, count = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    if store is None:
        store = distributed.TCPStore(os.environ[_ADDRESS], int(os.environ[_PORT]), count, is_master=False)
    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # What ranks send each other beside gradients is on the CPU, and does not wait for a GPU.
    backend = "cuda:nccl,cpu:gloo" if device == "cuda" else "gloo"
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count, timeout=_PATIENCE)


def leave() -> None:
    """Part from the others, if this process has joined them."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def count() -> int:
    """How many processes train this run."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def number() -> int:
    """Which of them this is, from 0."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def is_first() -> bool:
    """Whether this process alone writes the journal and the outputs."""
    return number() == 0


def of_first(*flags: bool) -> tuple[bool, ...]:
    """What rank 0 says; every rank has to ask at the same place."""
    if count() == 1:
        return flags
    said = torch.tensor([int(flag) for flag in flags])
    distributed.broadcast(said, 0)
    return tuple(bool(flag) for flag in said.tolist())


def maximum(value: int) -> int:
    """The largest number that a rank has; every rank has to ask at the same place."""
    if count() == 1:
        return value
    found = torch.tensor(value)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return int(found)


def wait_for_all() -> None:
    """Return once every rank has come here."""
    maximum(0)


def own_part(values: Sequence[T]) -> Sequence[T]:
    """The part of some values that this rank works on: neighbours, about as many as every rank."""
    size = -(-len(values) // count())
    return values[number() * size : (number() + 1) * size]


def joined(part: Sequence[T]) -> list[T]:
    """The parts of all ranks, one after the other."""
    if count() == 1:
        return list(part)
    parts: list[list[T]] = [[] for _ in range(count())]
    distributed.all_gather_object(parts, list(part))
    return [value for one in parts for value in one]
