"""Commands: everything that changes a workspace, by imports, exports, and intents for the supervisor."""

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
from core.pipeline import launch
from core.prompts import templates
from core.recipes import catalog, llama_factory, strategies
from core.services.data import DataReader
from core.services.pipeline import PipelineReader
from core.store import connections, intents
from core.store.intents import IntentRequest

if TYPE_CHECKING:
    from core.domain.votes import Choice
    from core.judging.voting import BallotItem


@dataclass(frozen=True)
class ImportPlan:
    """What an import would do: the changes in words, and the finished jobs that it makes stale."""

    file: Path
    facts: ImportedData
    table: table.Table
    first: bool
    changes: tuple[str, ...]
    stale: tuple[Job, ...]

    @property
    def changes_nothing(self) -> bool:
        return not self.first and not self.changes


class Commands:
    """Changes a workspace. Every method that writes raises `UserError` in a read-only one.

    What returns an intent's id has only been requested: `wait` waits until the supervisor has done it.
    """

    def __init__(self, paths: WorkspacePaths, pipeline: PipelineReader, data: DataReader) -> None:
        self._paths = paths
        self._pipeline = pipeline
        self._data = data

    def plan_import(self, file: Path) -> ImportPlan:
        """Check `file` and say what importing it would do. Writes nothing.

        Raises `UserError` (`TableError` with every problem) when the file is invalid.
        """
        read = table.read_table(file)
        facts = staging.describe(read.dialogues, file.name, read.sha256)
        before = self._data.facts()
        found: tuple[str, ...] = ()
        stale: tuple[Job, ...] = ()
        if before is not None and before.data != facts.data:
            found = changes.compare(self._data.dialogues(), read.dialogues).lines()
            stale = self._stale(facts)
        return ImportPlan(file, facts, read, before is None, found, stale)

    def apply_import(self, plan: ImportPlan) -> int:
        """Stage the planned data and request its import; the intent's id."""
        self._paths.check_writable()
        staging.stage(self._paths, plan.table.dialogues, plan.facts)
        return self._request(intents.ImportData(plan.facts))

    def start(self, targets: Sequence[str] = ()) -> int:
        """Request the named jobs and all that they depend on; every planned job for no target.

        Returns:
            The intent's id. Its result lists the jobs.

        Raises:
            UserError: config.toml is invalid.
        """
        load_config(self._paths.config)
        return self._request(intents.Start(tuple(targets)))

    def validate_judge(self, judge: str, pairs: int) -> int:
        """Measure how far a judge agrees with people, on so many pairs with a better response by the
        ratings."""
        load_config(self._paths.config)
        return self._request(intents.Start((f"validate:{judge}",), {judge: pairs}))

    def vote(self, item: BallotItem, a: str, b: str, voter: str, choice: Choice) -> int:
        """Record the choice of `voter` on a ballot item about the responders `a` and `b`; the intent's id.

        It starts no supervisor: call `ensure_supervisor` once. Raises `UserError` when the store cannot be
        written.
        """
        from core.judging import voting

        return self._write(intents.CastVote(voting.record(item, a, b, voter, choice, time.time())))

    def unvote(self, item: BallotItem, a: str, b: str, voter: str) -> int:
        """Withdraw the vote of `voter` on a ballot item; otherwise like `vote`."""
        from core.judging import voting

        return self._write(intents.WithdrawVote(voting.record(item, a, b, voter, "skip", time.time())))

    def cancel(self, job: str) -> int:
        """Stop a job that waits or runs; a run can go on later from its last checkpoint."""
        return self._request(intents.Cancel(job))

    def retry(self, job: str) -> int:
        """Try a failed or cancelled job again, with the failed ones that it depends on."""
        return self._request(intents.Retry(job))

    def refresh(self, job: str) -> int:
        """Have a running job that waits for batches poll them now."""
        return self._request(intents.Refresh(job))

    def adopt(self, batch: str, job: str) -> int:
        """Have a job of stage `generate` take the answers of a batch that exists at its provider."""
        return self._request(intents.Adopt(job, batch))

    def pause(self) -> int:
        """Start no more jobs until `resume`; those that run go on."""
        return self._request(intents.Pause())

    def resume(self) -> int:
        """Start jobs again after `pause`."""
        return self._request(intents.Resume())

    def ensure_supervisor(self) -> None:
        """Start a supervisor if none runs. Raises `UserError` when it does not come up."""
        launch.ensure(self._paths)

    def wait(self, intent: int, stop: threading.Event | None = None, timeout_s: float = 60) -> IntentResult:
        """The outcome of an intent, once the supervisor has carried it out.

        Raises `UserError` with its error when it failed, or when nothing came in `timeout_s`.
        """
        stop = stop or threading.Event()
        deadline = time.monotonic() + timeout_s
        while True:
            outcome = self._pipeline.intent(intent)
            if outcome.state == "failed":
                raise UserError(outcome.error or "the supervisor refused, without a reason")
            if outcome.state == "done":
                return outcome
            if time.monotonic() > deadline:
                log = self._paths.supervisor_log
                raise UserError(f"the supervisor has not answered for {timeout_s:.0f} s; see {log}")
            launch.ensure(self._paths)
            if stop.wait(0.05):
                return outcome

    def fetch_data(self, progress: Callable[[int, int | None], None], url: str = fetch.DATA_URL) -> Path:
        """Download the public data set into the workspace; the file's path."""
        self._paths.check_writable()
        return fetch.fetch(self._paths.root / "dataset.csv", progress, url)

    def export_llama_factory(self, folder: Path, recipes: Sequence[str] = ()) -> list[Path]:
        """Write the recipes' examples for LLaMA-Factory; those of all that can be made for none named.

        Raises `UserError` for a recipe whose teacher has not answered yet.
        """
        facts, dialogues = self._data.facts(), self._data.dialogues()
        if facts is None:
            raise UserError("there is no data yet: `empathy-tui import CSV` first")
        for name in recipes:
            catalog.check(name, facts.sources)
        asking = (name for name in recipes or strategies.names() if strategies.needs(name))
        improved = {
            name: texts for name in asking if (texts := self._data.improved_responses(name)) is not None
        }
        for name in recipes:
            if strategies.needs(name) and name not in improved:
                raise UserError(
                    f"the teacher has not answered yet for {name}: name it under recipes.train in "
                    f"config.toml, and `empathy-tui run recipe:{name}`"
                )
        return llama_factory.export(
            folder,
            dialogues,
            recipes or (*catalog.direct_recipes(facts.sources), *improved),
            load_config(self._paths.config).recipes,
            templates.load("student", self._paths.prompts),
            improved,
        )

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
                f"{self._paths.state} cannot be written: {error}. See that its disk has room and that no "
                "other program holds it, then try again"
            ) from error
        finally:
            connection.close()

    def _stale(self, facts: ImportedData) -> tuple[Job, ...]:
        """Finished jobs of today's graph that the graph over `facts` no longer has."""
        kept = {node.id for node in self._pipeline.plan_over(facts)}
        return tuple(
            job for job in self._pipeline.snapshot().jobs if job.state == "done" and job.id not in kept
        )
