"""What submitit runs on a node: the worker, which gets a signal in time to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from types import FrameType

from core.jobs import processes


@dataclass(frozen=True)
class RunWorker:
    """Becomes the shell line of a task, as far as Slurm can see: with its exit code."""

    shells: tuple[str, ...]
    """One for each node, the worker's first."""

    def __call__(self) -> None:
        """Run it, and end as it does. Raises `SystemExit`."""
        shell = self.shells[int(os.environ.get("SLURM_PROCID", "0"))]
        worker = subprocess.Popen(["/bin/sh", "-c", shell])

        def forward(number: int, frame: FrameType | None) -> None:
            worker.send_signal(signal.SIGTERM)

        # Before a job ends, by preemption or at its time limit. Instead of submitit's handlers, which would
        # submit the same attempt again: a new attempt continues from it.
        for number in processes.GIVE_BACK:
            signal.signal(number, forward)
        code = worker.wait()
        sys.exit(code if code >= 0 else 128 - code)
