"""The other processes of a run on several devices, which its worker starts, watches and ends.

`accelerate launch` would be the parent of all of them, the worker included; here the worker is rank 0, so
that its process id, its lock and its journal are those of a run on one device. The others run
`core.training.rank_process`, write to a log of their own in the attempt's folder, and end with the worker.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Protocol

import msgspec

from core.domain.errors import Cancelled, UserError
from core.jobs import files, processes
from core.jobs.context import JobContext
from core.jobs.journal import JournalLostError
from core.jobs.records import Failed, Preempted
from core.jobs.settings import RunSettings
from core.training.distributed import ranks

#: Seconds that this process has to notice that another has ended, and that others have to say why they did.
_NOTICE_S = 10.0

log = logging.getLogger(__name__)


class RankError(msgspec.Struct, frozen=True):
    """Why a rank has ended, in its file in the attempt's folder."""

    at: float
    """Unix seconds."""
    error: str
    """For people."""


class Peer(Protocol):
    """A process, as `subprocess.Popen` is one."""

    @property
    def pid(self) -> int: ...

    @property
    def stdin(self) -> IO[bytes] | None:
        """It ends when this is closed."""

    def poll(self) -> int | None: ...

    def wait(self) -> int: ...

    def kill(self) -> None: ...


def log_of(folder: Path, rank: int) -> Path:
    """The log of a rank other than 0."""
    return folder / f"log-rank-{rank}.txt"


def report(folder: Path, rank: int, error: str) -> None:
    """Have rank 0 know why another ends."""
    files.write_bytes(_report(folder, rank), msgspec.json.encode(RankError(time.time(), error)))


def _report(folder: Path, rank: int) -> Path:
    return folder / f"error-rank-{rank}.json"


def start(folder: Path, rank: int, variables: Mapping[str, str]) -> Peer:
    """Start a rank other than 0, in this process's group and with its environment."""
    with log_of(folder, rank).open("ab") as output:
        return subprocess.Popen(
            # -P: a file in the workspace must not shadow a module of the same name.
            [sys.executable, "-P", "-m", "core.training.rank_process", str(folder)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **variables},
        )


@contextmanager
def beside(job: JobContext[RunSettings], device: str) -> Iterator[None]:
    """Within this block, the other ranks of the run train too, if it has any.

    Raises `UserError`, with that rank's message, if one of them fails. If one is killed, this process ends by
    the same signal: the attempt is lost, as one whose worker was killed.
    """
    if job.settings.ranks is None:
        yield
        return
    count = job.settings.ranks.count
    store = ranks.open_store(count)
    variables = [ranks.environment(rank, count, store.port) for rank in range(count)]
    os.environ.update(variables[0])
    others = _Others(job, {rank: start(job.folder, rank, variables[rank]) for rank in range(1, count)})
    try:
        log.info("rank 0 of %d; the logs of the others are beside this one", count)
        ranks.join(device, store)
        yield
        ranks.leave()
        others.let_end()
    except (Cancelled, JournalLostError, UserError):
        raise
    except Exception as error:
        # Most likely because another one has gone.
        found = others.cause()
        if found is None:
            raise
        others.end_by(found)
        if found.killed_by in processes.GIVE_BACK:
            raise Cancelled from error
        raise UserError(found.words) from error
    finally:
        others.kill()
        for name in variables[0]:
            os.environ.pop(name, None)


class _Cause(msgspec.Struct, frozen=True):
    """Which rank has ended first, and why."""

    rank: int
    words: str
    killed_by: int | None
    """The signal that killed it."""


class _Others:
    """The ranks other than 0."""

    def __init__(self, job: JobContext[RunSettings], peers: Mapping[int, Peer]) -> None:
        self._job = job
        self._peers = peers
        self._over = threading.Event()
        # With NCCL, a rank waits for half an hour for another that is gone.
        threading.Thread(target=self._watch, name="ranks", daemon=True).start()

    def _watch(self) -> None:
        while not self._over.wait(0.2):
            if all(peer.poll() in (None, 0) for peer in self._peers.values()):
                continue
            if self._over.wait(_NOTICE_S):
                return
            found = self.cause()
            if found is None or self._over.is_set():
                return
            self.end_by(found)
            gives_back = found.killed_by in processes.GIVE_BACK
            self._job.journal.write(Preempted() if gives_back else Failed(found.words))
            os._exit(1)

    def cause(self) -> _Cause | None:
        """Why a rank has ended by an error, once it has; None if none does within a few seconds."""
        deadline = time.monotonic() + _NOTICE_S
        while time.monotonic() < deadline:
            codes = {rank: peer.poll() for rank, peer in self._peers.items()}
            if any(codes.values()):
                return self._first({rank: code for rank, code in codes.items() if code})
            time.sleep(0.05)
        return None

    def _first(self, codes: Mapping[int, int]) -> _Cause:
        for rank, code in codes.items():
            if code < 0:
                # Those that ended by an error noticed its end.
                name = signal.Signals(-code).name
                why = " (out of memory?)" if -code == signal.SIGKILL else ""
                return _Cause(rank, f"rank {rank} ended by {name}{why}", -code)
        reports: dict[int, RankError] = {}
        for rank in codes:
            with suppress(OSError, msgspec.DecodeError):
                reports[rank] = msgspec.json.decode(
                    _report(self._job.folder, rank).read_bytes(), type=RankError
                )
        if not reports:
            rank, code = next(iter(codes.items()))
            return _Cause(rank, f"rank {rank} ended with exit code {code}: {self._see(rank)}", None)
        rank = min(reports, key=lambda rank: reports[rank].at)
        return _Cause(rank, f"rank {rank}: {reports[rank].error} ({self._see(rank)})", None)

    def _see(self, rank: int) -> str:
        return f"see {log_of(self._job.folder, rank).name}"

    def end_by(self, cause: _Cause) -> None:
        """End all; if one was killed, this process too, by the same signal.

        A request to give the slot back that came before it could listen counts for all.
        """
        log.error("%s: all ranks end", cause.words)
        self.kill()
        if cause.killed_by is not None and cause.killed_by not in processes.GIVE_BACK:
            self._job.warn(f"{cause.words}, and the run with it")
            os.kill(os.getpid(), cause.killed_by)

    def let_end(self) -> None:
        """Wait until all have ended by themselves."""
        for rank, peer in self._peers.items():
            if code := peer.wait():
                log.warning("rank %d ended with exit code %d after the run's end", rank, code)

    def kill(self) -> None:
        """End those that run still."""
        self._over.set()
        for peer in self._peers.values():
            with suppress(OSError):
                peer.kill()
            peer.wait()
            if peer.stdin is not None:
                peer.stdin.close()
