"""An engine on a cluster: a thread submits, looks at and stops attempts, and no caller waits for the cluster.

The cluster's id of an attempt is in the attempt's folder, so that another supervisor takes the attempt over.
An attempt is alive while the cluster says so. Whatever it says, or if it says nothing, a worker whose journal
has not grown for `lost_after_s` is lost: workers write heartbeats. Of an attempt that has ended nothing is
read any more, and a file in its folder stops its worker, wherever that may still run.
"""

from __future__ import annotations

import logging
import secrets
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from core.config.schema import EngineConfig
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.jobs import files, journal
from core.jobs.context import CANCEL, FENCE, LOG
from core.pipeline.engines import clusters
from core.pipeline.engines.cluster import Cluster, RefusedError, Task, TaskState, UnreachableError
from core.pipeline.engines.engine import Ending, StartedWorker
from core.pipeline.engines.reads import Reads
from core.pipeline.engines.transfers import Transfers
from core.pipeline.storage import own_folder
from core.pipeline.workers.warm_workers import Kind
from core.store.jobs.job_attempts import Attempt

#: The cluster's id of an attempt, in the attempt's folder.
ID = "engine_id"
#: Seconds until the next try if the cluster does not answer.
_RETRY_S = 5.0
#: Seconds between two looks at the use of its resources.
USE_S = 15.0
#: Looks in a row at which a cluster may not know a task that it has accepted.
_MISSES = 5
#: Seconds beside those to stop that a cancelled worker gets where its work travels through a storage.
_TRAVEL_S = 120.0
_NOT_SUBMITTED = "to be submitted"
_NOT_UPLOADED = "uploading what it reads"
#: Runs the worker on a node that does not see the workspace.
_FAR_WORKER = "core.pipeline.workers.far_worker"
#: Runs the part of a run that is on another node than its worker.
_NODE = "core.training.node_process"
#: Runs a part on each of several nodes of a Ray cluster.
_RAY_NODES = "core.pipeline.engines.ray_nodes"

log = logging.getLogger("supervisor")
_AttemptKey = tuple[str, int]


@dataclass
class _Tracked:
    """An attempt on the cluster."""

    folder: Path
    task: Task | None
    """What to submit; None once that is done."""
    id: str | None
    seen: TaskState
    misses: int = 0
    shall_stop: bool = False
    records: int = 0
    """Records of its journal that the supervisor has read."""
    alive_at: float = field(default_factory=time.monotonic)
    """When it last gave a sign of life, or was known to wait in the queue."""


