"""Training runs: their metrics, curves, settings and sample answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from core.domain.runs import SampleAnswer
from core.jobs.settings import DpoSettings, SftSettings
from core.services.workspace_state import WorkspaceState
from core.store import queries

if TYPE_CHECKING:
    # It needs numpy, which not every caller has to wait for.
    from core.services.curves import CurveReader, Curves


class TrainingReader:
    """Reads what the training runs of a workspace logged. A run is named by its job's id.

    Every method may raise `UserError` when state.db cannot be read. A workspace without a state.db reads
    as an empty one.
    """

    def __init__(self, state: WorkspaceState) -> None:
        self._state = state
        self._curves: CurveReader | None = None

    def curves(self, jobs: Sequence[str], limit: int = 50_000) -> list[Curves]:
        """The curves of those of these runs that were requested, in this order.

        Args:
            jobs: Job ids of runs.
            limit: How many points are read at most that were not read before; 50,000 take some 0.1 s. Call
                again until all curves are complete.
        """
        if self._curves is None:
            from core.services.curves import CurveReader

            self._curves = CurveReader()
        connection = self._state.connection()
        return [] if connection is None else self._curves.read(connection, jobs, limit)

    def last_metrics(self, name: str) -> dict[str, float]:
        """The last value of the metric `name` of each run that logged it, by job id."""
        connection = self._state.connection()
        return {} if connection is None else queries.last_metrics(connection, name)

    def run_settings(self, job: str) -> dict[str, dict[str, object]]:
        """The settings of a run, also of one that is only planned.

        Returns:
            Group (`training`, `lora`, `student`, `libraries`) → TRL's and PEFT's names → values. The versions
            of the libraries are there once the run has started. Empty when there is no such run.
        """
        connection = self._state.connection()
        settings = None if connection is None else queries.settings(connection, job)
        if settings is None:
            nodes = self._state.nodes()
            settings = next((node.settings for node in nodes if node.id == job), None)
        groups: dict[str, dict[str, object]] = {}
        if isinstance(settings, SftSettings | DpoSettings):
            student = settings.student
            groups = {
                "training": msgspec.to_builtins(settings.training)
                | {"device": student.device, "dtype": student.dtype},
                "lora": msgspec.to_builtins(settings.lora),
                "student": msgspec.to_builtins(student.config),
            }
        libraries = self._libraries(job)
        return groups | ({"libraries": libraries} if libraries else {})

    def samples(self, job: str) -> list[SampleAnswer]:
        """The responses of a run's student to fixed test dialogues, as generated during training."""
        connection = self._state.connection()
        return [] if connection is None else queries.samples(connection, job)

    def _libraries(self, job: str) -> dict[str, object]:
        """The versions that the newest attempt at a run wrote down as it started."""
        connection = self._state.connection()
        folders = [] if connection is None else queries.attempt_folders(connection, job)
        try:
            record = (self._state.paths.root / folders[-1][1] / "run.json").read_bytes()
            return dict(json.loads(record)["libraries"])
        except (IndexError, OSError, ValueError, KeyError):
            return {}
