"""The worker processes of a workspace: starting them, stopping them, and checking whether they run.

A worker holds an exclusive lock on `worker.lock` in its folder through a file descriptor that it
inherits already locked. The lock is released when the process exits, whatever its parent is, so a
supervisor can check workers that another supervisor started.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from core.config.workspace import WorkspacePaths
from core.jobs import locks
from core.jobs.context import CANCEL, LOCK, is_held
from core.pipeline.warm_workers import Kind, WarmWorkers, WorkerProcess
from core.store.jobs import Attempt

#: -P: a file in the workspace must not shadow a module of the same name.
WORKER = (sys.executable, "-P", "-m", "core.pipeline.worker")

LOG = "log.txt"


class Workers:
    """Runs `command FOLDER` for an attempt's folder; tracks its child processes and adopted workers.

    `keep_warm`: a worker may wait for another job of its kind.
    """

    def __init__(
        self, workspace: WorkspacePaths, command: Sequence[str] = WORKER, *, keep_warm: bool = True
    ) -> None:
        self._workspace = workspace
        self._command = command
        self._warm = WarmWorkers() if keep_warm else None
        self._children: dict[tuple[str, int], WorkerProcess] = {}

    def start(self, job: str, number: int, kind: Kind) -> tuple[int, str]:
        """Start a worker on a prepared attempt, in its own session; returns its process id and host.

        A worker of the same kind that waits takes the attempt instead. Raises `OSError` when the limit of
        processes or open files is reached.
        """
        folder = self._workspace.attempt(job, number)
        with (folder / LOCK).open("w") as lock, (folder / LOG).open("ab") as log:
            locks.acquire(lock)
            child = self._start(folder, log, lock, kind)
        self._children[job, number] = child
        return child.pid, socket.gethostname()

    def _start(self, folder: Path, log: IO[bytes], lock: IO[str], kind: Kind) -> WorkerProcess:
        if self._warm is None:
            return self._start_process(folder, log, lock)
        waiting = self._warm.hand_over(kind, folder, lock, log)
        if waiting is not None:
            return waiting
        if kind.key is None:
            return self._start_process(folder, log, lock)
        return self._warm.start(
            kind, lambda channel: self._start_process(folder, log, lock, channel.fileno(), lock.fileno())
        )

    def _start_process(self, folder: Path, log: IO[bytes], lock: IO[str], *descriptors: int) -> WorkerProcess:
        return subprocess.Popen(
            [*self._command, str(folder), *map(str, descriptors)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=self._workspace.root,
            start_new_session=True,
            pass_fds={lock.fileno(), *descriptors},
        )

    def end_waiting(self, waited_s: float = 0) -> None:
        """End the workers that have waited for another job for so many seconds."""
        if self._warm is not None:
            self._warm.end_waiting(waited_s)

    def is_alive(self, attempt: Attempt) -> bool:
        """Whether the attempt's worker is running."""
        child = self._children.get((attempt.job, attempt.number))
        if child is not None and child.poll() is not None:
            return False
        if not is_held(self._workspace.root / attempt.folder):
            return False
        if child is None and attempt.pid is not None and attempt.host == socket.gethostname():
            # The lock alone could be held by a child of a dead worker.
            return _exists(attempt.pid)
        return True

    def cancel(self, attempt: Attempt) -> bool:
        """Request that the worker stops at a safe point; False if the request cannot be sent."""
        (self._workspace.root / attempt.folder / CANCEL).touch()
        # Not its whole process group: the worker stops its own children.
        return self._signal(attempt, signal.SIGTERM, os.kill)

    def kill(self, attempt: Attempt) -> bool:
        """Kill the worker and its children; False if it runs on another host."""
        return self._signal(attempt, signal.SIGKILL, os.killpg)

    def ended(self, attempt: Attempt) -> str:
        """How the worker, which is not running, ended, in words."""
        child = self._children.pop((attempt.job, attempt.number), None)
        if child is None:
            return "while no supervisor was running"
        if self._goes_on(child):
            return "and its process does another job"
        code = child.wait()
        if is_held(self._workspace.root / attempt.folder):
            # Its children may outlive it, and must not run beside the next attempt.
            _send(os.killpg, child.pid, signal.SIGKILL)
        if code >= 0:
            return f"with exit code {code}"
        name = signal.Signals(-code).name
        return f"by {name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")

    def _goes_on(self, child: WorkerProcess) -> bool:
        """Whether the process of an attempt that has ended waits for another one, or does it already."""
        if self._warm is None or child.poll() is not None:
            return False
        return self._warm.is_waiting(child) or child in self._children.values()

    def _signal(self, attempt: Attempt, number: signal.Signals, send: Callable[[int, int], None]) -> bool:
        if attempt.pid is None or attempt.host != socket.gethostname() or not self.is_alive(attempt):
            return False
        return _send(send, attempt.pid, number)


def _send(send: Callable[[int, int], None], process: int, number: signal.Signals) -> bool:
    try:
        send(process, number)
    except ProcessLookupError:
        return False
    return True


def _exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
