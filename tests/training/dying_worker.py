"""The real worker in a process of its own, which SIGKILLs itself if it is told where.

That is `logged`: once the figures of STEP are journalled, before anything else is saved;
`saving`: while the checkpoint of STEP is being written; `publishing`: after the last step, while the
adapter is being written.

The processes are forked from a server that has loaded the heavy libraries once.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from core.jobs.journal import Journal
from core.jobs.records import Metric
from core.pipeline import worker
from core.training import checkpoints, model_card

_PROCESSES = get_context("forkserver")
_PROCESSES.set_forkserver_preload([__name__, "core.training.training_job"])


def start(folder: Path, where: str | None = None, step: int = 0) -> ForkServerProcess:
    """Start the worker of the attempt in `folder`."""
    process = _PROCESSES.Process(target=_work, args=(folder, where, step))
    process.start()
    return process


def _work(folder: Path, where: str | None, step: int) -> None:
    with (folder / "log.txt").open("wb") as log:
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)
    if where is not None:
        arrange(where, step)
    sys.exit(worker.main(folder))


def die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arrange(where: str, step: int) -> None:
    """Have this process killed there."""
    write, mark = Journal.write, checkpoints.mark_complete

    def write_and_die(self: Journal, *records: Any) -> None:
        write(self, *records)
        if any(isinstance(record, Metric) and record.step == step for record in records):
            die()

    def tear_and_die(checkpoint: Path, num_tokens: int) -> None:
        if checkpoints.step(checkpoint) == step:
            weights = checkpoint / "adapter_model.safetensors"
            os.truncate(weights, weights.stat().st_size // 2)
            die()
        mark(checkpoint, num_tokens)

    match where:
        case "logged":
            Journal.write = write_and_die  # type: ignore[method-assign]
        case "saving":
            checkpoints.mark_complete = tear_and_die
        case "publishing":
            model_card.write = die
        case _:
            raise ValueError(where)
