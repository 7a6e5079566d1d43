"""What win rates, judges' quality and votes are computed from, each read once for each result of a job."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from sqlite3 import Connection
from typing import TYPE_CHECKING, TypeVar

from core.config.schema import JudgeConfig
from core.domain.data.dialogues import Dialogue
from core.domain.evaluation.win_rates import SameAnswers, WinRate
from core.domain.jobs.job import Job
from core.domain.jobs.results import CompareResult, JudgeResult, ValidateResult
from core.domain.names import ComparisonName
from core.pipeline.planning import workspace_graph
from core.services.evaluation import comparisons, same_answers
from core.services.evaluation.judges import Validated
from core.services.pipeline.reader import PipelineReader
from core.services.workspace_state import WorkspaceState
from core.store import connections
from core.store.dialogues import dialogue_queries
from core.store.evaluation import response_queries
from core.store.jobs import job_queries

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.domain.evaluation.votes import Vote
    from core.judging.metrics.judge_quality.judge_bias import BiasCounts
    from core.judging.metrics.scores import Scores
    from core.services.evaluation.comparisons import DimensionScores

T = TypeVar("T")


class ResultData:
    """Responses, verdicts, votes and judges of a workspace."""

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader) -> None:
        self._state = state
        self._pipeline = pipeline
        #: Job → its result, and what its verdicts amount to: they change when there is another result.
        self._known_scores: dict[str, tuple[object, Scores]] = {}
        self._known_dimensions: dict[str, tuple[object, DimensionScores]] = {}
        self._known_biases: dict[str, tuple[object, dict[str, BiasCounts]]] = {}

    def texts(self, responders: Iterable[str]) -> dict[str, dict[str, str]]:
        """Each responder's responses to the test split, by dialogue."""
        connection, jobs = self._state.connection(), self._pipeline.snapshot().jobs
        if connection is None:
            return {name: {} for name in responders}
        return comparisons.texts(connection, jobs, responders)

    def same_answers(self, responders: Sequence[str]) -> tuple[SameAnswers, ...]:
        """Those of these responders that give the same answers."""
        connection, jobs = self._state.connection(), self._pipeline.snapshot().jobs
        if connection is None:
            return ()
        answering = {job.name for job in jobs if job.stage == "respond"}
        sources = [name for name in responders if name not in answering]
        with connections.snapshot(connection):
            # Jobs may have answered few of hundreds of thousands of dialogues.
            texts = comparisons.texts(connection, jobs, responders, answered=True)
            known = self._state.remember(
                "same answers of sources",
                (sources, self._state.imported()),
                lambda: response_queries.same_responses(connection, sources),
            )
        return same_answers.find(texts, known)

    def dialogues(self, ids: Iterable[str]) -> dict[str, Dialogue]:
        """These dialogues by id: to read all of them takes seconds if there are hundreds of thousands."""
        connection = self._state.connection()
        return {} if connection is None else dialogue_queries.dialogues_named(connection, set(ids))

    def votes(self) -> list[Vote]:
        from core.store.evaluation import votes

        connection = self._state.connection()
        return [] if connection is None else votes.votes(connection)

    def judges(self) -> dict[str, JudgeConfig]:
        config, _ = self._state.config()
        return {} if config is None else config.judges

    def scores(self, rates: Sequence[WinRate]) -> dict[str, Scores]:
        """Job → scores by dialogue, of the finished comparisons."""
        return self._of_jobs(rates, self._known_scores, comparisons.dialogue_scores)

    def dimension_scores(self, rates: Sequence[WinRate]) -> dict[str, DimensionScores]:
        """Job → scores by dimension and dialogue, of the finished comparisons with dimensions."""
        wanted = [rate for rate in rates if rate.dimensions]
        return self._of_jobs(wanted, self._known_dimensions, comparisons.dimension_scores)

    def _of_jobs(
        self,
        rates: Sequence[WinRate],
        known: dict[str, tuple[object, T]],
        read: Callable[[Connection, str], T],
    ) -> dict[str, T]:
        """Job → what is read of its verdicts, once for each result of a finished comparison."""
        connection = self._state.connection()
        assert connection is not None or not rates
        results = {job.id: job.result for job in self._pipeline.snapshot().jobs}
        done = [rate.job for rate in rates if rate.n is not None]
        for job in done:
            if connection is not None and (job not in known or known[job][0] != results.get(job)):
                known[job] = (results.get(job), read(connection, job))
        return {job: known[job][1] for job in done}

    def biases(
        self, connection: Connection, jobs: Sequence[Job], validated: Mapping[str, Validated]
    ) -> dict[str, dict[str, BiasCounts]]:
        """Job → what its verdicts say of its judge, by dialogue: of finished comparisons and validations."""
        new = [
            (job.id, ComparisonName.parse(job.name), job.result)
            for job in jobs
            if isinstance(job.result, CompareResult) and self._is_new(job.id, job.result)
        ]
        texts = self.texts({side for _, name, _ in new for side in (name.a, name.b)})
        for id, name, result in new:
            sides = texts[name.a], texts[name.b]
            found = comparisons.bias_counts(connection, id, sides, result.placed > 0)
            self._known_biases[id] = (result, found)
        for one in validated.values():
            if isinstance(one.result, ValidateResult) and self._is_new(one.job, one.result):
                placed = one.result.placed > 0
                counts = comparisons.bias_counts(connection, one.job, ({}, {}), placed)
                self._known_biases[one.job] = (one.result, counts)
        return {job: found for job, (_, found) in self._known_biases.items()}

    def _is_new(self, job: str, result: CompareResult | ValidateResult) -> bool:
        return job not in self._known_biases or self._known_biases[job][0] != result

    def validated(self, jobs: Sequence[Job]) -> dict[str, Validated]:
        """Each judge's agreement with people with its current settings, measured on the most pairs."""
        config, imported, connection = (
            self._state.config()[0],
            self._state.imported(),
            self._state.connection(),
        )
        found = {
            job.name: Validated(job.id, job.result) for job in jobs if isinstance(job.result, JudgeResult)
        }
        if config is None or imported is None or connection is None:
            return found
        validations = [
            (job.result.agreement_pairs, job.name, Validated(job.id, job.result))
            for job in jobs
            if isinstance(job.result, ValidateResult) and job.name in config.judges
        ]
        for _, judge, validated in sorted(validations, key=lambda validation: validation[0]):
            settings = job_queries.settings(connection, validated.job)
            if workspace_graph.validates(self._state.paths, config, settings, judge):
                found[judge] = validated
        return found
