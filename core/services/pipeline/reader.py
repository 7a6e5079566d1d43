"""The pipeline: its jobs and their states, events, intents, logs and ETA."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from core.config.schema import Config
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.domain.jobs.events import Event, IntentResult
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import ENDED
from core.domain.jobs.snapshot import DialogueCounts, SlotUse, Snapshot, SupervisorStatus
from core.jobs.planned_job import PlannedJob
from core.pipeline import launch
from core.pipeline.planning import job_targets, workspace_graph
from core.services.pipeline.job_states import CurrentJobs, with_reason
from core.services.workspace_state import WorkspaceState
from core.store import connections, intents, workspace_settings
from core.store.dialogues import dialogues as stored_data
from core.store.jobs import engines as stored_engines
from core.store.jobs import job_queries

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.domain.runs import RunEstimate, StageWork
    from core.services.logs.reader import Log
    from core.services.pipeline.forecast import Forecast


class PipelineReader:
    """Reads the state of a workspace's pipeline.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        #: The jobs as last read.
        self._known_jobs = job_queries.KnownJobs()
        self._current = CurrentJobs()

    def version(self) -> tuple[object, ...]:
        """A value that changes whenever the workspace may have changed; takes microseconds."""
        return self._state.version()

    def supervisor(self) -> SupervisorStatus:
        """Whether a supervisor is running, which does not change `version`."""
        return SupervisorStatus(*launch.is_running(self._state.paths))

    def snapshot(self) -> Snapshot:
        """The state of the whole pipeline; the same object as the last time if it is unchanged."""
        supervisor = self.supervisor()
        # The version from before the read: later changes are read again.
        return self._state.remember("snapshot", (self.version(), supervisor), lambda: self._look(supervisor))

    def _look(self, supervisor: SupervisorStatus) -> Snapshot:
        config, config_error = self._state.config()
        connection = self._state.connection()
        jobs: dict[str, Job] = {}
        engines: tuple[EngineUse, ...] = ()
        imported, counts, used, paused = None, DialogueCounts(0, 0, 0), dict[str, int](), False
        if connection is not None:
            with connections.snapshot(connection):
                imported = stored_data.imported(connection)
                # Counting hundreds of thousands takes long, and only an import changes them.
                counts = self._state.remember(
                    "dialogue counts", imported, partial(stored_data.counts, connection)
                )
                used = job_queries.slot_use(connection)
                paused = workspace_settings.setting(connection, "paused") is not None
                jobs = job_queries.jobs(connection, self._known_jobs)
                engines = stored_engines.uses(connection)
        nodes, plan_error = self._state.plan(config, imported)
        slot_totals = (config or Config()).slots
        slot_views = (
            SlotUse("gpu", used.get("gpu", 0), slot_totals.gpu),
            SlotUse("cpu", used.get("cpu", 0), slot_totals.cpu),
            SlotUse("api", used.get("api", 0), slot_totals.api),
            SlotUse("batch", used.get("batch", 0), slot_totals.batch),
        )
        return Snapshot(
            version=0 if connection is None else connections.data_version(connection),
            workspace=str(self._state.paths.root),
            dialogues=counts,
            supervisor=supervisor,
            paused=paused,
            slots=slot_views,
            jobs=self._current.update(nodes, jobs, paused, slot_views),
            config_error=config_error or plan_error,
            app=None if config is None and config_error is not None else (config or Config()).app,
            engines=tuple(use for use in engines if config is None or use.name in config.engines),
            config_version=self._state.config_version(),
        )

    def jobs(self, ids: Sequence[str]) -> tuple[Job, ...]:
        """The given jobs that were requested, in this order, including those no longer in config.toml.

        Of those that rungs have stopped, with the reason.
        """
        known = self.requested()
        found = (known[job] for job in ids if job in known)
        return tuple(with_reason(job, known, False, ()) if job.state == "stopped" else job for job in found)

    def requested(self) -> Mapping[str, Job]:
        """Every job that was ever requested, by id, in the order of request."""
        connection = self._state.connection()
        return {} if connection is None else job_queries.jobs(connection, self._known_jobs)

    def find_job(self, wanted: str) -> str:
        """The id of the job that `wanted` names: an id, a name, or `stage:name`.

        Raises:
            UserError: No job matches, or several do.
        """
        return job_targets.find([(job.id, job.stage, job.name) for job in self.snapshot().jobs], wanted)

    def ended_jobs(self, targets: Sequence[str]) -> tuple[Job, ...]:
        """The jobs that these targets name and that have ended: those that `start` with `force` does again.

        Raises:
            UserError: A target names nothing.
        """
        named = job_targets.named(self._state.nodes(), targets)
        return tuple(job for job in self.snapshot().jobs if job.id in named and job.state in ENDED)

    def events(self, job: str | None = None, limit: int = 200) -> list[Event]:
        """The newest events of one job or of all, oldest first.

        Args:
            job: A job's id.
            limit: The maximum number of events.
        """
        connection = self._state.connection()
        return [] if connection is None else job_queries.events(connection, job=job, limit=limit)

    def intent(self, intent: int) -> IntentResult:
        """The state and the result of an intent.

        Raises:
            KeyError: No intent has that id.
        """
        connection = self._state.connection()
        if connection is None:
            raise KeyError(intent)
        return intents.outcome(connection, intent)

    def has_pending_intents(self) -> bool:
        """Whether an intent waits for a supervisor."""
        connection = self._state.connection()
        return connection is not None and bool(intents.pending(connection))

    def config(self) -> Config | None:
        """The configuration, the last valid one if it is invalid; None if there is none."""
        return self._state.config()[0]

    def work(
        self, targets: Sequence[str] = (), estimates: Sequence[RunEstimate] = ()
    ) -> tuple[StageWork, ...]:
        """How many jobs of each stage there are, what is done, and how long the others take.

        `targets` are jobs, stages or names; none means all. `estimates` are those of the runs.
        Raises `UserError` for a target that names nothing.
        """
        from core.services.pipeline import stage_work

        wanted = job_targets.resolve(self._state.nodes(), targets)
        return stage_work.of_jobs(wanted, self.requested(), estimates)

    def forecast(self, now: float) -> Forecast | None:
        """Forecast when the requested jobs end; without those that rungs are expected to stop.

        Args:
            now: Unix seconds.

        Returns:
            None if all requested jobs have ended.
        """
        from core.services.pipeline import rung_chances
        from core.services.pipeline.forecast import forecast

        snapshot = self.snapshot()
        results = {job.id: job.result for job in snapshot.jobs if job.result is not None}
        stopping = rung_chances.stopping(self._state.nodes(), results)
        jobs = [job for job in snapshot.jobs if job.state != "waiting" or job.id not in stopping]
        # What earlier settings took says more than nothing.
        known = {job.stage for job in jobs if job.state == "done"}
        done = (job for job in self.requested().values() if job.state == "done")
        earlier = [job for job in done if job.stage not in known]
        return forecast([*earlier, *jobs], {slot.name: slot.total for slot in snapshot.slots}, now)

    def log(self, job: str | None, attempt: int | None = None) -> Log | None:
        """The log of an attempt at a job, or of the supervisor.

        Args:
            job: A job's id; None for the supervisor.
            attempt: The attempt's number; None for the newest.

        Returns:
            None if the job never ran or has no such attempt.
        """
        from core.jobs.context import LOG
        from core.services.logs.reader import Log

        if job is None:
            return Log(self._state.paths.supervisor_log)
        connection = self._state.connection()
        folders = {} if connection is None else dict(job_queries.attempt_folders(connection, job))
        number = attempt or max(folders, default=0)
        if number not in folders:
            return None
        return Log(self._state.paths.inside(folders[number]) / LOG, number, tuple(folders))

    def commits(self) -> dict[str, str]:
        """The commits at which the workspace stays of models on the Hub."""
        return self._state.commits()

    def plan_over(self, imported: ImportedData) -> tuple[PlannedJob, ...]:
        """The jobs of the configuration with other data; none if the configuration is invalid."""
        config, _ = self._state.config()
        if config is None:
            return ()
        try:
            return workspace_graph.plan(self._state.paths, config, imported, self._state.commits())
        except UserError:
            return ()
