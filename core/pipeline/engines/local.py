"""The engine `local`: worker processes on this machine.

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
from contextlib import suppress
from pathlib import Path
from typing import IO

from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.jobs import locks, processes
from core.jobs.context import CANCEL, LOCK, LOG, is_held
from core.pipeline.engines.engine import WORKER_MODULE, Ending, StartedWorker
from core.pipeline.workers.warm_workers import Kind, WarmWorkers, WorkerProcess
from core.store.jobs.job_attempts import Attempt

#: -P: a file in the workspace must not shadow a module of the same name.
WORKER = (sys.executable, "-P", "-m", WORKER_MODULE)


class LocalEngine:
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

    def start(self, job: str, number: int, kind: Kind) -> StartedWorker:
        """Start a worker on a prepared attempt, in its own session.

        A worker of the same kind that waits takes the attempt instead. Raises `OSError` when the limit of
        processes or open files is reached.
        """
        folder = self._workspace.attempt(job, number)
        with (folder / LOCK).open("w") as lock, (folder / LOG).open("ab") as log:
            locks.acquire(lock)
            child = self._start(folder, log, lock, kind)
        self._children[job, number] = child
        return StartedWorker(child.pid, socket.gethostname(), processes.identity(child.pid))

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
        """Whether the attempt's worker is running, also if its folder was removed."""
        key = (attempt.job, attempt.number)
        child = self._children.get(key)
        if child is not None and child.poll() is not None:
            return False
        lock = self._workspace.inside(attempt.folder) / LOCK
        try:
            is_free = not locks.is_held(lock)
            if is_free and lock.exists():
                return False
        except PermissionError:
            # Of a folder that cannot be read, its process alone says it.
            if child is not None:
                return not self._does_another(child, key)
            if attempt.pid is None or attempt.host != socket.gethostname():
                return True
            return self._is_worker(attempt.pid, attempt)
        if child is not None:
            # Without a folder, only what else the process does shows that it has ended this attempt.
            return not (is_free and self._does_another(child, key))
        if attempt.pid is None or attempt.host != socket.gethostname():
            return lock.exists()
        # The lock alone could be held by a child of a dead worker.
        return self._is_worker(attempt.pid, attempt)

    def _is_worker(self, pid: int, attempt: Attempt) -> bool:
        """Whether a process is proved to be the attempt's worker, and not a later one with the same id."""
        if attempt.process is not None:
            return processes.identity(pid) == attempt.process
        return processes.has_open(pid, self._workspace.inside(attempt.folder) / LOCK)

    def queue(self, attempt: Attempt) -> str | None:
        """None: a worker starts at once."""

    def cancel(self, attempt: Attempt) -> bool:
        """Request that the worker stops at a safe point; False if the request cannot be sent."""
        # The folder may have been removed: the worker ends by itself then.
        with suppress(OSError):
            (self._workspace.inside(attempt.folder) / CANCEL).touch()
        # Not its whole process group: the worker stops its own children.
        return self._signal(attempt, signal.SIGTERM, os.kill)

    def travel_s(self, attempt: Attempt) -> float:
        """None: it sees the folder."""
        return 0.0

    def kill(self, attempt: Attempt) -> bool:
        """Kill the worker and its children; False if it runs on another host, or is not proved to be it."""
        return self._signal(attempt, signal.SIGKILL, os.killpg)

    def ended(self, attempt: Attempt) -> Ending:
        """How the worker, which is not running, ended."""
        child = self._children.pop((attempt.job, attempt.number), None)
        if child is None:
            return Ending("while no supervisor was running")
        if self._goes_on(child):
            return Ending("and its process does another job")
        if child.poll() is None:
            # It has no lock, and does not wait for another job: nothing must be started beside it.
            _send(os.killpg, child.pid, signal.SIGKILL)
        code = child.wait()
        # Nothing is held, as far as is known, in a folder that cannot be read.
        with suppress(PermissionError):
            if is_held(self._workspace.inside(attempt.folder)):
                # Its children may outlive it, and must not run beside the next attempt.
                _send(os.killpg, child.pid, signal.SIGKILL)
        if code >= 0:
            return Ending(f"with exit code {code}", troubles.of_exit_code(code))
        name = signal.Signals(-code).name
        how = f"by {name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")
        return Ending(how, is_preempted=-code in processes.GIVE_BACK)

    def _goes_on(self, child: WorkerProcess) -> bool:
        """Whether the process of an attempt that has ended waits for another one, or does it already."""
        if self._warm is None or child.poll() is not None:
            return False
        return self._does_another(child)

    def _does_another(self, child: WorkerProcess, but: tuple[str, int] | None = None) -> bool:
        """Whether a process waits for a job, or does another attempt than `but`."""
        others = (other for key, other in self._children.items() if key != but)
        return (self._warm is not None and self._warm.is_waiting(child)) or child in others

    def _signal(self, attempt: Attempt, number: signal.Signals, send: Callable[[int, int], None]) -> bool:
        if attempt.pid is None or attempt.host != socket.gethostname() or not self.is_alive(attempt):
            return False
        child = self._children.get((attempt.job, attempt.number))
        is_child = child is not None and child.pid == attempt.pid
        if not is_child and not self._is_worker(attempt.pid, attempt):
            return False
        return _send(send, attempt.pid, number)


def _send(send: Callable[[int, int], None], process: int, number: signal.Signals) -> bool:
    try:
        send(process, number)
    except ProcessLookupError:
        return False
    return True
