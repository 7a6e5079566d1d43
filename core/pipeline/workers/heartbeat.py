"""A worker's sign of life for a supervisor on another machine, and what that requests through files.

Neither locks nor signals reach across machines: the journal grows while the worker lives, and files in the
attempt's folder say that it was cancelled, or that it has lost its place to another attempt.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from contextlib import suppress
from types import TracebackType

from core.jobs import locks
from core.jobs.context import CANCEL, FENCE, LOCK, JobContext
from core.jobs.journal import JournalLostError
from core.jobs.records import Heartbeat
from core.jobs.settings import Settings

#: Seconds between two heartbeats.
HEARTBEAT_S = 15.0
#: Seconds between two looks for requests.
_LOOK_S = 0.5
#: Seconds that a worker without a place has to stop at a safe point.
_GRACE_S = 20.0

log = logging.getLogger("worker")


class HeartbeatThread:
    """Writes heartbeats and looks for requests, in a thread, until the `with` block ends."""

    def __init__(self, job: JobContext[Settings]) -> None:
        self._job = job
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        # For other jobs that ask whether this one still sends requests; a local worker inherits it.
        self._lock = (self._job.folder / LOCK).open("w")
        locks.try_acquire(self._lock)
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()
        self._lock.close()

    def _run(self) -> None:
        written = time.monotonic()
        fenced: float | None = None
        while not self._end.wait(_LOOK_S):
            now = time.monotonic()
            if fenced is None and (self._job.folder / FENCE).exists():
                log.warning("another attempt has taken its place: it stops")
                fenced = now
            if fenced is not None or (self._job.folder / CANCEL).exists():
                self._job.stop.set()
            if fenced is not None and now - fenced > _GRACE_S:
                # Nothing of it is read, and what it still buys is bought twice.
                os._exit(1)
            if now - written >= HEARTBEAT_S:
                written = now
                try:
                    # A file system that fails now may come back; the job itself meets the error, if it stays.
                    with suppress(OSError):
                        self._job.journal.write(Heartbeat())
                except JournalLostError:
                    self._job.stop.set()
                    return
