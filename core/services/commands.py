"""Commands: imports, exports, and intents for the supervisor."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.config.load import load_config
from core.config.workspace import WorkspacePaths
from core.dialogues import (
    changes,
    fetch,
    staging,
)
from core.dialogues import (
    csv_table as table,
)
from core.domain.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.events import IntentResult
from core.domain.jobs import Job
from core.jobs import files
from core.pipeline import launch
from core.prompts import templates
from core.recipes import catalog, llama_factory, own_strategies, strategies
from core.services.data.reader import DataReader
from core.services.pipeline.reader import PipelineReader
from core.store import connections, intents
from core.store.intents import IntentRequest
from core.students import model_sources

if TYPE_CHECKING:
    from core.domain.evaluation.votes import Choice
    from core.judging.voting import BallotItem
    from core.pipeline.rebuild import Rebuilt


@dataclass(frozen=True)
class ImportPlan:
    """The effects of an import: the changes as text, and the finished jobs that become stale."""

    file: Path
    imported: ImportedData
    table: table.Table
    first: bool
    changes: tuple[str, ...]
    stale: tuple[Job, ...]

    @property
    def changes_nothing(self) -> bool:
        return not self.first and not self.changes


class Commands:
    """Changes a workspace. Every method that writes raises `UserError` in a read-only one.

    A method that returns an intent's id only requests a change: `wait` waits until it is carried out.
    """

    def __init__(self, paths: WorkspacePaths, pipeline: PipelineReader, data: DataReader) -> None:
        self._paths = paths
        self._pipeline = pipeline
        self._data = data

    def plan_import(
        self, file: Path, *, strict: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> ImportPlan:
        """Check `file` and describe the effects of importing it. Writes nothing in the workspace.

        `progress` is called with the bytes that are read and the size of the file. The dialogues are kept in
        a temporary file until the plan is no longer used.

        Raises `UserError` (`TableError` with every problem) if the file is invalid; with `strict` also if it
        has suspicious texts, or responses that would be left out.
        """
        read = table.read_table(file, strict=strict, progress=progress)
        imported = staging.describe_table(read, file.name)
        before = self._data.imported()
        found: tuple[str, ...] = ()
        stale: tuple[Job, ...] = ()
        if before is not None and before.data != imported.data:
            found = changes.compare(self._data.each_dialogue(), read.dialogues).lines()
            stale = self._stale(imported)
        return ImportPlan(file, imported, read, before is None, found, stale)

    def apply_import(self, plan: ImportPlan) -> int:
        """Stage the planned data and request its import; returns the intent's id."""
        self._paths.check_writable()
        staging.stage(self._paths, plan.table.dialogues, plan.imported)
        return self._request(intents.ImportData(plan.imported))

    def start(self, targets: Sequence[str] = (), *, force: bool = False) -> int:
        """Request the named jobs with their dependencies; all planned jobs if there is no target.

        The first time that a model on the Hub is used, it is found out which commit its name stands for:
        the workspace stays at it. This takes a request to the Hub unless the model is in the local cache.

        Args:
            targets: Jobs, stages or names.
            force: Do the named jobs again from the start if they have ended. Their results stay until there
                are new ones.

        Returns:
            The intent's id. Its result lists the jobs.

        Raises:
            UserError: config.toml is invalid.
        """
        config = load_config(self._paths.config)
        commits = model_sources.new_commits(config, self._paths.root, self._pipeline.commits())
        return self._request(intents.Start(tuple(targets), commits=commits, force=force))

    def validate_judge(self, judge: str, pairs: int) -> int:
        """Request the validation of a judge: its agreement with people on `pairs` pairs with different
        ratings."""
        load_config(self._paths.config)
        return self._request(intents.Start((f"validate:{judge}",), {judge: pairs}))

    def vote(self, item: BallotItem, a: str, b: str, voter: str, choice: Choice) -> int:
        """Record the choice of `voter` on a ballot item about `a` and `b`; returns the intent's id.

        It starts no supervisor: call `ensure_supervisor` once. Raises `UserError` if the store cannot be
        written.
        """
        from core.judging import voting

        return self._write(intents.CastVote(voting.record(item, a, b, voter, choice, time.time())))

    def unvote(self, item: BallotItem, a: str, b: str, voter: str) -> int:
        """Withdraw the vote of `voter` on a ballot item; otherwise like `vote`."""
        from core.judging import voting

        return self._write(intents.WithdrawVote(voting.record(item, a, b, voter, "skip", time.time())))

    def cancel(self, job: str) -> int:
        """Cancel a waiting or running job; a run can be resumed from its last checkpoint."""
        return self._request(intents.Cancel(job))

    def retry(self, job: str) -> int:
        """Retry a failed or cancelled job, with its failed or cancelled dependencies."""
        return self._request(intents.Retry(job))

    def reparse(self, judges: Sequence[str] = ()) -> int:
        """Read the verdicts of `judges`, by default all, again from their stored answers.

        Nothing is sent, and nothing costs anything. Returns the intent's id; its result lists the jobs that
        make their results anew.
        """
        return self._request(intents.Reparse(tuple(judges)))

    def refresh(self, job: str) -> int:
        """Make a running job poll its batches now."""
        return self._request(intents.Refresh(job))

    def adopt(self, batch: str, job: str) -> int:
        """Make a job of stage `generate` use the answers of a batch that exists at its provider."""
        return self._request(intents.Adopt(job, batch))

    def pause(self) -> int:
        """Stop starting jobs until `resume`; running jobs continue."""
        return self._request(intents.Pause())

    def resume(self) -> int:
        """Start jobs again after `pause`."""
        return self._request(intents.Resume())

    def ensure_supervisor(self) -> None:
        """Start a supervisor if none is running. Raises `UserError` if it does not start."""
        launch.ensure(self._paths)

    def wait(self, intent: int, stop: threading.Event | None = None, timeout_s: float = 60) -> IntentResult:
        """Wait until the supervisor has carried out an intent; returns its outcome.

        Raises `UserError` with the intent's error if it failed, or after `timeout_s` seconds.
        """
        stop = stop or threading.Event()
        deadline = time.monotonic() + timeout_s
        while True:
            outcome = self._pipeline.intent(intent)
            if outcome.state == "failed":
                raise UserError(outcome.error or "the supervisor refused the request and gave no reason")
            if outcome.state == "done":
                return outcome
            if time.monotonic() > deadline:
                log = self._paths.supervisor_log
                raise UserError(f"the supervisor has not answered for {timeout_s:.0f} s; see {log}")
            launch.ensure(self._paths)
            if stop.wait(0.05):
                return outcome

    def rebuild(self) -> Rebuilt:
        """Make state.db again from the folders of all attempts; the old one is kept beside it.

        Raises `UserError` if a supervisor runs, or the workspace is read-only.
        """
        from core.pipeline import rebuild

        try:
            return rebuild.rebuild(self._paths)
        except OSError as error:
            raise UserError(f"state.db cannot be made again: {error}") from error

    def fetch_data(self, progress: Callable[[int, int | None], None], url: str = fetch.DATA_URL) -> Path:
        """Download the public data set into the workspace; returns the file's path."""
        self._paths.check_writable()
        return fetch.fetch(self._paths.root / "dataset.csv", progress, url)

    def export_llama_factory(self, folder: Path, recipes: Sequence[str] = ()) -> list[Path]:
        """Write the examples of recipes for LLaMA-Factory; of all available recipes if none is named.

        Raises `UserError` for a recipe whose teacher responses are not generated yet.
        """
        self._paths.check_output(folder)
        imported, dialogues = self._data.imported(), self._data.dialogues()
        if imported is None:
            raise UserError("no data is imported: run `empathy-tui import CSV` first")
        config = load_config(self._paths.config)
        own = own_strategies.recipes(own_strategies.valid(self._paths.prompts, config.definition))
        for name in recipes:
            catalog.check(name, imported.sources, own)
        from_teachers = (name for name in recipes or (*strategies.names(), *own) if strategies.needs(name))
        improved = {
            name: texts
            for name in from_teachers
            if (texts := self._data.improved_responses(name)) is not None
        }
        for name in recipes:
            if strategies.needs(name) and name not in improved:
                raise UserError(
                    f"the teacher responses of {name} are not generated yet: add it to recipes.train in "
                    f"config.toml, then run `empathy-tui run recipe:{name}`"
                )
        return llama_factory.export(
            folder,
            dialogues,
            recipes or (*catalog.direct_recipes(imported.sources), *improved),
            config.recipes,
            templates.load("student", self._paths.prompts, config.definition),
            improved,
        )

    def new_strategy(self, name: str, methods: Sequence[str]) -> Path:
        """Create the prompt file of a strategy of the workspace's own; its path.

        Raises `UserError` if the name is invalid or taken.
        """
        self._paths.check_writable()
        path, text = own_strategies.new_file(self._paths.prompts, name, methods)
        try:
            files.write_bytes(path, text.encode())
        except OSError as error:
            raise UserError(f"{path} cannot be written: {error.strerror}") from error
        return path

    def _request(self, request: IntentRequest) -> int:
        intent = self._write(request)
        launch.ensure(self._paths)
        return intent

    def _write(self, request: IntentRequest) -> int:
        self._paths.check_writable()
        connection = connections.writer(self._paths.state)
        try:
            return intents.add(connection, request)
        except sqlite3.OperationalError as error:
            raise UserError(
                f"{self._paths.state} cannot be written: {error}. Check that its disk has free space and "
                "that no other program locks it, then try again"
            ) from error
        finally:
            connection.close()

    def _stale(self, imported: ImportedData) -> tuple[Job, ...]:
        """Finished jobs of the current graph that are not in the graph on `imported`."""
        kept = {node.id for node in self._pipeline.plan_over(imported)}
        return tuple(
            job for job in self._pipeline.snapshot().jobs if job.state == "done" and job.id not in kept
        )
