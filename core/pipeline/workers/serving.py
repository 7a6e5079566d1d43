"""The loop of a worker that does one job after another: see `core.pipeline.workers.warm_workers`.

It goes on only after a job that succeeded and left the process as it was; after anything else it ends.
"""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from core.jobs import processes
from core.pipeline.workers.warm_workers import READY

#: More than a folder's path has.
_MAX_MESSAGE = 4096

log = logging.getLogger("worker")


def serve(run: Callable[[Path], int], folder: Path, channel: int, lock: int) -> int:
    """Run the attempt in `folder`, and then those that come on the channel; the process's exit code.

    `run` runs one attempt. `channel` and `lock`, the lock of the first attempt, are file descriptors.
    """
    for descriptor in (channel, lock):
        os.set_inheritable(descriptor, False)
    root, environment = Path.cwd(), dict(os.environ)
    with socket.socket(fileno=channel) as supervisor:
        while True:
            code = run(folder)
            if code != 0 or not _is_clean():
                return code
            os.chdir(root)
            os.environ.clear()
            os.environ.update(environment)
            gc.collect()
            for number in processes.GIVE_BACK:
                signal.signal(number, signal.SIG_DFL)
            try:
                # Before the lock is released: a worker without a lock that does not wait has ended.
                supervisor.sendall(READY)
                os.close(lock)
                message, descriptors, _, _ = socket.recv_fds(supervisor, _MAX_MESSAGE, 2)
            except OSError:
                return 0
            if len(descriptors) != 2:
                # The supervisor has ended.
                return 0
            lock, output = descriptors
            os.set_inheritable(lock, False)
            _write_to(output)
            folder = Path(os.fsdecode(message))


def _is_clean() -> bool:
    """Whether the last job left no process, no thread and no setting of PyTorch behind."""
    torch = sys.modules.get("torch")
    left = [
        *(f"process {child.pid}" for child in psutil.Process().children()),
        *(
            f"thread {thread.name}"
            for thread in threading.enumerate()
            if not thread.daemon and thread is not threading.main_thread()
        ),
    ]
    if torch is not None:
        if torch.get_default_dtype() != torch.float32 or not torch.is_grad_enabled():
            left.append("settings of PyTorch")
        if torch.are_deterministic_algorithms_enabled():
            left.append("deterministic algorithms")
    if left:
        log.info("the worker ends: its job has left %s", ", ".join(left))
    return not left


def _write_to(output: int) -> None:
    """Have all that is printed from now on go to another file."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
