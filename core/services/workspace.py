"""The facade: an open workspace, with a reader for each theme and the commands that change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from core.config.workspace import WorkspacePaths, locate_workspace
from core.domain.errors import UserError

if TYPE_CHECKING:
    # Each is imported on first use.
    from core.services.commands import Commands
    from core.services.configuration.reader import ConfigurationReader
    from core.services.data.reader import DataReader
    from core.services.data_frames import DataFrames
    from core.services.evaluation.reader import EvaluationReader
    from core.services.models.model_servers import ModelServer, ServerProgram
    from core.services.models.publishing import Publishing
    from core.services.pipeline.reader import PipelineReader
    from core.services.pipeline.versions import Versions
    from core.services.playground.reader import Playground
    from core.services.runs.reader import RunsReader
    from core.services.spending.reader import SpendingReader
    from core.services.training.reader import TrainingReader
    from core.services.workspace_state import WorkspaceState


T = TypeVar("T")


class Workspace:
    """An open workspace, for one thread at a time: another thread opens its own with `open_workspace(paths)`.

    It is a context manager. Its parts are imported on first use, and share one connection and one cache.
    """

    def __init__(self, paths: WorkspacePaths) -> None:
        #: Where the workspace's files are, and whether it may be changed.
        self.paths = paths

    def __enter__(self) -> Workspace:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection to state.db. The next read opens it again."""
        if "_state" in self.__dict__:
            self._state.close()

    def read(self, query: Callable[[Workspace], T]) -> T:
        """What `query` reads; it is repeated if another process has begun to write meanwhile.

        Without this, its readers raise `UserError` in that moment.
        """
        from core.store.resting import read_again

        return read_again(lambda: query(self))

    @property
    def config_problem(self) -> str | None:
        """Why config.toml, as last read, is invalid; None if it is valid, and before it is read."""
        return self._state.config_problem if "_state" in self.__dict__ else None

    @cached_property
    def _state(self) -> WorkspaceState:
        from core.services.workspace_state import WorkspaceState

        return WorkspaceState(self.paths)

    @cached_property
    def _versions(self) -> Versions:
        from core.services.pipeline.versions import Versions

        return Versions(self._state, self.pipeline)

    @cached_property
    def pipeline(self) -> PipelineReader:
        """Jobs and their states, events, intents, logs, and the ETA."""
        from core.services.pipeline.reader import PipelineReader

        return PipelineReader(self._state)

    @cached_property
    def data(self) -> DataReader:
        """The imported dialogues, their statistics, recipes, prompts, and the responses to one dialogue."""
        from core.services.data.reader import DataReader

        return DataReader(self._state, self.pipeline)

    @cached_property
    def training(self) -> TrainingReader:
        """Metrics, curves, settings and sample answers of training runs."""
        from core.services.training.reader import TrainingReader

        return TrainingReader(self._state)

    @cached_property
    def evaluation(self) -> EvaluationReader:
        """Win rates, comparisons, rankings, judges, pairs of responses, and the votes of people."""
        from core.services.evaluation.reader import EvaluationReader

        return EvaluationReader(self._state, self.pipeline, self._versions)

    @cached_property
    def runs(self) -> RunsReader:
        """All runs with their settings, results and notes, also those that other settings superseded."""
        from core.services.runs.reader import RunsReader

        return RunsReader(self._state, self.pipeline, self._versions, self.evaluation)

    @cached_property
    def spending(self) -> SpendingReader:
        """Submissions to teachers and judges, their cost, and estimates of the rest."""
        from core.services.spending.reader import SpendingReader

        return SpendingReader(self._state)

    @cached_property
    def configuration(self) -> ConfigurationReader:
        """config.toml: its settings, and what a change of it means."""
        from core.services.configuration.reader import ConfigurationReader

        return ConfigurationReader(self._state)

    @cached_property
    def playground(self) -> Playground:
        """Conversations with students and teachers: their answers as they come, and the history."""
        from core.services.playground.reader import Playground

        return Playground(self._state, self.pipeline, self.spending)

    def model_server(
        self, responders: Sequence[str], port: int, program: ServerProgram | None = None
    ) -> ModelServer:
        """The server of these students and runs on this machine, which is not started yet.

        Args:
            responders: A student, runs of it, or both.
            port: The port that it listens on.
            program: What serves; by default vLLM where it is installed.

        Raises:
            UserError: A responder cannot be served, or they are of several students.
        """
        from core.services.models import model_servers

        return model_servers.plan(self._state, responders, port, program)

    @cached_property
    def frames(self) -> DataFrames:
        """Whole tables as pandas data frames, for notebooks and scripts."""
        from core.services.data_frames import DataFrames

        return DataFrames(self.pipeline, self.data, self.training, self.evaluation, self.spending)

    @cached_property
    def publishing(self) -> Publishing:
        """Folders for the Hub and other programs: a run's adapter or model, or a recipe's training data."""
        from core.services.models.publishing import Publishing

        return Publishing(self._state, self.pipeline, self.training, self.evaluation)

    @cached_property
    def commands(self) -> Commands:
        """Everything that changes the workspace."""
        from core.services.commands import Commands

        return Commands(self.paths, self.pipeline, self.data)


def open_workspace(
    folder: Path | str | WorkspacePaths | None = None, *, read_only: bool = False
) -> Workspace:
    """Open the workspace in a folder.

    Args:
        folder: The workspace's folder, the current one for None; or the paths of a workspace that is open
            already, for another thread.
        read_only: Write nothing, and start no supervisor.

    Raises:
        UserError: The folder is not a folder.
    """
    if isinstance(folder, WorkspacePaths):
        return Workspace(WorkspacePaths(folder.root, folder.read_only or read_only))
    try:
        root = Path.cwd() if folder is None else Path(folder)
    except OSError as error:
        raise UserError("the current folder no longer exists: go to another one") from error
    return Workspace(locate_workspace(root, read_only=read_only))
