"""The supervisor: one process a workspace, the only writer of state.db, intents aside.

`python -m core.pipeline.supervisor WORKSPACE` carries out intents, starts a worker for each ready
job that has a free slot, follows the workers' journals into the store, and exits when idle. It
can be killed at any moment: workers go on, and the next supervisor adopts them.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from core import config as configuration
from core.config import Slots
from core.errors import UserError
from core.pipeline import attempts, ingest, requests
from core.pipeline.attempts import MissingOutputError
from core.store import connections, intents, jobs
from core.store.connections import transaction
from core.store.jobs import Attempt, StoredJob
from core.workspace import Workspace

WORKER = (sys.executable, "-m", "core.pipeline.worker")

#: Seconds between looks at journals and intents.
TICK_S = 0.1
#: Seconds that a worker has to stop at a safe point before it is killed.
GRACE_S = 20.0
#: Attempts in a row that may die without progress.
MAX_LOST = 5
#: Seconds that readers' momentary shared locks are waited for.
_LOCK_S = 2.0

log = logging.getLogger("supervisor")


class Supervisor:
    """Owns a workspace's store while its lock is held."""

    def __init__(self, workspace: Workspace, worker: Sequence[str] = WORKER, idle_s: float = 10.0) -> None:
        self.workspace = workspace
        self.worker = worker
        self.idle_s = idle_s
        self.connection = connections.writer(workspace.state)
        self.children: dict[tuple[str, int], subprocess.Popen[bytes]] = {}
        self.slots = Slots()
        self._config_time: int | None = None
        self._seen: int | None = None
        self._told: set[tuple[str, int]] = set()

    def run(self, lock: TextIO) -> None:
        """Work until there has been nothing to do for `idle_s`; gives up `lock` as it leaves."""
        idle_since = time.monotonic()
        while True:
            if self.tick():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self.idle_s and self._leave(lock):
                return
            time.sleep(TICK_S)

    def tick(self) -> bool:
        """Do all that can be done now; whether there is, or soon will be, more."""
        self._read_slots()
        asked = self._carry_out_intents()
        running = jobs.attempts(self.connection, state="running")
        for attempt in running:
            self._follow(attempt)
        self._release()
        started = self._start()
        return bool(asked or running or started)

    def _leave(self, lock: TextIO) -> bool:
        """Give up the lock, unless an intent has come meanwhile."""
        # While this transaction is open nobody can write an intent; whoever does so afterwards
        # finds the lock free and starts a supervisor.
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            if intents.pending(self.connection):
                return False
            fcntl.flock(lock, fcntl.LOCK_UN)
            return True
        finally:
            self.connection.execute("ROLLBACK")

    def _read_slots(self) -> None:
        try:
            changed = self.workspace.config.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed != self._config_time:
            self._config_time = changed
            try:
                self.slots = configuration.load(self.workspace.config).slots
            except UserError as error:
                log.warning("%s; the slots stay as they were", error)

    def _carry_out_intents(self) -> bool:
        pending = intents.pending(self.connection)
        for intent in pending:
            log.info("intent %d: %s", intent.id, intent.kind)
            try:
                with transaction(self.connection):
                    result = requests.carry_out(self.connection, self.workspace, intent)
                    intents.finish(self.connection, intent.id, result)
            except UserError as error:
                log.warning("intent %d refused: %s", intent.id, error)
                with transaction(self.connection):
                    intents.finish(self.connection, intent.id, None, str(error))
        return bool(pending)

    def _follow(self, attempt: Attempt) -> None:
        folder = self.workspace.root / attempt.folder
        # Before the journal is read: a worker that is gone has written all it ever will.
        alive = attempts.is_alive(folder)
        ingested = ingest.ingest(self.connection, self.workspace.root, attempt)
        if ingested.ending is not None:
            log.info("%s attempt %d: %s", attempt.job, attempt.number, type(ingested.ending).__name__)
            self._reap(attempt)
        elif not alive:
            self._lost(ingested.attempt)
        elif attempt.cancel_at is not None:
            self._stop(attempt, attempt.cancel_at)

    def _stop(self, attempt: Attempt, since: float) -> None:
        key = (attempt.job, attempt.number)
        if time.time() - since > GRACE_S:
            attempts.send(self.workspace, attempt, signal.SIGKILL)
        elif key not in self._told and attempts.send(self.workspace, attempt, signal.SIGTERM):
            self._told.add(key)

    def _lost(self, attempt: Attempt) -> None:
        """The worker is gone and its journal has no ending."""
        how = self._reap(attempt)
        with transaction(self.connection):
            jobs.end_attempt(self.connection, attempt, "lost", how)
            if attempt.cancel_at is not None:
                jobs.set_state(self.connection, attempt.job, "cancelled")
                return
            newest = jobs.attempts(self.connection, job=attempt.job)[:MAX_LOST]
            stuck = len(newest) == MAX_LOST and all(
                a.state == "lost" and a.reached == newest[0].reached for a in newest
            )
            if stuck:
                error = f"the worker died {MAX_LOST} times in a row without progress, the last time {how}"
                jobs.set_state(self.connection, attempt.job, "failed", error=f"{error}; see the log")
            else:
                event = f"attempt {attempt.number} lost: the worker ended {how}"
                jobs.set_state(self.connection, attempt.job, "ready", event=event)
        log.warning("%s attempt %d: lost, %s", attempt.job, attempt.number, how)

    def _reap(self, attempt: Attempt) -> str:
        """How the worker ended, in words."""
        process = self.children.pop((attempt.job, attempt.number), None)
        code = None if process is None else process.wait()
        if code is None:
            return "while no supervisor watched"
        if code >= 0:
            return f"with exit code {code}"
        name = signal.Signals(-code).name
        return f"by {name}" + (" (out of memory?)" if code == -signal.SIGKILL else "")

    def _release(self) -> None:
        """Waiting jobs whose dependencies are all done become ready."""
        waiting = jobs.in_states(self.connection, ("waiting",))
        able = [
            job
            for job in waiting
            if all(
                state == "done"
                for state in (jobs.states(self.connection, job.depends_on).get(d) for d in job.depends_on)
            )
        ]
        if able:
            with transaction(self.connection):
                for job in able:
                    jobs.set_state(self.connection, job.id, "ready")

    def _start(self) -> bool:
        """Start ready jobs while there are free slots; whether any was started."""
        if jobs.setting(self.connection, "paused") is not None:
            return False
        free = {"gpu": self.slots.gpu, "cpu": self.slots.cpu, "api": self.slots.api}
        for job in jobs.in_states(self.connection, ("running",)):
            free[job.slot] -= 1
        started = False
        for job in jobs.in_states(self.connection, ("ready",)):
            if free[job.slot] > 0 and self._begin(job):
                free[job.slot] -= 1
                started = True
        return started

    def _begin(self, job: StoredJob) -> bool:
        try:
            inputs = attempts.resolve_inputs(self.connection, self.workspace, job)
            prior = [attempt.folder for attempt in jobs.attempts(self.connection, job=job.id)]
            folder = attempts.prepare(self.workspace, job, inputs, prior, self._threads(job))
        except MissingOutputError as error:
            self._make_again(job, error)
            return False
        except UserError as error:
            with transaction(self.connection):
                jobs.set_state(self.connection, job.id, "failed", error=str(error))
            return False
        # The row comes first: an attempt that was never spawned is found dead and tried again,
        # and one that was spawned is never unknown.
        relative = folder.relative_to(self.workspace.root).as_posix()
        with transaction(self.connection):
            jobs.begin_attempt(self.connection, job.id, job.attempt + 1, relative)
        self.children[job.id, job.attempt + 1] = attempts.spawn(self.workspace, folder, self.worker)
        log.info("%s attempt %d: %s %s", job.id, job.attempt + 1, job.stage, job.name)
        return True

    def _make_again(self, job: StoredJob, error: MissingOutputError) -> None:
        with transaction(self.connection):
            if error.producer is None:
                message = f"{error}: import the data again"
                jobs.set_state(self.connection, job.id, "failed", error=message)
            else:
                jobs.set_state(self.connection, error.producer, "waiting", event=f"{error}: done again")
                jobs.set_state(self.connection, job.id, "waiting")

    def _threads(self, job: StoredJob) -> int:
        cores = os.cpu_count() or 1
        return cores if job.slot == "gpu" else max(1, cores // self.slots.cpu)


def acquire(workspace: Workspace) -> TextIO | None:
    """The workspace's lock, with this process's id in it; None when another supervisor holds it."""
    workspace.artifacts.mkdir(parents=True, exist_ok=True)
    lock = workspace.lock.open("a+")
    deadline = time.monotonic() + _LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                lock.close()
                return None
            time.sleep(0.01)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def main(workspace: Workspace, worker: Sequence[str] = WORKER) -> int:
    """Supervise `workspace` until idle; 0 also when another one does it already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lock = acquire(workspace)
    if lock is None:
        return 0
    with lock:
        idle_s = float(os.environ.get("EMPATHY_SUPERVISOR_IDLE_S", "10"))
        Supervisor(workspace, worker, idle_s).run(lock)
    return 0


if __name__ == "__main__":
    sys.exit(main(Workspace(Path(sys.argv[1]).resolve())))
