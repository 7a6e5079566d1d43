"""The playground frees its memory for jobs: before a job starts in its slot, it has to stop."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from contextlib import suppress

from core.config.workspace import WorkspacePaths
from core.jobs import locks, processes
from core.jobs.planned_job import PlannedJob
from core.playground import process
from core.playground.process import Running

log = logging.getLogger("supervisor")


class PlaygroundMemory:
    """Has the playground of a workspace stop for jobs; after `grace_s` seconds it is killed."""

    def __init__(self, workspace: WorkspacePaths, grace_s: float) -> None:
        self._workspace = workspace
        self._grace_s = grace_s
        #: The playground that was requested to stop, and when; None if no job waits for that.
        self._leaving: tuple[Running, float] | None = None

    def is_given(self, job: PlannedJob) -> bool:
        """Whether a job may start; otherwise the playground was requested to stop."""
        if self.is_awaited():
            # Also in another slot: it takes a moment.
            return False
        found = process.running(self._workspace)
        if found is None or found.slot != job.slot or found.host != socket.gethostname():
            return True
        self._leaving = (found, time.monotonic())
        log.info("the playground stops, to free memory for %s", job.id)
        process.leave(found, f"it has freed its memory for {job.stage} {job.name}")
        return False

    @property
    def was_requested_to_leave(self) -> bool:
        """Whether a job waited for the playground to end at the last look."""
        return self._leaving is not None

    def is_awaited(self) -> bool:
        """Whether a job waits for the playground to end. It is killed if it does not in time."""
        if self._leaving is None:
            return False
        found, since = self._leaving
        if not locks.is_held(process.lock_file(self._workspace)):
            self._leaving = None
            return False
        # It has nothing to lose.
        if time.monotonic() - since > self._grace_s and processes.identity(found.pid) == found.process:
            log.warning("the playground did not end: it is killed")
            with suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGKILL)
        return True
