"""The engines of a workspace: `local`, and the clusters of config.toml."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from core.config.schema import EngineConfig
from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.jobs.engines import EngineUse
from core.domain.jobs.job import LOCAL
from core.jobs.planned_job import PlannedJob, nodes
from core.jobs.settings import LargeModel, LlmJudge, Settings, TeacherResponder
from core.pipeline.engines import clusters
from core.pipeline.engines.engine import WORKER_MODULE, Engine
from core.pipeline.engines.local import LocalEngine
from core.pipeline.engines.reads import Reads
from core.pipeline.engines.remote import RemoteEngine
from core.store.jobs.job_attempts import Attempt


class Engines:
    """Finds the engine of an attempt.

    `worker` is the module that runs attempts on clusters.
    """

    def __init__(
        self, workspace: WorkspacePaths, local: LocalEngine | None = None, worker: str = WORKER_MODULE
    ) -> None:
        self.local = local or LocalEngine(workspace)
        self._workspace = workspace
        self._worker = worker
        self._configured: Mapping[str, EngineConfig] = {}
        self._remote: dict[str, RemoteEngine] = {}

    def configure(self, configured: Mapping[str, EngineConfig]) -> None:
        """Use the clusters of a configuration. Those that have changed take their attempts over."""
        for name, engine in list(self._remote.items()):
            if configured.get(name) != self._configured.get(name):
                engine.close()
                del self._remote[name]
        self._configured = configured

    def named(self, name: str) -> Engine:
        """The engine of that name. Raises `UserError` if it cannot be used here."""
        if name == LOCAL:
            return self.local
        clusters.check(name, self._configured)
        return self._cluster(name)

    def usable_for(self, job: PlannedJob, name: str) -> str:
        """The engine that runs a job for which `name` is configured.

        What requests cost is counted in the workspace: nodes that do not see it send none.
        """
        config = self._configured.get(name)
        is_far = config is not None and config.storage is not None
        return LOCAL if is_far and _asks_large_model(job.settings) else name

    def check_nodes(self, job: PlannedJob, name: str) -> None:
        """Raise `UserError` if a job needs several nodes, and an engine has one, or no folder for all."""
        count, config = nodes(job.settings), self._configured.get(name)
        if count > 1 and (config is None or config.storage is not None):
            raise UserError(
                f"it needs {count} nodes that see the workspace, which the engine {name} does not have: set "
                "runs.nodes_per_run to 1, or use a cluster with a shared file system"
            )

    def threads(self, name: str, job: PlannedJob) -> int:
        """The CPU threads of a job on a cluster."""
        return max(1, int(clusters.resources(self._configured[name], job.slot, job.places).num_cpus))

    def of(self, attempt: Attempt) -> Engine:
        """The engine that runs an attempt, also if config.toml has it no more."""
        return self.local if attempt.engine == LOCAL else self._cluster(attempt.engine)

    def uses(self) -> list[EngineUse]:
        """What the clusters in use last said of themselves."""
        return [use for engine in self._remote.values() if (use := engine.use()) is not None]

    def tidy(self, needed: Callable[[], Reads]) -> bool:
        """Have what neither a running attempt nor a job to come needs removed from storages, where it is time
        for it; whether that is under way. `needed` is what jobs to come read.

        Call it after every running attempt was looked at.
        """
        engines = self._remote.values()
        if untidy := [engine for engine in engines if engine.shall_tidy()]:
            found = needed()
            for engine in untidy:
                engine.tidy(found)
        return any(engine.is_tidying() for engine in engines)

    def _cluster(self, name: str) -> RemoteEngine:
        if name not in self._remote:
            config = self._configured.get(name)
            self._remote[name] = RemoteEngine(name, config, self._workspace, self._worker)
        return self._remote[name]


def _asks_large_model(settings: Settings) -> bool:
    """Whether a job with these settings sends requests to a large model, or reads its answers."""
    values = (getattr(settings, name) for name in settings.__struct_fields__)
    return any(isinstance(value, LargeModel | LlmJudge | TeacherResponder) for value in values)
