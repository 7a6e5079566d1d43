"""Commands: imports, exports, and intents for the supervisor."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.config.load import load_config, parse_config, read_config
from core.config.workspace import WorkspacePaths
from core.dialogues import fetch
from core.dialogues.importing import staging
from core.domain.errors import UserError
from core.domain.jobs.events import IntentResult, StartOutcome
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import tag_problem
from core.jobs import files
from core.pipeline import launch
from core.prompts import templates
from core.recipes import catalog, llama_factory, own_strategies, strategies
from core.services.data.reader import DataReader
from core.services.pipeline.completion import Completion, completion_of
from core.services.pipeline.reader import PipelineReader
from core.store import connections, intents
from core.store.intents import IntentRequest
from core.store.resting import read_again
from core.students.models import model_sources

if TYPE_CHECKING:
    from core.dialogues.sources.reader_protocol import ReadingProgress
    from core.domain.evaluation.votes import Choice
    from core.judging.voting import BallotItem
    from core.pipeline.rebuilding.rebuild import Rebuilt
    from core.services.data.import_plans import ImportPlan

#: Seconds between two looks at jobs that are waited for.
_POLL_S = 0.25
#: How many supervisors in a row may end without any progress.
_MAX_SUPERVISORS = 10


class Commands:
    """Changes a workspace. Every method that writes raises `UserError` in a read-only one.

    A method that returns an intent's id only requests a change: `wait` waits until it is carried out.
    """

    def __init__(self, paths: WorkspacePaths, pipeline: PipelineReader, data: DataReader) -> None:
        self._paths = paths
        self._pipeline = pipeline
        self._data = data

    def plan_import(
        self,
        file: Path | None,
        *,
        columns: Sequence[str] = (),
        encoding: str | None = None,
        strict: bool = False,
        progress: ReadingProgress | None = None,
    ) -> ImportPlan:
        """Check `file` and describe the effects of importing it. Writes nothing in the workspace.

        None stands for the data sets of config.toml together, which are read with options of their own.
        A path such as `hf:OWNER/NAME` names a data set on the Hugging Face Hub, which is downloaded.

        It is read as [data] in config.toml says. `columns` are of the form `situation=context`; they and
        `encoding` have priority. `progress` is called with what is read and the size of all, then with the
        dialogues that are compared with others. The dialogues are kept in a temporary file until the plan is
        no longer used.

        Raises `UserError` (`TableError` with every problem) if the file is invalid; with `strict` also if it
        has suspicious texts, or responses that would be left out.
        """
        from core.services.data import import_plans

        return import_plans.plan(
            self._paths,
            self._pipeline,
            self._data,
            file,
            columns=columns,
            encoding=encoding,
            strict=strict,
            progress=progress,
        )

    def apply_import(self, plan: ImportPlan) -> int:
        """Stage the planned data and request its import; returns the intent's id."""
        self._paths.check_writable()
        staging.stage(self._paths, plan.table.dialogues, plan.imported)
        return self._request(intents.ImportData(plan.imported))

    def start(self, targets: Sequence[str] = (), *, force: bool = False, engine: str | None = None) -> int:
        """Request the named jobs with their dependencies; all planned jobs if there is no target.

        The first time that a model on the Hub is used, it is found out which commit its name stands for:
        the workspace stays at it. This takes a request to the Hub unless the model is in the local cache.

        Args:
            targets: Jobs, stages or names.
            force: Do the named jobs again from the start if they have ended. Their results stay until there
                are new ones.
            engine: The engine that runs them, `local` or one of config.toml; None for those of their slots.

        Returns:
            The intent's id. Its result lists the jobs.

        Raises:
            UserError: config.toml is invalid.
        """
        config = load_config(self._paths.config)
        commits = model_sources.new_commits(config, self._paths.root, self._pipeline.commits())
        return self._request(intents.Start(tuple(targets), commits=commits, force=force, engine=engine))

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
        """Retry a failed or cancelled job, with its failed or cancelled dependencies.

        One that a rung has stopped starts whatever the rung decided.
        """
        return self._request(intents.Retry(job))

    def reparse(self, judges: Sequence[str] = ()) -> int:
        """Read the verdicts of `judges`, by default all, again from their stored answers.

        Nothing is sent, and nothing costs anything. Returns the intent's id; its result lists the jobs that
        make their results again.
        """
        return self._request(intents.Reparse(tuple(judges)))

    def refresh(self, job: str) -> int:
        """Make a running job poll its batches now."""
        return self._request(intents.Refresh(job))

    def adopt(self, batch: str, job: str) -> int:
        """Make a job of stage `generate` use the answers of a batch that exists at its provider."""
        return self._request(intents.Adopt(job, batch))

    def archive_runs(self, jobs: Sequence[str], *, archived: bool = True) -> int:
        """Hide superseded runs from lists, or show them again."""
        return self._request(intents.NoteRuns(tuple(jobs), archived=archived))

    def tag_runs(self, jobs: Sequence[str], add: Sequence[str] = (), remove: Sequence[str] = ()) -> int:
        """Add tags to runs, and remove others. Raises `UserError` for a tag that is not one word."""
        for tag in add:
            if (problem := tag_problem(tag)) is not None:
                raise UserError(problem)
        return self._request(intents.NoteRuns(tuple(jobs), add_tags=tuple(add), remove_tags=tuple(remove)))

    def note_run(self, job: str, note: str) -> int:
        """Replace the note on a run; an empty text removes it."""
        return self._request(intents.NoteRuns((job,), note=note.strip()))

    def delete_runs(self, jobs: Sequence[str]) -> int:
        """Delete superseded runs; `RunsReader.deletion` says what goes with them.

        The intent's result has the space that was freed. Its error says what still needs a run.
        """
        return self._request(intents.DeleteRuns(tuple(jobs)))

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

        Raises `UserError` with the intent's error if it failed, if state.db was removed or made again and has
        no such intent, or after `timeout_s` seconds.
        """
        stop = stop or threading.Event()
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                outcome = read_again(lambda: self._pipeline.intent(intent))
            except KeyError:
                raise UserError(
                    "state.db was removed or rebuilt, and does not have this request: see `empathy-tui "
                    "status`, and make the request again"
                ) from None
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

    def run(
        self,
        targets: Sequence[str] = (),
        *,
        force: bool = False,
        progress: Callable[[tuple[Job, ...]], None] | None = None,
    ) -> Completion:
        """Start the named jobs as `start` does, and wait until they are done or cannot go on.

        `progress` is called with the jobs several times a second. The jobs continue when this is interrupted.
        """
        started = self.wait(self.start(targets, force=force)).outcome
        assert isinstance(started, StartOutcome)
        return self.wait_for_jobs(started.jobs, progress)

    def wait_for_jobs(
        self, wanted: Sequence[str], progress: Callable[[tuple[Job, ...]], None] | None = None
    ) -> Completion:
        """Wait until jobs are done or cannot go on; `wanted` are their ids, and those of all they depend on.

        Starts a supervisor that was killed again. Raises `UserError` when it keeps ending without progress.
        """
        supervisors, before = 0, None
        while True:
            snapshot = read_again(self._pipeline.snapshot)
            jobs = read_again(lambda: self._pipeline.jobs(wanted))
            if progress is not None:
                progress(jobs)
            found = completion_of(snapshot, jobs)
            if found is not None:
                return found
            now = [(job.state, job.done, job.attempt) for job in jobs]
            supervisors, before = (supervisors if now == before else 0), now
            if not snapshot.supervisor.running:
                supervisors += 1
                if supervisors > _MAX_SUPERVISORS:
                    raise UserError(
                        f"the supervisor has ended {_MAX_SUPERVISORS} times without progress; "
                        f"see {self._paths.supervisor_log}"
                    )
                self.ensure_supervisor()
            time.sleep(_POLL_S)

    def rebuild(self) -> Rebuilt:
        """Make state.db again from the folders of all attempts; the old one is kept beside it.

        Raises `UserError` if a supervisor runs, the workspace is read-only, or the folder is no workspace.
        """
        from core.pipeline.rebuilding import rebuild

        self._paths.check_is_workspace()
        try:
            return rebuild.rebuild(self._paths)
        except OSError as error:
            raise UserError(f"state.db cannot be rebuilt: {error}") from error

    def fetch_data(self, progress: Callable[[int, int | None], None], url: str = fetch.DATA_URL) -> Path:
        """Download the public data set into the workspace; returns the file's path."""
        self._paths.check_writable()
        return fetch.fetch(self._paths.root / "dataset.csv", progress, url)

    def export_llama_factory(self, folder: Path, recipes: Sequence[str] = ()) -> list[Path]:
        """Write the examples of recipes for LLaMA-Factory; of all available recipes if none is named.

        Raises `UserError` for a recipe whose teacher responses are not generated yet, or whose pairs a judge
        filters and has not filtered yet.
        """
        self._paths.check_output(folder)
        imported, dialogues = self._data.imported(), self._data.dialogues()
        if imported is None:
            raise UserError("no data is imported: run `empathy-tui import FILE` first")
        config = load_config(self._paths.config)
        own = own_strategies.recipes(own_strategies.valid(self._paths.prompts, config.definition))
        for name in recipes:
            catalog.check(name, imported.sources, own)
            catalog.check_data(name, imported)
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
        chosen = recipes or (*catalog.available_direct(imported), *improved)
        if not chosen:
            raise UserError(
                "there is nothing to export: this data allows no recipe without a teacher, and no teacher "
                "responses are generated yet"
            )
        return llama_factory.export(
            folder,
            dialogues,
            chosen,
            config.recipes,
            templates.load("student", self._paths.prompts, config.definition),
            improved,
            {name: kept for name in chosen if (kept := self._data.kept_pairs(name)) is not None},
        )

    def save_config(self, before: str, after: str) -> None:
        """Replace the text of config.toml, `before`, by `after`.

        Raises `UserError` if the file has another text by now, or `after` is invalid.
        """
        self._paths.check_writable()
        parse_config(after, str(self._paths.config))
        # A link stays one.
        file = self._paths.config.resolve()
        if read_config(file) != before:
            raise UserError(f"{self._paths.config} has changed meanwhile and was not saved: look at it again")
        try:
            files.write_bytes(file, after.encode(), mode=stat.S_IMODE(file.stat().st_mode))
        except OSError as error:
            raise UserError(f"{self._paths.config} cannot be written: {error.strerror or error}") from error

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
        self._paths.check_is_workspace()
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
