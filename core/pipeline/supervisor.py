"""The supervisor: one process a workspace, the only writer of state.db, intents aside.

`python -m core.pipeline.supervisor WORKSPACE` carries out intents, starts a worker for each ready
job that has a free slot, follows the workers' journals into the store, and exits when idle. It
can be killed at any moment: workers go on, and the next supervisor adopts them.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from core.config.load import load_config
from core.config.schema import Slots
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.jobs import Slot
from core.jobs import locks
from core.pipeline import attempts, ingest, intent_handlers
from core.pipeline.attempts import MissingOutputError
from core.pipeline.worker_processes import Workers
from core.store import connections, intents, jobs
from core.store.connections import transaction
from core.store.intents import Intent
from core.store.jobs import Attempt

#: -P: a file in the workspace must not stand in for a module of the same name.
WORKER = (sys.executable, "-P", "-m", "core.pipeline.worker")

#: Seconds between looks at journals and intents.
TICK_S = 0.1
#: Seconds that a worker has to stop at a safe point, or to go once its job has ended.
GRACE_S = 20.0
#: Attempts in a row that may die without progress.
MAX_LOST = 5
#: Seconds that readers' momentary shared locks are waited for.
_LOCK_S = 2.0

log = logging.getLogger("supervisor")


@dataclass(frozen=True)
class _Leaving:
    """A worker whose attempt has ended: it still holds its slot (and memory) until it is gone."""

    attempt: Attempt
    slot: Slot
    until: float


class Supervisor:
    """Owns a workspace's store while its lock is held."""

    def __init__(
        self,
        workspace: WorkspacePaths,
        worker_command: Sequence[str] = WORKER,
        *,
        idle_s: float = 10.0,
        grace_s: float = GRACE_S,
    ) -> None:
        self.workspace = workspace
        self.idle_s = idle_s
        self.grace_s = grace_s
        self.connection = connections.writer(workspace.state)
        self._workers = Workers(workspace, worker_command)
        self._slots = Slots()
        self._config_time: int | None = None
        self._settled: object = None
        self._cancel_requested: set[tuple[str, int]] = set()
        self._leaving = [
            self._leave_taking(attempt, grace_s)
            for attempt in jobs.attempts(self.connection)
            if attempt.state != "running" and self._workers.is_alive(attempt)
        ]

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
        carried_out = self._carry_out_intents()
        running = jobs.attempts(self.connection, state="running")
        for attempt in running:
            self._follow(attempt)
        self._see_off()
        # Our own writes move the second figure, everybody else's the first.
        state = (
            connections.data_version(self.connection),
            self.connection.total_changes,
            self._slots,
            len(self._leaving),
        )
        if changed := state != self._settled:
            self._settled = state
            self._release()
            self._start()
        return bool(carried_out or running or self._leaving or changed)

    def _leave(self, lock: TextIO) -> bool:
        """Give up the lock, unless an intent has come meanwhile."""
        # While this transaction is open nobody can write an intent; whoever does so afterwards
        # finds the lock free and starts a supervisor.
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            if intents.pending(self.connection):
                return False
            locks.release(lock)
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
                self._slots = load_config(self.workspace.config).slots
            except UserError as error:
                log.warning("%s; the slots stay as they were", error)

    def _carry_out_intents(self) -> bool:
        pending = intents.pending(self.connection)
        for intent in pending:
            log.info("intent %d: %s", intent.id, intent.kind)
            try:
                with transaction(self.connection):
                    outcome = intent_handlers.carry_out(self.connection, self.workspace, intent.request())
                    intents.finish(self.connection, intent.id, outcome)
            except UserError as error:
                self._refuse(intent, str(error))
            except Exception as error:
                # An intent that brings the supervisor down would do so to every one after it,
                # and no work would ever go on.
                log.exception("intent %d", intent.id)
                self._refuse(intent, f"unexpected {type(error).__name__}: {error} (see the supervisor's log)")
        return bool(pending)

    def _refuse(self, intent: Intent, error: str) -> None:
        log.warning("intent %d refused: %s", intent.id, error)
        with transaction(self.connection):
            intents.finish(self.connection, intent.id, None, error)

    def _follow(self, attempt: Attempt) -> None:
        # Before the journal is read: a worker that is gone has written all it ever will.
        alive = self._workers.is_alive(attempt)
        ingested = ingest.ingest(self.connection, self.workspace.root, attempt)
        if ingested.ending is not None:
            log.info("%s attempt %d: %s", attempt.job, attempt.number, type(ingested.ending).__name__)
            current = next(
                a for a in jobs.attempts(self.connection, job=attempt.job) if a.number == attempt.number
            )
            self._leaving.append(self._leave_taking(current, 0 if ingested.damaged else self.grace_s))
        elif not alive:
            self._lost(attempt)
        elif attempt.cancel_at is not None:
            self._stop(attempt, attempt.cancel_at)

    def _leave_taking(self, attempt: Attempt, grace_s: float) -> _Leaving:
        return _Leaving(attempt, jobs.slot(self.connection, attempt.job), time.monotonic() + grace_s)

    def _see_off(self) -> None:
        """Let go of workers that are gone; kill those that do not go."""
        still: list[_Leaving] = []
        for leaving in self._leaving:
            if not self._workers.is_alive(leaving.attempt):
                self._workers.ended(leaving.attempt)
                continue
            still.append(leaving)
            if time.monotonic() > leaving.until:
                self._workers.kill(leaving.attempt)
        self._leaving = still

    def _stop(self, attempt: Attempt, since: float) -> None:
        key = (attempt.job, attempt.number)
        if time.time() - since > self.grace_s:
            self._workers.kill(attempt)
        elif key not in self._cancel_requested and self._workers.cancel(attempt):
            self._cancel_requested.add(key)

    def _lost(self, attempt: Attempt) -> None:
        """The worker is gone and its journal has no ending."""
        how = self._workers.ended(attempt)
        log.warning("%s attempt %d: lost, %s", attempt.job, attempt.number, how)
        with transaction(self.connection):
            if attempt.cancel_at is not None:
                jobs.end_attempt(self.connection, attempt, "cancelled", how)
                jobs.set_state(self.connection, attempt.job, "cancelled")
                return
            jobs.end_attempt(self.connection, attempt, "lost", how)
            history = jobs.attempts(self.connection, job=attempt.job)
            if attempts.deaths_without_progress(history) < MAX_LOST:
                event = f"attempt {attempt.number} lost: the worker ended {how}"
                jobs.set_state(self.connection, attempt.job, "ready", event=event)
                return
            error = (
                f"the worker died {MAX_LOST} times in a row without progress, the last time {how}; "
                f"see {attempt.folder}/log.txt"
            )
            # Failed, not lost: when the user retries, the count begins anew.
            jobs.end_attempt(self.connection, attempt, "failed", error)
            jobs.set_state(self.connection, attempt.job, "failed", error=error)

    def _release(self) -> None:
        """Waiting jobs whose dependencies are all done become ready."""
        able = jobs.released(self.connection)
        if able:
            with transaction(self.connection):
                for job in able:
                    jobs.set_state(self.connection, job, "ready")

    def _start(self) -> None:
        """Start ready jobs while there are free slots."""
        if jobs.setting(self.connection, "paused") is not None:
            return
        slots = self._slots
        free = {"gpu": slots.gpu, "cpu": slots.cpu, "api": slots.api, "batch": slots.batch}
        for slot in jobs.slots(self.connection, "running").values():
            free[slot] -= 1
        for leaving in self._leaving:
            free[leaving.slot] -= 1
        if all(count <= 0 for count in free.values()):
            return
        for job, slot in jobs.slots(self.connection, "ready").items():
            if free[slot] > 0 and self._begin(job):
                free[slot] -= 1

    def _begin(self, job_id: str) -> bool:
        try:
            stored = jobs.get(self.connection, job_id)
            assert stored is not None, "ready jobs are in the store"
            job = stored.job
            inputs = attempts.resolve_inputs(self.connection, self.workspace, job)
            prior = [attempt.folder for attempt in jobs.attempts(self.connection, job=job_id)]
            folder = attempts.prepare(self.workspace, stored, inputs, prior, self._threads(job.slot))
        except MissingOutputError as error:
            self._make_again(job_id, error)
            return False
        except UserError as error:
            with transaction(self.connection):
                jobs.set_state(self.connection, job_id, "failed", error=str(error))
            return False
        number = stored.attempt + 1
        # The row comes first: an attempt that was never spawned is found dead and tried again,
        # and one that was spawned is never unknown.
        relative = folder.relative_to(self.workspace.root).as_posix()
        with transaction(self.connection):
            attempt = jobs.begin_attempt(self.connection, job.id, number, relative)
        try:
            pid, host = self._workers.start(job.id, number)
        except OSError as error:
            message = f"the worker could not be started: {error}"
            with transaction(self.connection):
                jobs.end_attempt(self.connection, attempt, "failed", message)
                jobs.set_state(self.connection, job.id, "failed", error=message)
            return False
        with transaction(self.connection):
            jobs.set_process(self.connection, attempt, pid, host)
        log.info("%s attempt %d: %s %s", job.id, number, job.stage, job.name)
        return True

    def _make_again(self, job: str, error: MissingOutputError) -> None:
        """Have a missing input made again by the job that is done with it; `job` waits for that."""
        with transaction(self.connection):
            if jobs.states(self.connection, (error.producer,)).get(error.producer) == "done":
                event = f"{error}: to be made again"
                jobs.set_state(self.connection, error.producer, "waiting", event=event)
            jobs.set_state(self.connection, job, "waiting", event=f"waiting: {error}")

    def _threads(self, slot: Slot) -> int:
        cores = os.cpu_count() or 1
        return cores if slot == "gpu" else max(1, cores // self._slots.cpu)


def acquire(workspace: WorkspacePaths) -> TextIO | None:
    """The workspace's lock, with this process's id in it; None when another supervisor holds it."""
    workspace.artifacts.mkdir(parents=True, exist_ok=True)
    lock = workspace.lock.open("a+")
    deadline = time.monotonic() + _LOCK_S
    while not locks.try_acquire(lock):
        if time.monotonic() > deadline:
            lock.close()
            return None
        time.sleep(0.01)
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def main(workspace: WorkspacePaths, worker_command: Sequence[str] = WORKER) -> int:
    """Supervise `workspace` until idle; 0 also when another one does it already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    lock = acquire(workspace)
    if lock is None:
        return 0
    with lock:
        idle_s = float(os.environ.get("EMPATHY_SUPERVISOR_IDLE_S", "10"))
        try:
            Supervisor(workspace, worker_command, idle_s=idle_s).run(lock)
        except UserError as error:
            log.error("%s", error)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(WorkspacePaths(Path(sys.argv[1]).resolve())))
