"""What `benchmarks.training` measures of the optimizer steps of one way: time, memory and tokens."""

from __future__ import annotations

import ctypes
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import psutil
import torch

#: Seconds on the clock and of the processor.
Time = tuple[float, float]


@dataclass
class Measured:
    """What the rounds of one way took."""

    steps: list[Time] = field(default_factory=list)
    before: list[Time] = field(default_factory=list)
    """The reference's pass over all examples, where it comes before the steps."""
    memory: int = 0
    """Bytes."""
    tokens: int = 0
    """Tokens that the model computes in a round."""

    def add(self, steps: Time, before: Time, memory: int, tokens: int) -> None:
        """Add a round."""
        self.steps.append(steps)
        self.before.append(before)
        self.memory = max(self.memory, memory)
        self.tokens = tokens

    def epochs(self, number: int) -> Time:
        wall, cpu = (
            median(time[kind] for time in self.before) + number * median(time[kind] for time in self.steps)
            for kind in (0, 1)
        )
        return wall, cpu


def now() -> Time:
    return time.perf_counter(), time.process_time()


def since(began: Time) -> Time:
    wall, cpu = now()
    return wall - began[0], cpu - began[1]


class TokenCount:
    """Counts the tokens that a model computes."""

    def __init__(self, model: Any) -> None:
        self.count = 0
        model.get_input_embeddings().register_forward_pre_hook(self._add)

    def _add(self, _: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        self.count += inputs[0].numel()


@contextmanager
def peak_memory() -> Iterator[list[int]]:
    """The peak of this process's memory in the block, above what it had before, in bytes."""
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    process = psutil.Process()
    before = process.memory_info().rss
    peak = [0]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            peak[0] = max(peak[0], process.memory_info().rss - before)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()
