"""The state that all services read: state.db, config.toml and the prompts, read again when they change."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from core.config.load import load_config, located, read_config
from core.config.problems import InvalidOptionError
from core.config.schema import Config
from core.config.workspace import WorkspacePaths
from core.domain.data.dialogues import Dialogue, ImportedData, RatingCounts
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.errors import UserError
from core.domain.paths import stamp
from core.jobs.planned_job import PlannedJob
from core.pipeline.planning import workspace_graph
from core.store import commits as stored_commits
from core.store import connections, resting
from core.store.dialogues import dialogue_queries, dialogue_statistics
from core.store.dialogues import dialogues as stored_data
from core.students.models import model_sources

T = TypeVar("T")

#: Seconds between two looks at the files of local models: there may be hundreds, on a network drive.
_MODELS_EVERY_S = 2.0
#: Dialogues from which estimates are made; the public data set has 2,000.
_DRAWN = 5_000


class WorkspaceState:
    """The current state of one workspace, for one thread at a time."""

    def __init__(self, paths: WorkspacePaths) -> None:
        self.paths = paths
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[object, ...] | None = None
        self._config: tuple[object, Config | None, str | None] | None = None
        self._planned: tuple[object, tuple[PlannedJob, ...], str | None] | None = None
        self._dialogues: tuple[str, list[Dialogue]] | None = None
        #: The configuration, when to look at its models again, and what was found.
        self._stamps: tuple[Config, float, tuple[object, ...]] | None = None
        #: Name → (key, result): a cache of results.
        self._remembered: dict[str, tuple[object, Any]] = {}
        #: The `data_version` at which the schema was last seen to be this program's.
        self._checked: int | None = None
        #: The number of opened connections: `data_version` of a new one may be the same number.
        self._opened = 0

    def close(self) -> None:
        """Close the connection; the next read opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def version(self) -> tuple[object, ...]:
        """A value that changes whenever the workspace may have changed; takes microseconds."""
        connection = self.connection()
        written = None if connection is None else connections.data_version(connection)
        if connection is not None and written != self._checked:
            try:
                connections.check_version(connection, self.paths.state)
            except UserError:
                # A newer program has migrated it: until it is as before, each read says so.
                self.close()
                raise
            self._checked = written
        return (
            written,
            self._file,
            self._opened,
            stamp(self.paths.config),
            self._prompts(),
            self._models(),
        )

    def _models(self) -> tuple[object, ...]:
        """A value that changes with the files of local models and chat templates."""
        config = self.config()[0]
        if config is None:
            return ()
        now = time.monotonic()
        if self._stamps is None or self._stamps[0] is not config or now >= self._stamps[1]:
            found = model_sources.stamps(config, self.paths.root)
            self._stamps = (config, now + _MODELS_EVERY_S, found)
        return self._stamps[2]

    def connection(self) -> sqlite3.Connection | None:
        """The connection, opened again if state.db was replaced; None if state.db does not exist.

        Raises `UserError` if it cannot be read.
        """
        identity = resting.identity(self.paths.state)
        if identity != self._file:
            self.close()
            self._file = identity
        if self._connection is None:
            connections.check_file(self.paths.state)
            connections.check_present(self.paths.state)
        if self._connection is None and identity is not None:
            # A file of an older version would look empty until the next write.
            if connections.is_older(self.paths.state):
                if self.paths.read_only:
                    connections.check_released(self.paths.state)
                    raise UserError(
                        f"{self.paths.state} was written by an older version: it is migrated "
                        "when it is opened with --write"
                    )
                connections.upgrade(self.paths.state)
            if connections.is_ready(self.paths.state):
                self._connection = connections.reader(self.paths.state)
                self._opened += 1
                if isinstance(self._connection, resting.RestingConnection):
                    # A writer may have ended since the file was looked at.
                    self._file = self._connection.content
            else:
                connections.check_ours(self.paths.state)
        return self._connection

    def config(self) -> tuple[Config | None, str | None]:
        """The configuration, and the error if it is invalid: then the configuration is the last valid one.

        The last valid one is the one before the error, or that with which jobs were last started; None if
        neither is known, and if config.toml is missing.
        """
        found = stamp(self.paths.config)
        if found is None:
            return None, None
        if self._config is None or self._config[0] != found:
            try:
                self._config = (found, load_config(self.paths.config), None)
            except UserError as error:
                last = self._started_config() if self._config is None else self._config[1]
                self._config = (found, last, str(error))
        return self._config[1], self._config[2]

    def _started_config(self) -> Config | None:
        """The configuration with which jobs were last started; None if that is not known."""
        with suppress(UserError):
            return load_config(self.paths.started_config)
        return None

    def config_version(self) -> object:
        """A value that changes with config.toml; None if it is missing."""
        return stamp(self.paths.config)

    @property
    def config_problem(self) -> str | None:
        """Why the configuration, as last read, is invalid; None if it is valid, and before it is read."""
        invalid = None if self._config is None else self._config[2]
        return invalid or (None if self._planned is None else self._planned[2])

    def plan(
        self, config: Config | None, imported: ImportedData | None
    ) -> tuple[tuple[PlannedJob, ...], str | None]:
        """The planned jobs, and the error that prevents planning: then the jobs are those planned before.

        Cached until something changes.
        """
        if config is None or imported is None:
            return (), None
        commits = self.commits()
        key = (config, imported, self._prompts(), self._models(), commits)
        if self._planned is None or self._planned[0] != key:
            try:
                self._planned = (key, workspace_graph.plan(self.paths, config, imported, commits), None)
            except UserError as error:
                before = () if self._planned is None else self._planned[1]
                self._planned = (key, before, str(self.located(error)))
        return self._planned[1], self._planned[2]

    def located(self, error: UserError) -> UserError:
        """The error, with the line of config.toml if it is about one of its options."""
        if isinstance(error, InvalidOptionError):
            with suppress(UserError):
                return located(error, read_config(self.paths.config), str(self.paths.config))
        return error

    def commits(self) -> dict[str, str]:
        """The commits at which the workspace stays of models on the Hub."""
        connection = self.connection()
        return {} if connection is None else stored_commits.commits(connection)

    def nodes(self) -> tuple[PlannedJob, ...]:
        """The planned jobs; none if the configuration is invalid or nothing is imported."""
        return self.plan(self.config()[0], self.imported())[0]

    def imported(self) -> ImportedData | None:
        """File, hashes and sources of the imported data; None if nothing is imported."""
        connection = self.connection()
        return None if connection is None else stored_data.imported(connection)

    def data(self) -> tuple[ImportedData | None, list[Dialogue]]:
        """The description of the imported data, and all dialogues in the file's order."""
        connection = self.connection()
        if connection is None:
            return None, []
        with connections.snapshot(connection):
            imported = stored_data.imported(connection)
            if imported is not None and (self._dialogues is None or self._dialogues[0] != imported.data):
                self._dialogues = (imported.data, dialogue_queries.dialogues(connection))
        if imported is None or self._dialogues is None:
            return None, []
        return imported, self._dialogues[1]

    def drawn_dialogues(self) -> DrawnDialogues:
        """The imported dialogues, or some of them if there are very many: what estimates need."""
        connection, imported = self.connection(), self.imported()
        if connection is None or imported is None:
            return DrawnDialogues((), {"train": 0, "test": 0})

        def read() -> DrawnDialogues:
            with connections.snapshot(connection):
                return dialogue_queries.drawn_dialogues(connection, _DRAWN)

        return self.remember("drawn dialogues", imported, read)

    def train_ratings(self) -> RatingCounts:
        """How the train dialogues were rated."""
        connection, imported = self.connection(), self.imported()
        if connection is None or imported is None:
            return RatingCounts({}, {})
        return self.remember(
            "train ratings",
            imported,
            lambda: dialogue_statistics.rating_counts(connection, imported.sources, "train"),
        )

    def remember(self, name: str, key: object, make: Callable[[], T]) -> T:
        """The cached result of `make`, which is called again when `key` differs from the last time.

        Args:
            name: The name of the result; one result per name is cached.
            key: Everything that the result depends on.
            make: Computes the result.
        """
        known = self._remembered.get(name)
        if known is None or known[0] != key:
            known = self._remembered[name] = (key, make())
        made: T = known[1]
        return made

    def _prompts(self) -> tuple[object, ...]:
        """A value that changes with the workspace's own templates."""
        try:
            found = sorted((*self.paths.prompts.glob("*.txt"), *self.paths.prompts.glob("strategies/*.txt")))
        except OSError:
            return ()
        return tuple((str(path), stamp(path)) for path in found)
