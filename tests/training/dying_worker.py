"""The real worker in a process of its own, which SIGKILLs itself where its arguments say.

That is `logged`: once the metrics of STEP are journalled, before anything else is saved;
`saving`: while the checkpoint of STEP is being written; `publishing`: after the last step, while the
adapter is being written.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from core.jobs import spec as specs
from core.jobs.journal import Journal
from core.jobs.records import Metric
from core.jobs.settings import RunSettings
from core.pipeline.workers import worker
from core.training.saving import checkpoints, model_card
from tests.support.processes.forking import ForkedProcess, preload
from tests.training.distributed import forked_rank

preload(__name__, "core.training.training_job", into="models")

#: The beginning of what rank 1 shall do instead of the worker.
_RANK = "rank 1 "


def start(folder: Path, where: str | None = None, step: int = 0, *, forks: bool = True) -> ForkedProcess:
    """Start the worker of the attempt in `folder`; its other ranks are forked, or commands as ever."""
    return ForkedProcess(_work, folder, where, step, forks, out=folder / "log.txt", loaded="models")


def _work(folder: Path, where: str | None, step: int, forks: bool) -> int:
    if where is not None and where.startswith(_RANK):
        forked_rank.arrange(where.removeprefix(_RANK), step)
        where = None
    elif forks:
        forked_rank.arrange()
        settings = specs.read(folder).settings
        assert isinstance(settings, RunSettings)
        if settings.ranks is not None and settings.ranks.fsdp is not None:
            forked_rank.divide_on_cpu()
    if where is not None:
        arrange(where, step)
    return worker.main(folder)


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
