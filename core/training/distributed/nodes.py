"""The ranks of a run that are on other machines: how they find rank 0, and how it knows that they live.

`core.training.node_process` starts them there, and reports about them in the store of the ranks.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import msgspec
from torch import distributed

from core.jobs import files
from core.jobs.settings import Ranks

#: Where rank 0 is, in the attempt's folder.
_PLACE = "rank-0.json"
#: Seconds without a sign of life after which a machine is gone.
GONE_S = 20.0
_LOOK_S = 0.2


class Place(msgspec.Struct, frozen=True):
    """Where the store of the ranks is."""

    host: str
    """The name or address of its machine."""
    port: int
    """Its TCP port."""


def announce(folder: Path, port: int) -> str:
    """Have the other machines know where the store is; this machine's name."""
    place = Place(socket.gethostname(), port)
    files.write_bytes(folder / _PLACE, msgspec.json.encode(place))
    return place.host


def find(folder: Path) -> Place | None:
    """Where rank 0 is; None before it has announced it."""
    try:
        return msgspec.json.decode((folder / _PLACE).read_bytes(), type=Place)
    except (OSError, msgspec.DecodeError):
        # File systems of clusters show new files late.
        return None


def ended(rank: int) -> str:
    """The store's key with the exit code of a rank."""
    return f"ended-{rank}"


def alive(node: int) -> str:
    """The store's key with a number that grows while a machine lives."""
    return f"alive-{node}"


def peers(ranks: Ranks, port: int) -> Mapping[int, FarPeer]:
    """The ranks on other machines than this one."""
    # A client of its own: another thread may wait in rank 0's.
    store = distributed.TCPStore("127.0.0.1", port, is_master=False)
    lock = threading.Lock()
    return {
        rank: FarPeer(store, lock, rank, rank // ranks.of_node) for rank in range(ranks.of_node, ranks.count)
    }


class FarPeer:
    """A rank on another machine, as `peers.Peer`. It ends when the store, which is this process's, ends."""

    stdin: IO[bytes] | None = None

    def __init__(self, store: distributed.TCPStore, lock: threading.Lock, rank: int, node: int) -> None:
        self._store, self._lock = store, lock
        self._ended, self._alive = ended(rank), alive(node)
        self._code: int | None = None
        self._seen: bytes | None = None
        self._seen_at = time.monotonic()

    def poll(self) -> int | None:
        """Its exit code; that of a killed process if its machine is gone."""
        if self._code is not None:
            return self._code
        with self._lock:
            if self._store.check([self._ended]):
                self._code = int(self._store.get(self._ended))
                return self._code
            seen = self._store.get(self._alive) if self._store.check([self._alive]) else None
        now = time.monotonic()
        if seen is None or seen != self._seen:
            self._seen, self._seen_at = seen, now
        elif now - self._seen_at > GONE_S:
            self._code = -signal.SIGKILL
        return self._code

    def wait(self) -> int:
        while (code := self.poll()) is None:
            time.sleep(_LOOK_S)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            self._code = -signal.SIGKILL
