"""Starts jobs: makes those ready whose dependencies are done, and gives ready ones a worker in free slots."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from core.config.schema import SlotEngines, Slots
from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.domain.errors import UserError
from core.domain.jobs.job import LOCAL
from core.domain.states import Slot
from core.pipeline.engines.engines import Engines
from core.pipeline.supervision import attempts, history, requests
from core.pipeline.supervision.attempts import MissingOutputError
from core.pipeline.supervision.playground_memory import PlaygroundMemory
from core.pipeline.workers import devices, warm_workers
from core.store import workspace_settings
from core.store.connections import transaction
from core.store.jobs import job_attempts, jobs, rungs, submissions
from core.store.jobs.job_attempts import Attempt
from core.store.jobs.jobs import StoredJob
from core.teachers.requests.ledger import REQUESTING_STAGES

#: Attempts in a row that may be preempted without progress, which is no failure of theirs.
MAX_PREEMPTED = 20

log = logging.getLogger("supervisor")


@dataclass(frozen=True)
class EndingWorker:
    """A worker whose attempt has ended. It occupies its slot (and memory) until it exits."""

    attempt: Attempt
    """The attempt that has ended."""
    slot: Slot
    """The slot that it occupies."""
    until: float
    """When it is killed if it still runs, on the monotonic clock."""


def make_ready(connection: sqlite3.Connection) -> None:
    """Make waiting jobs ready if all their dependencies are done, after rungs have stopped some."""
    if not rungs.is_settled(connection):
        with transaction(connection):
            rungs.settle(connection)
    able = jobs.released(connection) + rungs.decidable(connection)
    if able:
        with transaction(connection):
            for job in able:
                jobs.set_state(connection, job, "ready")


class JobStarter:
    """Starts the jobs of a supervisor, which owns `connection`."""

    def __init__(
        self,
        workspace: WorkspacePaths,
        connection: sqlite3.Connection,
        engines: Engines,
        playground: PlaygroundMemory,
    ) -> None:
        self._workspace = workspace
        self._connection = connection
        self._engines = engines
        self._playground = playground
        self._known_sums: submissions.KnownSums = {}
        self._slots = Slots()
        self._slot_engines = SlotEngines()
        self._ending: Sequence[EndingWorker] = ()

    def start(self, slots: Slots, slot_engines: SlotEngines, ending: Sequence[EndingWorker]) -> None:
        """Start what can be started in `slots`, of which workers that are `ending` occupy some."""
        self._slots, self._slot_engines, self._ending = slots, slot_engines, ending
        make_ready(self._connection)
        self._start_ready()

    def _start_ready(self) -> None:
        if workspace_settings.setting(self._connection, "paused") is not None:
            return
        slots = self._slots
        free = {"gpu": slots.gpu, "cpu": slots.cpu, "api": slots.api, "batch": slots.batch}
        running = jobs.slots(self._connection, "running")
        for slot in running.values():
            free[slot] -= 1
        for ending in self._ending:
            free[ending.slot] -= 1
        # Only runs on several GPUs take more than one.
        for attempt in self._at_work():
            free["gpu"] -= attempt.places - 1
        if all(count <= 0 for count in free.values()):
            return
        for job, slot in jobs.slots(self._connection, "ready").items():
            if free[slot] <= 0:
                continue
            stored = self._stored(job)
            if stored is None:
                continue
            places = stored.job.places
            if places > free[slot]:
                # Those behind it must not take for ever what it waits for.
                free[slot] = 0
            elif self._begin(stored):
                free[slot] -= places

    def _stored(self, job: str) -> StoredJob | None:
        """The ready job of that id; None if what is stored of it is invalid, which fails it."""
        try:
            stored = jobs.get(self._connection, job)
        except UserError as error:
            with transaction(self._connection):
                jobs.fail(self._connection, job, str(error))
            return None
        assert stored is not None, "a ready job is in the store"
        return stored

    def _begin(self, stored: StoredJob) -> bool:
        job, job_id = stored.job, stored.job.id
        try:
            engine_name = self._engines.usable_for(job, stored.engine or self._slot_engines.of(job.slot))
            engine = self._engines.named(engine_name)
            is_local = engine_name == LOCAL
            self._engines.check_nodes(job, engine_name)
            if is_local and not self._playground.is_given(job):
                return False
            past = job_attempts.attempts(self._connection, job=job_id)
            if attempts.lost_without_progress(past, preempted=True) >= MAX_PREEMPTED:
                self._fail_preempted(past[0])
                return False
            attempts.check_known(self._workspace, job_id, (attempt.number for attempt in past))
            inputs = attempts.resolve_inputs(self._connection, self._workspace, job)
            prior = [attempt.folder for attempt in past if attempt.number > stored.redone_after]
            gpu = self._gpus(job.places) if job.slot == "gpu" and is_local else None
            threads = self._threads(job.slot) if is_local else self._engines.threads(engine_name, job)
            number, folder = attempts.prepare(
                self._workspace, stored, inputs, prior, threads, self._spent_usd(stored), gpu, engine_name
            )
        except MissingOutputError as error:
            self._run_producer_again(job_id, error)
            return False
        except (UserError, PermissionError) as error:
            with transaction(self._connection):
                jobs.fail(self._connection, job_id, troubles.trouble_in_words(error) or str(error))
                requests.note(self._connection, self._workspace, [job_id])
            return False
        # The row is written first: an attempt whose worker never started is found lost and tried again,
        # and no worker runs without a row.
        relative = folder.relative_to(self._workspace.root).as_posix()
        with transaction(self._connection):
            attempt = job_attempts.begin_attempt(
                self._connection, job.id, number, relative, gpu, engine_name, job.places
            )
        try:
            kind = warm_workers.kind(job.settings, job.slot, threads, gpu)
            started = engine.start(job.id, number, kind)
        except OSError as error:
            message = f"the worker could not be started: {troubles.trouble_in_words(error) or error}"
            with transaction(self._connection):
                job_attempts.end_attempt(self._connection, attempt, "failed", message)
                jobs.fail(self._connection, job.id, message)
                history.note_end(
                    self._workspace, job.id, number, state="failed", error=message, job_state="failed"
                )
            return False
        if started.pid is not None:
            with transaction(self._connection):
                job_attempts.set_process(
                    self._connection, attempt, started.pid, started.host, started.process
                )
        where = f" on {gpu or engine_name}" if gpu is not None or not is_local else ""
        log.info("%s attempt %d: %s %s%s", job.id, number, job.stage, job.name, where)
        return True

    def _fail_preempted(self, last: Attempt) -> None:
        """Fail a job that no engine keeps for long enough, and its attempt, so that a retry starts at 0."""
        error = (
            f"it was preempted {MAX_PREEMPTED} times in a row before it made progress, the last time on "
            f"{last.engine}: see {last.folder}/log.txt, and the time limit"
        )
        with transaction(self._connection):
            job_attempts.end_attempt(self._connection, last, "failed", error)
            jobs.fail(self._connection, last.job, error)
            history.note_end(
                self._workspace, last.job, last.number, state="failed", error=error, job_state="failed"
            )
            # The job may have been requested since that attempt ended.
            requests.note(self._connection, self._workspace, [last.job])

    def _run_producer_again(self, job: str, error: MissingOutputError) -> None:
        """Run the job that wrote a missing input again; `job` waits for it."""
        with transaction(self._connection):
            changed = [job]
            if jobs.states(self._connection, (error.producer,)).get(error.producer) == "done":
                event = f"{error}: running again"
                jobs.set_state(self._connection, error.producer, "waiting", event=event)
                changed.append(error.producer)
            jobs.set_state(self._connection, job, "waiting", event=f"waiting: {error}")
            requests.note(self._connection, self._workspace, changed)

    def _spent_usd(self, stored: StoredJob) -> float:
        """What a job that sends requests has to count as spent, even if journals that say so were removed."""
        if not stored.sends_requests or stored.job.stage not in REQUESTING_STAGES:
            return 0.0
        return sum(sums.usd or 0.0 for _, sums in submissions.spending(self._connection, self._known_sums))

    def _at_work(self) -> list[Attempt]:
        """The attempts whose worker runs, or is ending."""
        running = job_attempts.attempts(self._connection, state="running")
        return running + [ending.attempt for ending in self._ending]

    def _gpus(self, count: int) -> str | None:
        """So many GPUs with the fewest jobs, as CUDA_VISIBLE_DEVICES names them; None without a choice.

        Raises `UserError` if there are not as many.
        """
        usable = devices.usable()
        if count > max(len(usable), 1):
            raise UserError(
                f"it needs {count} GPUs, and {len(usable) or 'none'} can be used here (`nvidia-smi -L`, "
                f"{devices.VISIBLE}): set gpus_per_run in config.toml to what there is"
            )
        used = [attempt.gpu for attempt in self._at_work()]
        return ",".join(gpu.device for gpu in devices.least_used(usable, used, count)) or None

    def _threads(self, slot: Slot) -> int:
        """CPU threads of a job: OMP_NUM_THREADS where it is set, else a share of the cores."""
        if (limit := os.environ.get("OMP_NUM_THREADS", "")).isdecimal() and int(limit):
            return int(limit)
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        return cores if slot == "gpu" else max(1, cores // self._slots.cpu)