class RemoteEngine:
    """Runs the module `worker` on attempts of a workspace, on the nodes of a cluster."""

    def __init__(
        self, name: str, config: EngineConfig | None, workspace: WorkspacePaths, worker: str
    ) -> None:
        """`config` is None for a cluster that is in config.toml no more."""
        self._name = name
        self._config = config
        self._workspace = workspace
        self._worker = worker
        self._lock = threading.Lock()
        self._attempts: dict[_AttemptKey, _Tracked] = {}
        #: Attempts that have ended for the supervisor, and are still to be stopped on the cluster.
        self._left: list[_Tracked] = []
        self._wake = threading.Event()
        self._is_closed = False
        self._problem: str | None = None
        self._use: EngineUse | None = None
        self._used_at = 0.0
        self._thread: threading.Thread | None = None
        self._transfers = Transfers(workspace)

    def start(self, job: str, number: int, kind: Kind) -> StartedWorker:
        """Have the attempt submitted."""
        assert self._config is not None, "only a configured engine starts attempts"
        folder = self._workspace.attempt(job, number)
        # A cluster may know attempts of other workspaces at the same job.
        name = f"empathy-{job}-{number}-{secrets.token_hex(4)}"
        storage = self._config.storage
        if storage is not None:
            storage = f"{storage.rstrip('/')}/{own_folder.of_engine(self._workspace, self._name)}"
            self._transfers.begin(folder, storage, name, self._worker)
        worker = (self._worker, str(folder)) if storage is None else (_FAR_WORKER, storage, name)
        # -P: a file in the workspace must not shadow a module of the same name.
        python = (self._config.python or sys.executable, "-P", "-m")
        task = Task(
            name=name,
            folder=folder,
            root=self._workspace.root if storage is None else None,
            command=(*python, *worker),
            env=self._config.env,
            resources=clusters.resources(self._config, kind.slot, kind.places),
            places=kind.places,
            nodes=kind.nodes,
            helper=(*python, _NODE, str(folder)),
            spread=(*python, _RAY_NODES),
        )
        self._track(job, number, _Tracked(folder, task, None, TaskState(runs=False, queue=_NOT_SUBMITTED)))
        return StartedWorker()

    def is_alive(self, attempt: Attempt) -> bool:
        tracked = self._tracked(attempt)
        return self._is_alive(tracked, attempt) or not self._transfers.end(tracked.folder)

    def _is_alive(self, tracked: _Tracked, attempt: Attempt) -> bool:
        with self._lock:
            now = time.monotonic()
            if tracked.seen.ending is not None:
                return False
            # On Ray, several nodes are waited for by what runs on one of them.
            may_wait = tracked.seen.queue is not None or (attempt.places > 1 and not attempt.seq)
            if attempt.seq > tracked.records or may_wait:
                tracked.records, tracked.alive_at = attempt.seq, now
            tracked.alive_at = max(tracked.alive_at, self._transfers.alive_at(tracked.folder))
            limit = (self._config or EngineConfig(type="ray")).lost_after_s
            if now - tracked.alive_at <= limit:
                return True
            tracked.shall_stop = True
            problem = f" ({self._problem})" if self._problem else ""
            how = f"without a sign of life for {limit:.0f} s{problem}"
            tracked.seen = TaskState(runs=True, ending=Ending(how, is_preempted=True))
            return False

    def queue(self, attempt: Attempt) -> str | None:
        tracked = self._tracked(attempt)
        with self._lock:
            if tracked.seen.runs:
                return None
            if not self._transfers.is_uploaded(tracked.folder):
                return self._transfers.problem() or _NOT_UPLOADED
            return self._problem or tracked.seen.queue

    def cancel(self, attempt: Attempt) -> bool:
        """Request it through the folder; what waits in the queue is taken out of it."""
        tracked = self._tracked(attempt)
        with suppress(OSError):
            (tracked.folder / CANCEL).touch()
        if not tracked.seen.runs and not attempt.seq:
            self._stop(tracked)
        return True

    def travel_s(self, attempt: Attempt) -> float:
        """What a checkpoint may take to a storage, where there is one."""
        return _TRAVEL_S if self._transfers.has(self._tracked(attempt).folder) else 0.0

    def kill(self, attempt: Attempt) -> bool:
        tracked = self._tracked(attempt)
        self._stop(tracked)
        if self._problem is not None:
            # The cluster may never answer again. If the worker runs, it meets the fence.
            self._end(tracked, Ending(f"out of reach: {self._problem}", is_preempted=True))
        self._transfers.give_up(tracked.folder)
        return True

    def ended(self, attempt: Attempt) -> Ending:
        """How it ended; from now on, nothing of it is read, which its folder says."""
        with self._lock:
            tracked = self._attempts.pop((attempt.job, attempt.number), None)
            if tracked is not None and tracked.shall_stop and tracked.id is not None:
                self._left.append(tracked)
        folder = self._workspace.inside(attempt.folder)
        with suppress(OSError):
            (folder / FENCE).touch()
        is_far = self._transfers.forget(folder)
        if tracked is None or tracked.seen.ending is None:
            return Ending("while no supervisor was running")
        ending = tracked.seen.ending
        if ending.exit_code is not None and not is_far and not _has_log(folder):
            trouble = (
                f"the node of {self._name} did not see {folder}: put the workspace on storage that this "
                "machine and all nodes have under the same path, set storage, or use the engine local"
            )
            return Ending(ending.how, trouble)
        if ending.exit_code and is_far and not (folder / journal.NAME).exists():
            return Ending(
                f"{ending.how} before its worker began: see the log of {tracked.id} in the cluster",
                ending.trouble,
            )
        return ending

    def use(self) -> EngineUse | None:
        """What the cluster last said of itself; None before it was asked."""
        with self._lock:
            return self._use

    def shall_tidy(self) -> bool:
        """Whether it is time to remove from a storage what nothing needs any more."""
        return self._transfers.shall_tidy()

    def tidy(self, needed: Reads) -> None:
        """Have that removed but for what running attempts read, all of which were looked at, and `needed`."""
        self._transfers.tidy(needed)

    def is_tidying(self) -> bool:
        """Whether that is under way."""
        return self._transfers.is_tidying()

    def close(self) -> None:
        """Leave the attempts to another engine or supervisor."""
        self._is_closed = True
        self._transfers.close()
        self._wake.set()

    def _stop(self, tracked: _Tracked) -> None:
        with self._lock:
            tracked.shall_stop = True
        self._wake.set()

    def _tracked(self, attempt: Attempt) -> _Tracked:
        """The attempt, taken over if another supervisor has started it."""
        with self._lock:
            known = self._attempts.get((attempt.job, attempt.number))
        if known is not None:
            return known
        folder = self._workspace.inside(attempt.folder)
        try:
            found = (folder / ID).read_text(encoding="utf-8").strip()
            seen = TaskState(runs=attempt.seq > 0, queue=attempt.queue)
        except FileNotFoundError:
            found = None
            seen = TaskState(runs=False, ending=Ending("before it was submitted", is_preempted=True))
        self._transfers.take_over(folder)
        return self._track(attempt.job, attempt.number, _Tracked(folder, None, found, seen))

    def _track(self, job: str, number: int, tracked: _Tracked) -> _Tracked:
        with self._lock:
            self._attempts[job, number] = tracked
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=f"engine {self._name}", daemon=True)
            self._thread.start()
        self._wake.set()
        return tracked

    def _run(self) -> None:
        cluster: Cluster | None = None
        while not self._is_closed:
            self._transfers.step()
            try:
                if cluster is None:
                    folder = self._workspace.artifacts / "engines" / self._name
                    cluster = clusters.connect(self._name, self._config, folder)
                self._serve(cluster)
                self._note(None)
            except (UnreachableError, UserError) as error:
                cluster = None
                self._note(str(error))
            except Exception as error:
                # The end of this thread would leave every attempt as it is, for ever.
                log.exception("engine %s", self._name)
                cluster = None
                self._note(f"unexpected {type(error).__name__}: {error}")
            self._wake.wait(_RETRY_S if cluster is None else cluster.poll_s)
            self._wake.clear()

    def _serve(self, cluster: Cluster) -> None:
        with self._lock:
            open_ = [one for one in self._attempts.values() if one.seen.ending is None or one.shall_stop]
            left = list(self._left)
        waiting = [one for one in open_ if one.task is not None]
        uploaded = [one for one in waiting if one.shall_stop or self._transfers.is_uploaded(one.folder)]
        self._submit(cluster, uploaded)
        for tracked in (*open_, *left):
            if tracked.shall_stop and tracked.id is not None:
                cluster.stop(tracked.id)
                tracked.shall_stop = False
        with self._lock:
            self._left = [one for one in self._left if one.shall_stop]
        self._look(cluster, [one for one in open_ if one.id is not None and one.seen.ending is None])
        problem = self._transfers.problem()
        if self._use is None or time.monotonic() - self._used_at >= USE_S or self._use.problem != problem:
            assert self._config is not None, "a cluster that answers is configured"
            use = EngineUse(
                self._name, self._config.type, time.time(), problem, cluster.use(), cluster.lost_nodes()
            )
            with self._lock:
                self._use, self._used_at = use, time.monotonic()

    def _submit(self, cluster: Cluster, waiting: list[_Tracked]) -> None:
        for tracked in [one for one in waiting if one.shall_stop]:
            self._end(tracked, Ending("before it was submitted"))
            waiting.remove(tracked)
        for _, group in groupby(waiting, key=lambda one: one.task and (one.task.resources, one.task.nodes)):
            members = list(group)
            tasks = [one.task for one in members if one.task is not None]
            try:
                for tracked, found in zip(members, cluster.submit(tasks), strict=False):
                    files.write_bytes(tracked.folder / ID, found.encode())
                    with self._lock:
                        tracked.id, tracked.task = found, None
            except RefusedError as error:
                refused = next(one for one in members if one.task is not None)
                self._end(refused, Ending("before it began", f"{self._name} refuses the job: {error}"))

    def _look(self, cluster: Cluster, open_: list[_Tracked]) -> None:
        if not open_:
            return
        found = cluster.look([one.id for one in open_ if one.id is not None])
        for tracked in open_:
            seen = found.get(tracked.id or "")
            if seen is not None:
                tracked.misses = 0
                with self._lock:
                    if tracked.seen.ending is None:
                        tracked.seen = seen
                continue
            tracked.misses += 1
            if tracked.misses >= _MISSES:
                self._end(tracked, Ending(f"and {self._name} does not know it any more", is_preempted=True))

    def _end(self, tracked: _Tracked, ending: Ending) -> None:
        with self._lock:
            if tracked.seen.ending is not None:
                return
            tracked.task = None
            tracked.seen = TaskState(runs=tracked.seen.runs, ending=ending)

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            log.warning("engine %s: %s", self._name, problem)
        with self._lock:
            self._problem = problem
            if problem is not None and self._config is not None:
                before = () if self._use is None else self._use.resources
                if self._use is None or self._use.problem != problem:
                    self._use = EngineUse(self._name, self._config.type, time.time(), problem, before)
                self._used_at = 0.0


def _has_log(folder: Path) -> bool:
    # Listed, because network file systems remember for a while that a file was missing.
    with suppress(OSError):
        return any(entry.name == LOG for entry in folder.iterdir())
    return True
