"""Workers that wait for another job of the same kind instead of ending: it needs neither imports nor a model.

The supervisor has a channel to each: the worker reports on it that it is clean and waits, and gets the next
attempt's folder, with that attempt's lock and log. Each attempt keeps its own folder, journal, log and lock.
The channel ends with the supervisor, and a waiting worker with the channel.
"""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

import msgspec

from core.domain.states import Slot
from core.jobs.planned_job import nodes, places
from core.jobs.settings import (
    CompareSettings,
    EmbeddedJudge,
    JudgeSettings,
    RespondSettings,
    Settings,
    StudentResponder,
)

#: Seconds for which a worker waits for its next job.
WAIT_S = 30.0
#: What a worker writes when it waits.
READY = b"\0"
_CODE = Path(__file__).parents[2]


class WorkerProcess(Protocol):
    """A child process, as `subprocess.Popen` is one."""

    @property
    def pid(self) -> int:
        """Its process id, which is also the id of its session."""

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""

    def wait(self) -> int:
        """Its exit code, once it has ended."""


@dataclass(frozen=True)
class Kind:
    """What a job needs of its worker."""

    slot: Slot
    """The slot that the job uses."""
    key: str | None
    """The same for jobs that may share a worker; None if the job needs one of its own."""
    places: int = 1
    """How many places of the slot it takes."""
    nodes: int = 1
    """Over how many nodes of a cluster they are divided."""


def kind(settings: Settings, slot: Slot, threads: int, gpu: str | None = None) -> Kind:
    """The kind of a job's worker.

    Jobs may share one if nothing that stays in the process differs between them: the student or judge, its
    device and number format, the GPU that it sees, the threads, and the code on disk. Training never shares
    one: its libraries change the process.
    """
    match settings:
        case RespondSettings(responder=StudentResponder(student=student, server=None)):
            needed = msgspec.json.encode(student)
        case JudgeSettings() | CompareSettings(judge=EmbeddedJudge()):
            needed = b"embedded judge"
        case _:
            return Kind(slot, None, places(settings), nodes(settings))
    digest = hashlib.sha256(b"\0".join((needed, f"{threads} {gpu}".encode(), _code().encode())))
    return Kind(slot, digest.hexdigest())


def _code() -> str:
    """Changes when a file of the program does, or a package is installed."""
    digest = hashlib.sha256()
    for path in sorted(_CODE.rglob("*.py")):
        found = path.stat()
        digest.update(f"{path} {found.st_mtime_ns} {found.st_size}\n".encode())
    digest.update(str(Path(sysconfig.get_path("purelib")).stat().st_mtime_ns).encode())
    return digest.hexdigest()


@dataclass
class _WarmWorker:
    process: WorkerProcess
    channel: socket.socket
    kind: Kind
    waits_since: float | None = None
    """None while it works."""


class WarmWorkers:
    """The workers that may wait for another job."""

    def __init__(self) -> None:
        self._workers: list[_WarmWorker] = []

    def start(self, kind: Kind, start: Callable[[socket.socket], WorkerProcess]) -> WorkerProcess:
        """Start a worker that will wait after its job; `start` gets its end of the channel."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = start(theirs)
            except BaseException:
                ours.close()
                raise
        self._workers.append(_WarmWorker(process, ours, kind))
        return process

    def hand_over(self, kind: Kind, folder: Path, lock: IO[str], log: IO[bytes]) -> WorkerProcess | None:
        """Give the attempt in `folder` to a waiting worker of its kind; None if there is none.

        Those of another kind in the same slot end: they hold memory that the job may need.
        """
        found: WorkerProcess | None = None
        for worker in self._waiting():
            if worker.kind != kind or kind.key is None:
                if worker.kind.slot == kind.slot:
                    self._end(worker)
                continue
            if found is None:
                try:
                    socket.send_fds(worker.channel, [os.fsencode(folder)], [lock.fileno(), log.fileno()])
                except OSError:
                    self._end(worker)
                    continue
                worker.waits_since = None
                found = worker.process
        return found

    def is_waiting(self, process: WorkerProcess) -> bool:
        """Whether the process waits for its next job."""
        return any(worker.process is process for worker in self._waiting())

    def end_waiting(self, waited_s: float) -> None:
        """End those that have waited for so many seconds."""
        for worker in self._waiting():
            if worker.waits_since is not None and time.monotonic() - worker.waits_since >= waited_s:
                self._end(worker)

    def _waiting(self) -> list[_WarmWorker]:
        for worker in list(self._workers):
            if worker.process.poll() is not None:
                self._remove(worker)
            elif worker.waits_since is None:
                try:
                    said = worker.channel.recv(len(READY), socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                except OSError:
                    said = b""
                if said:
                    worker.waits_since = time.monotonic()
        return [worker for worker in self._workers if worker.waits_since is not None]

    def _end(self, worker: _WarmWorker) -> None:
        """Kill a waiting worker: it has nothing to lose."""
        if worker.process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(worker.process.pid, signal.SIGKILL)
            worker.process.wait()
        self._remove(worker)

    def _remove(self, worker: _WarmWorker) -> None:
        worker.channel.close()
        self._workers.remove(worker)
