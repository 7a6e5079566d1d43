"""Ranks that are forked from their worker, which has loaded what they need, and some of which end early.

That the program starts them by a command is tested in `test_ranks`.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import psutil
from accelerate.state import PartialState
from accelerate.utils import DistributedType

from core.training import callbacks, rank_process
from core.training.distributed import nodes, peers


class ForkedRank:
    """A child process with the interface of `subprocess.Popen`."""

    def __init__(self, run: Callable[[], int], output: Path) -> None:
        reads, writes = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.dup2(reads, 0)
            with output.open("ab") as log:
                os.dup2(log.fileno(), 1)
                os.dup2(log.fileno(), 2)
            # Other ranks must not keep this one's input open.
            os.closerange(3, os.sysconf("SC_OPEN_MAX"))
            code = 1
            try:
                code = run()
            finally:
                os._exit(code)
        os.close(reads)
        self.stdin: IO[bytes] | None = os.fdopen(writes, "wb")
        self._code: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        code = self._wait(0)
        assert code is not None
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def _wait(self, options: int) -> int | None:
        with self._lock:
            if self._code is None:
                process, status = os.waitpid(self.pid, options)
                if process:
                    self._code = os.waitstatus_to_exitcode(status)
            return self._code


def arrange(ends: str | None = None, step: int = 0) -> None:
    """Have the ranks of this process forked; rank 1 is `killed`, `lost` with its Ray node, or `raises` before
    that step."""

    def start(folder: Path, rank: int, variables: Mapping[str, str]) -> ForkedRank:
        def run() -> int:
            os.environ.update(variables)
            if ends is not None and rank == 1:
                _end(ends, step)
            return rank_process.main(folder)

        return ForkedRank(run, peers.log_of(folder, rank))

    peers.start = start
    nodes.GONE_S = 6.0


def divide_on_cpu() -> None:
    """Have Accelerate divide models on the CPU, which it does on other devices alone."""
    init = PartialState.__init__

    def with_fsdp(self: Any, *args: Any, **kwargs: Any) -> None:
        init(self, *args, **kwargs)
        if self.distributed_type == DistributedType.MULTI_CPU:
            self.distributed_type = DistributedType.MULTI_GPU

    PartialState.__init__ = with_fsdp


def _end(how: str, at: int) -> None:
    """Have this process end there."""

    def on_step_begin(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == at:
            if how == "lost":
                _kill_node()
            if how in ("killed", "lost"):
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("it was made to fail")

    callbacks.JournalCallback.on_step_begin = on_step_begin  # type: ignore[method-assign]


def _kill_node() -> None:
    """Kill the Ray node that runs this process, and all between the two."""
    above = psutil.Process().parents()
    node = next(at for at, process in enumerate(above) if "raylet" in process.name())
    for process in reversed(above[: node + 1]):
        process.kill()
