"""Win rates and pairs of responses: of the configuration, and of what other settings superseded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import msgspec

from core.domain.data.dialogues import HUMAN
from core.domain.errors import UserError, unknown_name
from core.domain.evaluation import win_rates
from core.domain.evaluation.verdicts import Pair
from core.domain.evaluation.win_rates import SameAnswers, WinRate
from core.domain.jobs.job import Job
from core.domain.names import ComparisonName, is_of_rung
from core.services.evaluation import (
    comparisons,
    judges,
    same_answers,
)
from core.services.evaluation.result_data import ResultData
from core.services.pipeline.reader import PipelineReader
from core.services.pipeline.versions import Versions
from core.services.workspace_state import WorkspaceState
from core.store import connections

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.domain.evaluation.comparisons import (
        PairedTest,
    )


class ComparisonReader:
    """Reads the results of comparisons by judges, and the responses behind them.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader, versions: Versions) -> None:
        self._state = state
        self._pipeline = pipeline
        self._versions = versions
        self._data = ResultData(state, pipeline)

    def win_rates(self) -> tuple[WinRate, ...]:
        """Every comparison of the configuration over the test split; its numbers are None until it is done.

        Those of rungs, over train dialogues, are no results.
        """
        rates, same = self.rates(), self.same_answers()
        return self._state.remember("win rates", (rates, same), lambda: same_answers.add(rates, same))

    def judge_labels(self) -> dict[str, str]:
        """Judge → one line on its agreement with people, which is shown wherever its results are."""
        return win_rates.judge_labels(self.rates())

    def rates(self) -> tuple[WinRate, ...]:
        """The same without `same_as_b`, which needs all responses."""
        jobs = self._pipeline.snapshot().jobs
        validated = self._data.validated(jobs)
        labels = {judge: judges.label(judge, validated.get(judge)) for judge in self._data.judges()}
        # Most changes concern other jobs, or the progress of one.
        compared = [job for job in jobs if job.stage == "compare" and _is_of_test_split(job)]
        compare_jobs = [(job.id, job.state, job.result) for job in compared]
        return self._state.remember(
            "rates", (compare_jobs, labels), lambda: comparisons.win_rates(compared, labels)
        )

    def all_win_rates(self) -> tuple[WinRate, ...]:
        """Every comparison of the configuration, and those that other settings superseded.

        Superseded responders and judges have the settings in which they differ behind an `@`. `p_holm`
        corrects for all of them.
        """
        jobs = [job for job in self._versions.jobs(("compare",)) if _is_of_test_split(job)]
        superseded = tuple(job for job in jobs if not job.in_config)
        current = self.win_rates()
        if not superseded:
            return current

        def make() -> tuple[WinRate, ...]:
            labels = {rate.judge: rate.label for rate in current if rate.label is not None}
            known = {rate.job: rate for rate in current}
            found = comparisons.win_rates(jobs, labels)
            same = {job: rate.same_as_b for job, rate in known.items()}
            return tuple(msgspec.structs.replace(rate, same_as_b=same.get(rate.job, ())) for rate in found)

        return self._state.remember("all win rates", (current, superseded), make)

    def find_comparison(self, wanted: str) -> str | None:
        """The job of the comparison of that name or job, which may be superseded; None if there is none."""
        return next((rate.job for rate in self.all_win_rates() if wanted in (rate.job, str(rate.name))), None)

    def same_answers(self) -> tuple[SameAnswers, ...]:
        """Responders with an answer in common, of each the ten most alike; the largest share first."""
        jobs = self._pipeline.snapshot().jobs
        # Not those that still answer: the numbers would change with every answer.
        done = {job.name: job.fingerprint for job in jobs if job.stage == "respond" and job.state == "done"}
        answering = {job.name for job in jobs if job.stage == "respond"}
        names = [name for name in self.responders() if name in done or name not in answering]
        return self._state.remember(
            "same answers",
            (names, done, self._state.imported()),
            lambda: self._data.same_answers(names),
        )

    def same_answers_of(self, responders: Iterable[str]) -> tuple[SameAnswers, ...]:
        """The same of these responders, which may be superseded."""
        return same_answers.find(self._texts_of_any(responders))

    def responders(self) -> tuple[str, ...]:
        """All responders: sources in the data, base students, runs, teachers."""
        imported = self._state.imported()
        sources = () if imported is None else (HUMAN, *imported.sources)
        jobs = self._pipeline.snapshot().jobs
        answering = (job.name for job in jobs if job.stage == "respond" and _is_of_test_split(job))
        return tuple(dict.fromkeys([*answering, *sources]))

    def superseded_responders(self) -> tuple[str, ...]:
        """The responders that other settings superseded, the newest first."""
        known = set(self.responders())
        jobs = self._versions.jobs(("respond",))
        found = [job.name for job in jobs if not job.in_config and _is_of_test_split(job)]
        return tuple(name for name in reversed(found) if name not in known)

    def pairs(self, a: str, b: str) -> tuple[Pair, ...]:
        """The test dialogues with the responses of `a` and `b`, and all verdicts on them.

        Verdicts of a comparison of `b` with `a` are mirrored. Raises `UserError` if a responder does not
        exist.
        """
        self._check_responders(a, b, superseded=self.superseded_responders)
        imported, connection = self._state.imported(), self._state.connection()
        if connection is None:
            return ()
        jobs = comparisons.concerned(self._jobs_of((a, b)), a, b)

        def read() -> tuple[Pair, ...]:
            with connections.snapshot(connection):
                return comparisons.pairs(connection, jobs, a, b)

        # A running job adds responses and verdicts without a change of its row.
        if any(job.state == "running" for job in jobs):
            return read()
        return self._state.remember("pairs", (imported, jobs, a, b), read)

    def tests_between(self, responders: Collection[str]) -> tuple[PairedTest, ...]:
        """Paired tests of any two of these responders that a judge compared with the same baseline.

        They may be superseded; the correction is for these tests alone.
        """
        rates = [rate for rate in self.all_win_rates() if rate.n is not None and rate.b in responders]
        return comparisons.paired_tests(rates, self._data.scores(rates))

    def _check_responders(self, *names: str, superseded: Callable[[], Collection[str]] = tuple) -> None:
        known = self.responders()
        for name in names:
            if name not in known and name not in superseded():
                raise UserError(unknown_name("responder", name, known, "none, because no data is imported"))

    def _texts_of_any(self, responders: Iterable[str]) -> dict[str, dict[str, str]]:
        """The responses to the test split, by dialogue, of responders of which some may be superseded."""
        connection, names = self._state.connection(), [*responders]
        if connection is None:
            return {name: {} for name in names}
        return comparisons.texts(connection, self._jobs_of(names), names)

    def _jobs_of(self, responders: Sequence[str]) -> Sequence[Job]:
        """The jobs of the configuration; the superseded ones too if any of these responders is of them."""
        known = set(self.responders())
        if known.issuperset(responders):
            return self._pipeline.snapshot().jobs
        return self._versions.jobs(("respond", "compare"))


def _is_of_test_split(job: Job) -> bool:
    """Whether a job of stage `respond` or `compare` is about the test split."""
    return not is_of_rung(ComparisonName.parse(job.name).b if job.stage == "compare" else job.name)
