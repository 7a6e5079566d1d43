"""LLaMA-Factory's optimizer steps for `benchmarks.training`, by the Python of its own environment.

    VENV/bin/python -P benchmarks/training/llama_factory_steps.py SETTINGS.json RESULT.json

SETTINGS.json has the arguments of `llamafactory-cli train`. RESULT.json gets what the steps took, from the
beginning of the training loop to its end: seconds, the processor's seconds, the peak of memory in bytes above
what the process had before, and the tokens that the model computed.
"""

from __future__ import annotations

import ctypes
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
from llamafactory.train.tuner import run_exp
from transformers import TrainerCallback


class _Steps(TrainerCallback):
    def __init__(self) -> None:
        self.result: dict[str, float] = {}
        self._tokens = 0
        self._ended = threading.Event()

    def on_train_begin(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        objects["model"].get_input_embeddings().register_forward_pre_hook(self._count)
        if sys.platform == "linux":
            ctypes.CDLL("libc.so.6").malloc_trim(0)
        self._process = psutil.Process()
        self._memory = self._peak = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        self._began = time.perf_counter(), time.process_time()

    def on_train_end(self, args: Any, state: Any, control: Any, **objects: Any) -> None:
        wall, cpu = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        self._ended.set()
        self._thread.join()
        memory = self._peak - self._memory
        self.result = {"seconds": wall, "cpu_seconds": cpu, "memory": memory, "tokens": self._tokens}

    def _count(self, module: Any, inputs: tuple[Any, ...]) -> None:
        self._tokens += inputs[0].numel()

    def _watch(self) -> None:
        while not self._ended.wait(0.05):
            self._peak = max(self._peak, self._process.memory_info().rss)


if __name__ == "__main__":
    settings, result = map(Path, sys.argv[1:])
    steps = _Steps()
    run_exp(json.loads(settings.read_text()), [steps])
    result.write_text(json.dumps(steps.result))
