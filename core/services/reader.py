"""What is: everything that screens and programs show, read in short read transactions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from core.config.schema import Config, Judge
from core.config.workspace import Workspace
from core.dialogues import statistics as dialogue_statistics
from core.dialogues.statistics import Statistics
from core.domain.dialogues import HUMAN, Dialogue, ImportedData
from core.domain.errors import UserError
from core.domain.events import Event, IntentResult
from core.domain.jobs import Job
from core.domain.recipes import Recipe
from core.domain.runs import MetricPoint, SampleAnswer
from core.domain.snapshot import DialogueCounts, SlotUse, Snapshot, Supervisor
from core.domain.verdicts import Pair
from core.domain.win_rates import WinRate
from core.pipeline import launch, planner, workspace_graph
from core.pipeline.planner import Node
from core.recipes import catalog, strategies
from core.services import job_states
from core.services.workspace_state import Source
from core.store import connections, intents, queries
from core.store import dialogues as stored_data
from core.store import jobs as stored_jobs

if TYPE_CHECKING:
    # Defining them takes time, and the first screen shows none of them.
    from core.domain.comparisons import (
        Agreement,
        Comparison,
        HumanWinRate,
        PairedTest,
        Ranking,
        Scorecard,
        Vote,
    )
    from core.domain.dialogue_pages import Response
    from core.domain.submissions import (
        AnswerCount,
        BatchMoment,
        Estimate,
        SentRequest,
        Spending,
        Submission,
    )
    from core.judging.voting import Paper
    from core.services.browsing import Browser
    from core.services.comparisons import Outcomes
    from core.services.curves import CurveReader, Curves
    from core.services.logs import Log
    from core.store.submissions import Sums

T = TypeVar("T")


class Reader:
    """Reads one workspace, from one thread at a time.

    Every method may raise `UserError` when state.db cannot be read. A workspace without a
    state.db reads as an empty one.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._source = Source(workspace)
        #: What was worked out, by name, with all that it depends on.
        self._made: dict[str, tuple[object, Any]] = {}
        #: What was read of jobs the last time.
        self._jobs: queries.Known = {}
        #: Of collected submissions, to which no answer is added any more.
        self._sums: dict[str, Sums] = {}
        #: Of finished comparisons, whose verdicts do not change any more.
        self._decided: dict[str, Outcomes] = {}
        self._curves: CurveReader | None = None

    def close(self) -> None:
        self._source.close()

    def version(self) -> tuple[object, ...]:
        """Something that differs whenever what this reader says may differ; costs microseconds."""
        return self._source.version()

    def supervisor(self) -> Supervisor:
        """Whether a supervisor lives, which `version` does not tell."""
        return Supervisor(*launch.is_running(self.workspace))

    def snapshot(self) -> Snapshot:
        """The whole pipeline at one moment; the same object as the last time if nothing moved."""
        supervisor = self.supervisor()
        # The version from before: what comes in between is looked at again.
        return self._kept("snapshot", (self.version(), supervisor), lambda: self._look(supervisor))

    def _look(self, supervisor: Supervisor) -> Snapshot:
        config, config_error = self._source.config()
        connection = self._source.connection()
        jobs: dict[str, Job] = {}
        facts, counts, used, paused = None, DialogueCounts(0, 0, 0), dict[str, int](), False
        if connection is not None:
            with connections.snapshot(connection):
                facts = stored_data.imported(connection)
                counts = stored_data.counts(connection)
                used = queries.slot_use(connection)
                paused = stored_jobs.setting(connection, "paused") is not None
                jobs = queries.jobs(connection, self._jobs)
        nodes, plan_error = self._source.plan(config, facts)
        slot_totals = (config or Config()).slots
        slot_views = (
            SlotUse("gpu", used.get("gpu", 0), slot_totals.gpu),
            SlotUse("cpu", used.get("cpu", 0), slot_totals.cpu),
            SlotUse("api", used.get("api", 0), slot_totals.api),
            SlotUse("batch", used.get("batch", 0), slot_totals.batch),
        )
        shown = job_states.current(nodes, jobs)
        return Snapshot(
            version=0 if connection is None else connections.data_version(connection),
            workspace=str(self.workspace.root),
            dialogues=counts,
            supervisor=supervisor,
            paused=paused,
            slots=slot_views,
            jobs=tuple(job_states.with_reason(job, jobs, paused, slot_views) for job in shown),
            config_error=config_error or plan_error,
            app=None if config is None and config_error is not None else (config or Config()).app,
        )

    def jobs(self, ids: Sequence[str]) -> tuple[Job, ...]:
        """Those of these jobs that were asked for, whatever config.toml says by now; in this order."""
        connection = self._source.connection()
        known = {} if connection is None else queries.jobs(connection, self._jobs)
        return tuple(known[job] for job in ids if job in known)

    def recipes(self) -> tuple[Recipe, ...]:
        """All recipes over the imported data, and what each yields; with a teacher, if all answers come."""
        facts, dialogues = self._source.data()
        if facts is None:
            return ()
        config, _ = self._source.config()
        settings = (config or Config()).recipes

        def count() -> tuple[Recipe, ...]:
            found = []
            for name in catalog.names(facts.sources):
                _, examples, pairs = catalog.counts(dialogues, name, settings)
                found.append(Recipe(name, catalog.method(name), examples, pairs))
            return tuple(found)

        return self._kept("recipes", (facts, settings), count)

    def improved(self, recipe: str) -> list[dict[str, str]] | None:
        """The sets of a teacher's responses, by dialogue, that a recipe unites; None until all are there."""
        from core.dialogues import response_file

        nodes, _ = self._source.plan(self._source.config()[0], self.data())
        connection = self._source.connection()
        ids = {node.name: node.id for node in nodes if node.stage == "teach"}
        found = []
        for taught in strategies.needs(recipe).values():
            job = ids.get(taught)
            output = (
                None
                if connection is None or job is None
                else stored_jobs.artifact(connection, job, "answers")
            )
            if output is None or not (self.workspace.root / output[0]).exists():
                return None
            found.append(response_file.read(self.workspace.root / output[0]))
        return found

    def statistics(self) -> Statistics | None:
        """The imported data in figures, or None when there is none."""
        facts, dialogues = self._source.data()
        if facts is None:
            return None
        return self._kept("statistics", facts, lambda: dialogue_statistics.describe(dialogues))

    def data(self) -> ImportedData | None:
        """What is imported: file, hashes, sources."""
        connection = self._source.connection()
        return None if connection is None else stored_data.imported(connection)

    def dialogues(self) -> list[Dialogue]:
        """All imported dialogues, in the file's order."""
        return self._source.data()[1]

    @property
    def browser(self) -> Browser:
        """The imported dialogues one by one, and a page at a time."""
        from core.services.browsing import Browser

        return Browser(self._source)

    def responses(self, dialog_id: str) -> tuple[Response, ...]:
        """What every responder answered to a dialogue, with its outcome against each baseline: base students,
        runs and teachers in the configuration's order, then the sources in the data."""
        from core.services import browsing

        connection = self._source.connection()
        if connection is None:
            return ()
        config, _ = self._source.config()
        teachers = () if config is None else config.teachers
        return browsing.responses(connection, self.snapshot().jobs, teachers, dialog_id)

    def win_rates(self) -> tuple[WinRate, ...]:
        """Every comparison of the configuration, with its figures once its verdicts are in."""
        from core.services import comparisons, judges

        jobs = self.snapshot().jobs
        held = self._calibrations(jobs)
        labels = {judge: judges.label(judge, held.get(judge)) for judge in self._judges()}
        # Most of what moves is of other jobs, or how far one is.
        said = [(job.id, job.state, job.result) for job in jobs if job.stage == "compare"]
        return self._kept("win rates", (said, labels), lambda: comparisons.win_rates(jobs, labels))

    def comparison(self, job: str) -> Comparison:
        """A finished comparison with its breakdown. Raises `KeyError` when there is none of that id."""
        from core.domain.comparisons import Comparison
        from core.services import comparisons

        rate = {rate.job: rate for rate in self.win_rates()}[job]
        if rate.n is None:
            return Comparison(rate, ())
        decided, texts = self._outcomes([rate])[job], self._texts([rate.b])[rate.b]
        return Comparison(rate, comparisons.breakdown(rate, decided, self.dialogues(), texts))

    def comparisons(self) -> tuple[Comparison, ...]:
        """All comparisons of the configuration, each with its breakdown once it is finished."""
        from core.domain.comparisons import Comparison
        from core.services import comparisons

        rates = self.win_rates()
        decided, texts = self._outcomes(rates), self._texts({rate.b for rate in rates})
        test = [dialogue for dialogue in self.dialogues() if dialogue.split == "test"]
        return tuple(
            Comparison(
                rate,
                comparisons.breakdown(rate, decided[rate.job], test, texts[rate.b])
                if rate.job in decided
                else (),
            )
            for rate in rates
        )

    def rankings(self) -> tuple[Ranking, ...]:
        """Each judge's ranking of all responders that it compared."""
        from core.services import comparisons

        rates = self.win_rates()
        return self._kept("rankings", rates, lambda: comparisons.rankings(rates, self._outcomes(rates)))

    def paired_tests(self) -> tuple[PairedTest, ...]:
        """All pairs of responders that met the same third one under the same judge, tested."""
        from core.services import comparisons

        rates = self.win_rates()
        return self._kept(
            "paired tests", rates, lambda: comparisons.paired_tests(rates, self._outcomes(rates))
        )

    def agreements(self) -> tuple[Agreement, ...]:
        """How far judges agree with each other, voters with each other, and voters with judges."""
        from core.services import judges

        rates, found = self.win_rates(), self._votes()
        decided, texts = self._outcomes(rates), self._texts(judges.voted(found))
        return (*judges.agreements(rates, decided), *judges.of_voters(rates, decided, found, texts))

    def scorecards(self) -> tuple[Scorecard, ...]:
        """What is known of each judge of the configuration."""
        from core.services import judges

        connection, jobs = self._source.connection(), self.snapshot().jobs
        if connection is None:
            return ()
        return judges.scorecards(connection, self._judges(), jobs, self._calibrations(jobs))

    def responders(self) -> tuple[str, ...]:
        """Everything that answers the test split: sources in the data, base students, runs."""
        facts = self.data()
        sources = () if facts is None else (HUMAN, *facts.sources)
        answering = (job.name for job in self.snapshot().jobs if job.stage == "respond")
        return tuple(dict.fromkeys([*answering, *sources]))

    def pairs(self, a: str, b: str) -> tuple[Pair, ...]:
        """The test dialogues with the responses of `a` and `b`, and all verdicts on them.

        A comparison of `b` with `a` counts, turned round. Raises `UserError` when there is no such
        responder.
        """
        self._check_responders(a, b)
        facts, dialogues = self._source.data()
        connection = self._source.connection()
        if connection is None:
            return ()
        from core.services import comparisons

        jobs = comparisons.concerned(self.snapshot().jobs, a, b)

        def read() -> tuple[Pair, ...]:
            with connections.snapshot(connection):
                return comparisons.pairs(connection, jobs, dialogues, a, b)

        # What runs brings responses and verdicts that no job tells of.
        if any(job.state == "running" for job in jobs):
            return read()
        return self._kept("pairs", (facts, jobs, a, b), read)

    def papers(self, a: str, b: str, voter: str) -> tuple[Paper, ...]:
        """What `voter` is to be shown of the test split's responses of `a` and `b`, in the order of showing.

        Raises `UserError` when there is no such responder, or the two are one.
        """
        from core.judging import voting

        if a == b:
            raise UserError(f"{a!r} stands on both sides: name two responders")
        self._check_responders(a, b)
        texts = self._texts((a, b))
        return voting.papers(self.dialogues(), texts[a], texts[b], voter, self._votes())

    def human_win_rate(self, a: str, b: str) -> HumanWinRate | None:
        """What people voted on `a` and `b`; None where nobody did."""
        from core.judging import voting

        texts = self._texts((a, b))
        return voting.win_rate(a, b, self._votes(), texts[a], texts[b])

    def human_win_rates(self) -> tuple[HumanWinRate, ...]:
        """What people voted on any two responders' present texts."""
        from core.services import judges

        found = self._votes()
        return judges.human_win_rates(found, self._texts(judges.voted(found)))

    def metrics(self, job: str, after_step: int = -1) -> list[MetricPoint]:
        """A run's logged figures after `after_step`, those that are finite."""
        connection = self._source.connection()
        return [] if connection is None else queries.metrics(connection, job, after_step)

    def curves(self, jobs: Sequence[str], limit: int = 50_000) -> list[Curves]:
        """The curves of those of these runs that were asked for, in this order.

        At most `limit` points are read that were not before, some 0.1 s of work for 50,000: ask again
        until all curves are whole.
        """
        if self._curves is None:
            from core.services.curves import CurveReader

            self._curves = CurveReader()
        connection = self._source.connection()
        return [] if connection is None else self._curves.read(connection, jobs, limit)

    def last_figures(self, name: str) -> dict[str, float]:
        """What each run logged last under `name`, by job; runs that did not are left out."""
        connection = self._source.connection()
        return {} if connection is None else queries.last_figures(connection, name)

    def run_settings(self, job: str) -> dict[str, dict[str, Any]]:
        """What a run is, or would be, trained with: group → TRL's and PEFT's names → values.

        With the versions of the libraries once it has started. Empty when there is no such run.
        """
        connection = self._source.connection()
        settings = None if connection is None else queries.settings(connection, job)
        if settings is None:
            nodes, _ = self._source.plan(self._source.config()[0], self.data())
            settings = next((node.settings for node in nodes if node.id == job), {})
        groups = {name: dict(settings[name]) for name in ("training", "lora", "student") if name in settings}
        if "training" in groups:
            groups["training"] |= {name: settings[name] for name in ("device", "dtype") if name in settings}
        libraries = self._libraries(job)
        return groups | ({"libraries": libraries} if libraries else {})

    def samples(self, job: str) -> list[SampleAnswer]:
        """What a run's student answered to fixed test dialogues as training went."""
        connection = self._source.connection()
        return [] if connection is None else queries.samples(connection, job)

    def submissions(self) -> list[Submission]:
        """Everything that was sent to teachers, newest first."""
        from core.store import submissions

        connection = self._source.connection()
        return [] if connection is None else submissions.submissions(connection, self._sums)

    def estimates(
        self, targets: Sequence[str] = (), calibrate: Mapping[str, int] | None = None
    ) -> tuple[Estimate, ...]:
        """What recipes and judges among `targets` (all for none) will still ask, and what it costs.

        `calibrate` are judges that are to be held against people, and on how many pairs.
        What recipes share is told under the first of them. Builds the requests: a second or two for all
        recipes of a large data set. Raises `UserError` for a target that names nothing.
        """
        from core.services import spending

        facts, dialogues = self._source.data()
        config, connection = self._source.config()[0], self._source.connection()
        nodes, _ = self._source.plan(config, facts)
        if connection is None:
            return ()
        if calibrate and config is not None and facts is not None:
            nodes = workspace_graph.plan(self.workspace, config, facts, calibrate)
        return spending.estimates(connection, self.workspace, nodes, targets, dialogues)

    def spending(self) -> Spending:
        """What was spent on teachers, and what is bound in requests that are on their way."""
        from core.services import spending

        config = self._source.config()[0] or Config()
        nodes, _ = self._source.plan(config, self.data())
        return spending.spending(self._source.connection(), config, nodes, self._sums)

    def moments(self, token: str) -> list[BatchMoment]:
        """The timeline of a submission, oldest first."""
        from core.store import submissions

        connection = self._source.connection()
        return [] if connection is None else submissions.moments(connection, token)

    def answer_counts(self, token: str) -> list[AnswerCount]:
        """How a submission's requests ended, the most frequent way first."""
        from core.store import submissions

        connection = self._source.connection()
        return [] if connection is None else submissions.outcomes(connection, token)

    def sent_requests(
        self,
        token: str,
        group: tuple[str, str | None] | None = None,
        after: tuple[str, int] = ("", 0),
        limit: int = 500,
    ) -> list[SentRequest]:
        """A submission's requests behind (key, number) `after`: all, or those of one (outcome, error)."""
        from core.store import submissions

        connection = self._source.connection()
        return [] if connection is None else submissions.requests(connection, token, group, after, limit)

    def events(self, job: str | None = None, limit: int = 200) -> list[Event]:
        """The newest events, oldest first."""
        connection = self._source.connection()
        return [] if connection is None else queries.events(connection, job=job, limit=limit)

    def intent(self, intent: int) -> IntentResult:
        """What became of an intent. Raises `KeyError` when there is none of that id."""
        connection = self._source.connection()
        if connection is None:
            raise KeyError(intent)
        return intents.outcome(connection, intent)

    def has_pending_intents(self) -> bool:
        connection = self._source.connection()
        return connection is not None and bool(intents.pending(connection))

    def find_job(self, wanted: str) -> str:
        """The id of the job that `wanted` names. Raises `UserError` when it is not exactly one."""
        return planner.find([(job.id, job.stage, job.name) for job in self.snapshot().jobs], wanted)

    def log(self, job: str | None, attempt: int | None = None) -> Log | None:
        """The log of an attempt at a job, the newest for None; of the supervisor for no job.

        None when the job never ran, or has no such attempt.
        """
        from core.pipeline.worker_processes import LOG
        from core.services.logs import Log

        if job is None:
            return Log(self.workspace.supervisor_log)
        connection = self._source.connection()
        folders = {} if connection is None else dict(queries.attempt_folders(connection, job))
        number = attempt or max(folders, default=0)
        if number not in folders:
            return None
        return Log(self.workspace.root / folders[number] / LOG, number, tuple(folders))

    def plan_over(self, facts: ImportedData) -> tuple[Node, ...]:
        """The jobs that the configuration would ask for with other data; none when it does not hold."""
        config, _ = self._source.config()
        if config is None:
            return ()
        try:
            return workspace_graph.plan(self.workspace, config, facts)
        except UserError:
            return ()

    def _kept(self, name: str, key: object, make: Callable[[], T]) -> T:
        """What `make` makes, or what it made the last time if `key` was the same then."""
        known = self._made.get(name)
        if known is None or known[0] != key:
            known = self._made[name] = (key, make())
        made: T = known[1]
        return made

    def _libraries(self, job: str) -> dict[str, Any]:
        """The versions that the newest attempt at a run wrote down as it started."""
        connection = self._source.connection()
        folders = [] if connection is None else queries.attempt_folders(connection, job)
        try:
            record = (self.workspace.root / folders[-1][1] / "run.json").read_bytes()
            return dict(json.loads(record)["libraries"])
        except (IndexError, OSError, ValueError, KeyError):
            return {}

    def _check_responders(self, *names: str) -> None:
        known = self.responders()
        for name in names:
            if name not in known:
                there_are = ", ".join(known) or "none before an import"
                raise UserError(f"no responder is called {name!r}. There are: {there_are}")

    def _texts(self, responders: Iterable[str]) -> dict[str, dict[str, str]]:
        """The texts of each responder, by dialogue of the test split."""
        from core.services import comparisons

        connection, jobs = self._source.connection(), self.snapshot().jobs
        if connection is None:
            return {name: {} for name in responders}
        return {name: comparisons.texts(connection, jobs, name) for name in responders}

    def _votes(self) -> list[Vote]:
        from core.store import votes

        connection = self._source.connection()
        return [] if connection is None else votes.votes(connection)

    def _judges(self) -> dict[str, Judge]:
        config, _ = self._source.config()
        return {} if config is None else config.judges

    def _outcomes(self, rates: Sequence[WinRate]) -> dict[str, Outcomes]:
        """By job, of those comparisons that are finished."""
        from core.services import comparisons

        connection = self._source.connection()
        assert connection is not None or not rates
        done = [rate.job for rate in rates if rate.n is not None]
        for job in done:
            if job not in self._decided and connection is not None:
                self._decided[job] = comparisons.outcomes(connection, job)
        return {job: self._decided[job] for job in done}

    def _calibrations(self, jobs: Sequence[Job]) -> dict[str, Job]:
        """Of each judge the job that told its agreement with people: of most pairs, as it is set now."""
        config, facts, connection = self._source.config()[0], self.data(), self._source.connection()
        found: dict[str, Job] = {job.name: job for job in jobs if job.stage == "judge" and job.result}
        if config is None or facts is None or connection is None:
            return found
        held = [job for job in jobs if job.stage == "calibrate" and job.result and job.name in config.judges]
        for job in sorted(held, key=lambda job: (job.result or {})["agreement_pairs"]):
            if workspace_graph.is_of_judge(
                self.workspace, config, facts, stored_jobs.get(connection, job.id)
            ):
                found[job.name] = job
        return found
