"""The supervisor: one process per workspace, and the only writer of state.db apart from intents.

`python -m core.pipeline.supervision.supervisor WORKSPACE` carries out intents, starts a worker for each ready
job that has a free slot, follows the workers' journals into the store, and exits when idle. It
can be killed at any moment: workers keep running, and the next supervisor adopts them.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from core.config.load import load_config
from core.config.schema import SlotEngines, Slots
from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.domain.jobs.job import LOCAL
from core.domain.paths import not_a_file, stamp
from core.domain.states import JobState
from core.jobs import files, locks
from core.pipeline.engines.engine import Ending
from core.pipeline.engines.engines import Engines
from core.pipeline.supervision import attempts, history, ingest, intent_handlers
from core.pipeline.supervision.job_starter import EndingWorker, JobStarter
from core.pipeline.supervision.playground_memory import PlaygroundMemory
from core.pipeline.workers import warm_workers
from core.store import connections, intents, workspace_settings
from core.store.connections import transaction
from core.store.intents import Intent
from core.store.jobs import engines as stored_engines
from core.store.jobs import job_attempts, jobs
from core.store.jobs.job_attempts import Attempt

#: Seconds between two polls of journals and intents.
TICK_S = 0.1
#: Seconds until the next try if the machine does not let the supervisor work.
TROUBLE_S = 1.0
#: Seconds that a worker has to stop at a safe point, or to exit after its job has ended.
GRACE_S = 20.0
#: Attempts in a row that may be lost without progress.
MAX_LOST = 5
#: Seconds to wait for readers, which hold a shared lock for a moment.
_LOCK_S = 2.0

log = logging.getLogger("supervisor")


class Supervisor:
    """Writes a workspace's store and runs its jobs while it holds the workspace's lock."""

    def __init__(
        self,
        workspace: WorkspacePaths,
        engines: Engines | None = None,
        *,
        idle_s: float = 10.0,
        grace_s: float = GRACE_S,
    ) -> None:
        self.workspace = workspace
        self.idle_s = idle_s
        self.grace_s = grace_s
        self.connection = connections.writer(workspace.state)
        # First: what follows reads all of the file, in which time it may be removed.
        self._file = connections.OpenFile(self.connection, workspace.state)
        connections.check_sound(self.connection, workspace.state)
        connections.check_complete(self.connection, workspace.state)
        attempts.check_all_known(self.connection, workspace)
        #: What keeps this supervisor from working now, in words.
        self._trouble: str | None = None
        self._engines = engines or Engines(workspace)
        self._slots, self._slot_engines = Slots(), SlotEngines()
        self._uses: dict[str, EngineUse] = {}
        self._config_stamp: tuple[int, ...] | None = None
        self._last_state: object = None
        self._playground = PlaygroundMemory(workspace, grace_s)
        self._starter = JobStarter(workspace, self.connection, self._engines, self._playground)
        #: When this supervisor first saw that an attempt must stop, by a clock that nobody sets.
        self._stop_since: dict[tuple[str, int], float] = {}
        self._cancel_requested: set[tuple[str, int]] = set()
        #: How workers ended of which that is not written yet: an engine says it once.
        self._endings: dict[tuple[str, int], Ending] = {}
        #: The newest reason for which an attempt's journal cannot be read now.
        self._unreadable: dict[tuple[str, int], str] = {}
        self._ending = [
            self._ending_worker(attempt, grace_s)
            for attempt in job_attempts.attempts(self.connection)
            # Of a removed folder it is not known whether its process does another attempt by now; nor of one
            # that cannot be reached, which Path.is_dir raises.
            if attempt.state != "running"
            and os.path.isdir(workspace.inside(attempt.folder))  # noqa: PTH112
            and self._is_left(attempt)
        ]

    def run(self, lock: TextIO) -> None:
        """Work until there has been nothing to do for `idle_s` seconds; releases `lock` before it returns."""
        idle_since = time.monotonic()
        while True:
            if not locks.is_at(lock, self.workspace.lock):
                raise UserError(
                    f"{self.workspace.lock} was removed or replaced: another supervisor may be at work, and "
                    "this one ends. Its workers continue"
                )
            if self._work():
                idle_since = time.monotonic()
            elif time.monotonic() - idle_since >= self.idle_s and self._exit(lock):
                return
            time.sleep(TICK_S)

    def _work(self) -> bool:
        """`tick`, which is tried again later if the disk is full, a limit is reached, or the history may not
        be written: without it, nothing that ends may be recorded."""
        try:
            is_busy = self.tick()
        except (OSError, sqlite3.DatabaseError, MemoryError) as error:
            words = troubles.trouble_in_words(error)
            if words is None:
                raise
            is_denied = isinstance(error, PermissionError) and error.filename == str(self.workspace.history)
            if not (troubles.is_of_machine(error) or is_denied):
                raise UserError(words) from error
            if words != self._trouble:
                self._trouble = words
                log.error("blocked: %s", words)
            time.sleep(TROUBLE_S)
            return True
        if self._trouble is not None:
            self._trouble = None
            log.info("recovered")
        return is_busy

    def tick(self) -> bool:
        """Do everything that can be done now; returns whether there is, or soon will be, more to do.

        Raises `UserError` if state.db is no longer the file that is open.
        """
        self._file.check()
        self._read_config()
        carried_out = self._carry_out_intents()
        running = job_attempts.attempts(self.connection, state="running")
        self._follow(running)
        self._reap_workers()
        self._engines.local.end_waiting(warm_workers.WAIT_S)
        self._note_uses()
        # Not whatever is written: progress comes many times a second, and starts no job.
        state = (
            jobs.last_change(self.connection),
            workspace_settings.setting(self.connection, "paused"),
            self._slots,
            self._slot_engines,
            len(self._ending),
            self._playground.is_awaited(),
        )
        if changed := state != self._last_state:
            self._starter.start(self._slots, self._slot_engines, self._ending)
            # Not before: what trouble keeps from starting must be tried again.
            self._last_state = state
        is_tidying = self._engines.tidy(partial(attempts.needed, self.connection, self.workspace))
        is_busy = carried_out or running or self._ending or changed or is_tidying
        return bool(is_busy or self._playground.was_requested_to_leave)

    def _exit(self, lock: TextIO) -> bool:
        """Release the lock, unless there is a new intent; returns whether it was released."""
        # While this transaction is open, no other process can write an intent. One that writes an intent
        # afterwards finds the lock free and starts a supervisor.
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            if intents.pending(self.connection):
                return False
            locks.release(lock)
            return True
        finally:
            self.connection.execute("ROLLBACK")

    def _read_config(self) -> None:
        changed = stamp(self.workspace.config)
        if changed is not None and changed != self._config_stamp:
            try:
                config = load_config(self.workspace.config)
            except UserError as error:
                if limit := troubles.limit_behind(error):
                    raise limit from error
                log.warning("%s; slots and engines are unchanged", error)
            else:
                self._slots, self._slot_engines = config.slots, config.slot_engines
                self._engines.configure(config.engines)
            self._config_stamp = changed

    def _carry_out_intents(self) -> bool:
        pending = intents.pending(self.connection)
        for intent in pending:
            log.info("intent %d: %s", intent.id, intent.kind)
            try:
                with transaction(self.connection):
                    outcome = intent_handlers.carry_out(self.connection, self.workspace, intent.request())
                    intents.finish(self.connection, intent.id, outcome)
            except UserError as error:
                if limit := troubles.limit_behind(error):
                    # It is not the intent's fault, and can be carried out later.
                    raise limit from error
                self._refuse(intent, str(error))
            except Exception as error:
                if troubles.is_of_machine(error):
                    raise
                # An intent that crashes the supervisor would crash every supervisor after it,
                # and no job would ever run.
                words = troubles.trouble_in_words(error)
                if words is None:
                    log.exception("intent %d", intent.id)
                unexpected = f"unexpected {type(error).__name__}: {error} (see the supervisor's log)"
                self._refuse(intent, words or unexpected)
        return bool(pending)

    def _refuse(self, intent: Intent, error: str) -> None:
        log.warning("intent %d refused: %s", intent.id, error)
        with transaction(self.connection):
            intents.finish(self.connection, intent.id, None, error)

    def _follow(self, running: Sequence[Attempt]) -> None:
        """Ingest what running attempts have recorded; handle those that have ended, or shall."""
        # Before the journals are read: after a worker has exited, its journal does not change.
        alive = {
            (attempt.job, attempt.number)
            for attempt in running
            if self._engines.of(attempt).is_alive(attempt)
        }
        going_on: list[Attempt] = []
        for attempt, ingested in ingest.ingest_all(self.connection, self.workspace.root, running):
            if ingested.unreadable is not None:
                # Nothing is known of it now, so that nothing is decided but what was requested.
                self._note_unreadable(attempt, ingested.unreadable)
                if attempt.cancel_at is not None and (attempt.job, attempt.number) in alive:
                    self._stop(attempt)
            elif ingested.ending is not None:
                log.info("%s attempt %d: %s", attempt.job, attempt.number, type(ingested.ending).__name__)
                current = next(
                    a
                    for a in job_attempts.attempts(self.connection, job=attempt.job)
                    if a.number == attempt.number
                )
                self._ending.append(self._ending_worker(current, 0 if ingested.damaged else self.grace_s))
            else:
                going_on.append(attempt)
        # Only when all endings are known, as these may find the disk full.
        for attempt in going_on:
            if (attempt.job, attempt.number) not in alive:
                self._lost(attempt)
            elif attempt.cancel_at is not None:
                self._stop(attempt)
        self._note_queues(a for a in going_on if (a.job, a.number) in alive)

    def _note_queues(self, waiting: Iterable[Attempt]) -> None:
        """Write what attempts wait for in their engines' queues, where that has changed."""
        queues = ((attempt, self._engines.of(attempt).queue(attempt)) for attempt in waiting)
        changed = [(attempt, queue) for attempt, queue in queues if queue != attempt.queue]
        if changed:
            with transaction(self.connection):
                for attempt, queue in changed:
                    stored_engines.set_queue(self.connection, attempt, queue)

    def _note_uses(self) -> None:
        """Write what clusters say of themselves, where that has changed."""
        for use in self._engines.uses():
            if self._uses.get(use.name) != use:
                with transaction(self.connection):
                    stored_engines.put(self.connection, use)
                self._uses[use.name] = use

    def _is_left(self, attempt: Attempt) -> bool:
        """Whether the worker of an attempt that has ended still occupies its slot on this machine."""
        return attempt.engine == LOCAL and self._engines.local.is_alive(attempt)

    def _note_unreadable(self, attempt: Attempt, error: OSError) -> None:
        key, reason = (attempt.job, attempt.number), str(error)
        if self._unreadable.get(key) != reason:
            self._unreadable[key] = reason
            log.warning("%s attempt %d: its journal cannot be read now: %s", *key, reason)

    def _ending_worker(self, attempt: Attempt, grace_s: float) -> EndingWorker:
        return EndingWorker(attempt, jobs.slot(self.connection, attempt.job), time.monotonic() + grace_s)

    def _reap_workers(self) -> None:
        """Remove workers that have exited; kill those that do not exit in time."""
        still: list[EndingWorker] = []
        for ending in self._ending:
            engine = self._engines.of(ending.attempt)
            if not engine.is_alive(ending.attempt):
                engine.ended(ending.attempt)
                continue
            still.append(ending)
            if time.monotonic() > ending.until:
                engine.kill(ending.attempt)
        self._ending = still

    def _stop(self, attempt: Attempt) -> None:
        key, engine = (attempt.job, attempt.number), self._engines.of(attempt)
        since = self._stop_since.setdefault(key, time.monotonic())
        if time.monotonic() - since > self.grace_s + engine.travel_s(attempt):
            engine.kill(attempt)
        elif key not in self._cancel_requested and engine.cancel(attempt):
            self._cancel_requested.add(key)

    def _lost(self, attempt: Attempt) -> None:
        """Handle a worker that exited although its journal does not say how the attempt ended."""
        key = (attempt.job, attempt.number)
        if key not in self._endings:
            self._endings[key] = self._engines.of(attempt).ended(attempt)
            log.warning("%s attempt %d: its worker ended %s", *key, self._endings[key].how)
        ending = self._endings[key]
        how = ending.how
        job_state: JobState = "cancelled" if attempt.cancel_at is not None else "ready"
        state, error = ("cancelled" if attempt.cancel_at is not None else "lost"), how
        if state == "lost" and ending.is_preempted:
            state, error = job_attempts.PREEMPTED, f"its worker ended {how}"
        with transaction(self.connection):
            job_attempts.end_attempt(self.connection, attempt, state, error)
            past = job_attempts.attempts(self.connection, job=attempt.job)
            if job_state == "ready" and ending.trouble is not None:
                # Another attempt would end as this one did.
                job_state = state = "failed"
                error = ending.trouble
                job_attempts.end_attempt(self.connection, attempt, state, error)
                jobs.fail(self.connection, attempt.job, error)
            elif job_state == "ready" and attempts.lost_without_progress(past) >= MAX_LOST:
                # Failed, not lost: when the user retries, the count starts at 0.
                job_state = state = "failed"
                error = (
                    f"the worker died {MAX_LOST} times in a row without progress, the last time {how}; "
                    f"see {attempt.folder}/log.txt"
                )
                job_attempts.end_attempt(self.connection, attempt, state, error)
                jobs.fail(self.connection, attempt.job, error)
            elif job_state == "ready":
                event = f"attempt {attempt.number} {state}: the worker ended {how}"
                jobs.set_state(self.connection, attempt.job, "ready", event=event)
            else:
                jobs.set_state(self.connection, attempt.job, "cancelled")
            history.note_end(
                self.workspace, attempt.job, attempt.number, state=state, error=error, job_state=job_state
            )
        del self._endings[key]


def acquire(workspace: WorkspacePaths) -> TextIO | None:
    """Acquire the workspace's lock and write this process's id to it; None if another supervisor holds it."""
    workspace.artifacts.mkdir(parents=True, exist_ok=True)
    if what := not_a_file(workspace.lock):
        raise UserError(f"{workspace.lock} {what}: move it away, then try again")
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


def main(workspace: WorkspacePaths, engines: Engines | None = None) -> int:
    """Supervise `workspace` until idle; also returns 0 if another supervisor is running."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line for each look at a cluster would hide the others.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    files.keep_private(workspace.root)
    try:
        lock = acquire(workspace)
        if lock is None:
            return 0
        with lock:
            idle_s = float(os.environ.get("EMPATHY_SUPERVISOR_IDLE_S", "10"))
            Supervisor(workspace, engines, idle_s=idle_s).run(lock)
    except UserError as error:
        log.error("%s", error)
        return 1
    except (OSError, sqlite3.DatabaseError, MemoryError) as error:
        words = troubles.trouble_in_words(error)
        if words is None:
            raise
        log.error("%s", words)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(WorkspacePaths(Path(sys.argv[1]).resolve())))
