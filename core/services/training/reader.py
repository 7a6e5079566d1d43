"""Training runs: their metrics, curves, settings and sample answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from core.domain.runs import RunEstimate, RunSetting, RunSettingGroup, SampleAnswer
from core.domain.value_types import JsonValue
from core.jobs.settings import DpoSettings, SftSettings
from core.pipeline.planning import job_targets
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_queries

if TYPE_CHECKING:
    # It imports numpy, which not every caller must wait for.
    from core.services.training.curves import CurveReader, Curves


class TrainingReader:
    """Reads the logged metrics of training runs. A run is identified by its job's id.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        self._curves: CurveReader | None = None

    def curves(self, jobs: Sequence[str], limit: int = 50_000) -> list[Curves]:
        """The curves of the given runs that were requested, in this order.

        Args:
            jobs: Job ids of runs.
            limit: The maximum number of new points to read; 50,000 take about 0.1 s. Call again until all
                curves are complete.
        """
        if self._curves is None:
            from core.services.training.curves import CurveReader

            self._curves = CurveReader()
        connection = self._state.connection()
        return [] if connection is None else self._curves.read(connection, jobs, limit)

    def last_metrics(self, name: str) -> dict[str, float]:
        """The last value of the metric `name` of each run that logged it, by job id."""
        connection = self._state.connection()
        return {} if connection is None else job_queries.last_metrics(connection, name)

    def run_settings(self, job: str) -> tuple[RunSetting, ...]:
        """The settings of a run, which may be only planned, by group.

        The versions of the libraries are known when the run has started. Empty if there is no such run.
        """
        connection = self._state.connection()
        settings = None if connection is None else job_queries.settings(connection, job)
        if settings is None:
            nodes = self._state.nodes()
            settings = next((node.settings for node in nodes if node.id == job), None)
        groups: dict[RunSettingGroup, Mapping[str, JsonValue]] = {}
        if isinstance(settings, SftSettings | DpoSettings):
            student = settings.student
            groups = {
                "training": msgspec.to_builtins(settings.training)
                | {"device": student.device, "dtype": student.dtype, "quantization": student.quantization},
                "lora": {"lora": False} if settings.lora is None else msgspec.to_builtins(settings.lora),
                "student": msgspec.to_builtins(student.config),
            }
        groups["libraries"] = self.libraries(job)
        return tuple(
            RunSetting(group, name, value) for group, own in groups.items() for name, value in own.items()
        )

    def estimates(self, targets: Sequence[str] = ()) -> tuple[RunEstimate, ...]:
        """What each run needs that is not done: device, memory and time.

        `targets` are jobs, stages or names; none means all. It reads examples, and takes a second or two.
        Raises `UserError` for a target that names nothing.
        """
        from core.services.training import run_estimates

        imported = self._state.imported()
        config, connection = self._state.config()[0], self._state.connection()
        nodes, _ = self._state.plan(config, imported)
        if config is None or not nodes:
            return ()
        jobs = {} if connection is None else job_queries.jobs(connection)
        wanted = job_targets.resolve(nodes, targets)
        root = self._state.paths.root
        data = self._state.drawn_dialogues(), self._state.train_ratings()
        return run_estimates.of_runs(wanted, nodes, jobs, data, connection, root, config.recipes)

    def samples(self, job: str) -> list[SampleAnswer]:
        """The responses of a run's student to fixed test dialogues, generated during training."""
        connection = self._state.connection()
        return [] if connection is None else job_queries.samples(connection, job)

    def libraries(self, job: str) -> dict[str, str]:
        """The library versions that the newest attempt at a run recorded when it started."""
        connection = self._state.connection()
        folders = [] if connection is None else job_queries.attempt_folders(connection, job)
        try:
            record = (self._state.paths.inside(folders[-1][1]) / "run.json").read_bytes()
            return {str(name): str(number) for name, number in json.loads(record)["libraries"].items()}
        except (IndexError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return {}
