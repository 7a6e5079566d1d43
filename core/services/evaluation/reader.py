"""Evaluation: win rates, comparisons, rankings, judges, pairs of responses, and the votes of people."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from sqlite3 import Connection
from typing import TYPE_CHECKING, TypeVar

from core.config.schema import JudgeConfig
from core.domain.dialogues import HUMAN, Dialogue
from core.domain.errors import UserError
from core.domain.evaluation.verdicts import Pair
from core.domain.evaluation.win_rates import SameAnswers, WinRate
from core.domain.jobs import Job
from core.domain.names import ComparisonName
from core.domain.results import CompareResult, JudgeResult, ValidateResult
from core.pipeline import workspace_graph
from core.services.evaluation import (
    bias_models,
    comparisons,
    human_votes,
    judges,
    recipe_rates,
    same_answers,
)
from core.services.evaluation.judges import Validated
from core.services.pipeline.reader import PipelineReader
from core.services.versions import Versions
from core.services.workspace_state import WorkspaceState
from core.store import connections, queries

if TYPE_CHECKING:
    # Importing them takes time, and the first screen needs none of them.
    from core.domain.evaluation.bias_models import BiasModel
    from core.domain.evaluation.comparisons import (
        Agreement,
        Comparison,
        HumanWinRate,
        PairedTest,
        Ranking,
        RecipeRate,
        Scorecard,
    )
    from core.domain.evaluation.human_evaluation import AnnotatorTest, PredictionPoweredWinRate
    from core.domain.evaluation.study_plans import JudgePlan
    from core.domain.evaluation.votes import Vote
    from core.judging.metrics.judge_bias import BiasCounts
    from core.judging.metrics.scores import Scores
    from core.judging.voting import BallotItem
    from core.services.evaluation.comparisons import DimensionScores

T = TypeVar("T")


class EvaluationReader:
    """Reads the results of comparisons by judges and people.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader, versions: Versions) -> None:
        self._state = state
        self._pipeline = pipeline
        self._versions = versions
        #: Job → its result, and what its verdicts amount to: they change when there is another result.
        self._known_scores: dict[str, tuple[object, Scores]] = {}
        self._known_dimensions: dict[str, tuple[object, DimensionScores]] = {}
        self._known_biases: dict[str, tuple[object, dict[str, BiasCounts]]] = {}

    def win_rates(self) -> tuple[WinRate, ...]:
        """Every comparison of the configuration; its numbers are None until the comparison is done."""
        jobs = self._pipeline.snapshot().jobs
        validated = self._validated(jobs)
        labels = {judge: judges.label(judge, validated.get(judge)) for judge in self._judges()}
        # Most changes concern other jobs, or the progress of one.
        compare_jobs = [(job.id, job.state, job.result) for job in jobs if job.stage == "compare"]
        same = self.same_answers()
        return self._state.remember(
            "win rates",
            (compare_jobs, labels, same),
            lambda: same_answers.add(comparisons.win_rates(jobs, labels), same),
        )

    def all_win_rates(self) -> tuple[WinRate, ...]:
        """Every comparison of the configuration, and those that other settings superseded.

        Superseded responders and judges have the settings in which they differ behind an `@`. `p_holm`
        corrects for all of them.
        """
        jobs = self._versions.jobs(("compare",))
        superseded = tuple(job for job in jobs if not job.in_config)
        current = self.win_rates()
        if not superseded:
            return current

        def make() -> tuple[WinRate, ...]:
            labels = {rate.judge: rate.label for rate in current if rate.label is not None}
            known = {rate.job: rate for rate in current}
            found = comparisons.win_rates(jobs, labels)
            same = {job: rate.same_as_b for job, rate in known.items()}
            return tuple(replace(rate, same_as_b=same.get(rate.job, ())) for rate in found)

        return self._state.remember("all win rates", (current, superseded), make)

    def tests_between(self, responders: Collection[str]) -> tuple[PairedTest, ...]:
        """Paired tests of any two of these responders that a judge compared with the same baseline.

        They may be superseded; the correction is for these tests alone.
        """
        rates = [rate for rate in self.all_win_rates() if rate.n is not None and rate.b in responders]
        return comparisons.paired_tests(rates, self._scores(rates))

    def same_answers_of(self, responders: Iterable[str]) -> tuple[SameAnswers, ...]:
        """Every two of these responders, which may be superseded, with an answer in common."""
        return same_answers.find(self._texts(responders))

    def same_answers(self) -> tuple[SameAnswers, ...]:
        """Every two responders with an answer in common, those with the largest share first."""
        jobs = self._pipeline.snapshot().jobs
        # Not those that still answer: the numbers would change with every answer.
        done = {job.name: job.fingerprint for job in jobs if job.stage == "respond" and job.state == "done"}
        answering = {job.name for job in jobs if job.stage == "respond"}
        names = [name for name in self.responders() if name in done or name not in answering]
        return self._state.remember(
            "same answers",
            (names, done, self._state.imported()),
            lambda: same_answers.find(self._texts(names)),
        )

    def comparison(self, job: str) -> Comparison:
        """A comparison, which may be superseded, with its breakdown by emotion, sentiment and length.

        Raises:
            KeyError: No comparison has that job id.
        """
        current = {rate.job: rate for rate in self.win_rates()}
        rate = current.get(job) or {rate.job: rate for rate in self.all_win_rates()}[job]
        return self._with_breakdowns([rate])[0]

    def comparisons(self) -> tuple[Comparison, ...]:
        """All comparisons of the configuration, each with its breakdown if it is finished."""
        return self._with_breakdowns(self.win_rates())

    def recipe_rates(self) -> tuple[RecipeRate, ...]:
        """The win rate of each recipe over the base students, overall and in each dimension of empathy."""
        rates = self.win_rates()
        return self._state.remember(
            "recipe rates",
            rates,
            lambda: recipe_rates.recipe_rates(rates, self._scores(rates), self._dimension_scores(rates)),
        )

    def rankings(self) -> tuple[Ranking, ...]:
        """Each judge's Bradley-Terry ranking of the responders that it compared."""
        rates = self.win_rates()
        return self._state.remember(
            "rankings", rates, lambda: comparisons.rankings(rates, self._scores(rates))
        )

    def paired_tests(self) -> tuple[PairedTest, ...]:
        """A paired test of any two responders that a judge compared with the same baseline."""
        rates = self.win_rates()
        return self._state.remember(
            "paired tests", rates, lambda: comparisons.paired_tests(rates, self._scores(rates))
        )

    def agreements(self) -> tuple[Agreement, ...]:
        """The agreement (raw and Cohen's kappa) of judges with each other, of voters, and of both."""
        rates, found = self.win_rates(), self._votes()
        scores, texts = self._scores(rates), self._texts(judges.voted(found))
        return (*judges.agreements(rates, scores), *judges.of_voters(rates, scores, found, texts))

    def scorecards(self) -> tuple[Scorecard, ...]:
        """The quality of each configured judge: agreement with people, position and length bias, cost."""
        connection, jobs = self._state.connection(), self._pipeline.snapshot().jobs
        if connection is None:
            return ()
        validated = self._validated(jobs)
        biases = self._biases(connection, jobs, validated)
        return judges.scorecards(connection, self._judges(), jobs, validated, biases)

    def judge_prompts(self) -> tuple[str, ...]:
        """The names of the templates with which the configured judges are asked, in the judges' order."""
        asked = (judge for judge in self._judges().values() if judge.provider != "embedded")
        return tuple(dict.fromkeys("judge_dimensions" if judge.dimensions else "judge" for judge in asked))

    def bias_models(self) -> tuple[BiasModel, ...]:
        """One model for each judge with a finished comparison: position, length, responders' strengths."""
        connection = self._state.connection()
        if connection is None:
            return ()
        rates, known = [rate for rate in self.win_rates() if rate.n is not None], self._judges()

        def make() -> tuple[BiasModel, ...]:
            verdicts = {rate.job: comparisons.verdicts_of(connection, rate.job) for rate in rates}
            texts = self._texts({side for rate in rates for side in (rate.a, rate.b)})
            return tuple(
                bias_models.of_judge(
                    judge,
                    [rate for rate in rates if rate.judge == judge],
                    verdicts,
                    texts,
                    placed=judge not in known or known[judge].provider != "embedded",
                )
                for judge in dict.fromkeys(rate.judge for rate in rates)
            )

        return self._state.remember("bias models", rates, make)

    def judge_plan(self, judge: str, detect: float = 0.05, power: float = 0.8) -> JudgePlan:
        """How many dialogues, orders and repeats show a difference of `detect`, and what they cost.

        From the verdicts of the judge's finished comparisons.

        Raises:
            UserError: There is no such judge.
            ValueError: `detect` is not between 0 and ½, or `power` not between 0 and 1.
        """
        from core.services.evaluation import plans
        from core.services.spending import costs

        known = self._judges()
        if judge not in known:
            there_are = ", ".join(known) or "none"
            raise UserError(f"no judge is named {judge!r}. There are: {there_are}")
        rates = [rate for rate in self.win_rates() if rate.judge == judge and rate.n is not None]
        connection, dialogues = self._state.connection(), self._state.data()[1]
        found = (
            {}
            if connection is None
            else {(r.a, r.b): comparisons.verdicts_of(connection, r.job) for r in rates}
        )
        estimate = (
            None
            if connection is None
            else costs.of_verdicts(connection, self._state.paths, self._state.nodes(), judge, dialogues)
        )
        test = sum(dialogue.split == "test" for dialogue in dialogues)
        return plans.of_judge(judge, known[judge], found, estimate, test, detect, power)

    def responders(self) -> tuple[str, ...]:
        """All responders: sources in the data, base students, runs, teachers."""
        imported = self._state.imported()
        sources = () if imported is None else (HUMAN, *imported.sources)
        answering = (job.name for job in self._pipeline.snapshot().jobs if job.stage == "respond")
        return tuple(dict.fromkeys([*answering, *sources]))

    def superseded_responders(self) -> tuple[str, ...]:
        """The responders that other settings superseded, the newest first."""
        known = set(self.responders())
        found = [job.name for job in self._versions.jobs(("respond",)) if not job.in_config]
        return tuple(name for name in reversed(found) if name not in known)

    def pairs(self, a: str, b: str) -> tuple[Pair, ...]:
        """The test dialogues with the responses of `a` and `b`, and all verdicts on them.

        Verdicts of a comparison of `b` with `a` are mirrored. Raises `UserError` if a responder does not
        exist.
        """
        self._check_responders(a, b)
        imported, dialogues = self._state.data()
        connection = self._state.connection()
        if connection is None:
            return ()
        jobs = comparisons.concerned(self._jobs_of((a, b)), a, b)

        def read() -> tuple[Pair, ...]:
            with connections.snapshot(connection):
                return comparisons.pairs(connection, jobs, dialogues, a, b)

        # A running job adds responses and verdicts without a change of its row.
        if any(job.state == "running" for job in jobs):
            return read()
        return self._state.remember("pairs", (imported, jobs, a, b), read)

    def ballot_items(self, a: str, b: str, voter: str, *, uniform: bool = False) -> tuple[BallotItem, ...]:
        """The pairs of responses of `a` and `b` to the test split for `voter`, in the order of the ballot.

        Dialogues of which the judges that compared the two are uncertain are more likely to come early,
        unless `uniform`.

        Raises:
            UserError: A responder does not exist, or `a` and `b` are the same.
        """
        from core.judging import voting

        if a == b:
            raise UserError(f"{a!r} is on both sides: name two different responders")
        self._check_responders(a, b)
        texts = self._texts((a, b))
        uncertainties = None if uniform else self._uncertainties(a, b)
        dialogues, found = self._state.data()[1], self._votes()
        return voting.ballot_items(dialogues, texts[a], texts[b], voter, found, uncertainties)

    def human_win_rate(self, a: str, b: str) -> HumanWinRate | None:
        """The win rate of `b` over `a` by people's votes; None without a vote."""
        from core.judging import voting

        texts = self._texts((a, b))
        return voting.win_rate(a, b, self._votes(), texts[a], texts[b])

    def human_win_rates(self) -> tuple[HumanWinRate, ...]:
        """The win rates by votes, of all pairs of responders that people voted on."""
        found = self._votes()
        dialogues = self._dialogues(vote.dialog_id for vote in found)
        return judges.human_win_rates(found, self._texts(judges.voted(found)), [*dialogues.values()])

    def prediction_powered(self) -> tuple[PredictionPoweredWinRate, ...]:
        """The win rates by people of all finished comparisons with votes, from the votes and the verdicts."""
        found = self._votes()
        if not found:
            return ()
        rates, imported = self._voted(found), self._state.imported()

        def make() -> tuple[PredictionPoweredWinRate, ...]:
            sides = {side for rate in rates for side in (rate.a, rate.b)}
            scores = self._scores(rates)
            by_name = self._dialogues(_judged(scores) | {vote.dialog_id for vote in found})
            return human_votes.prediction_powered(rates, scores, found, self._texts(sides), by_name)

        return self._state.remember("prediction powered", (rates, imported, found), make)

    def annotator_tests(self) -> tuple[AnnotatorTest, ...]:
        """Whether each judge does as well as a person, of those that compared responders with votes."""
        found = self._votes()
        if not found:
            return ()
        rates = self._voted(found)

        def make() -> tuple[AnnotatorTest, ...]:
            sides = {side for rate in rates for side in (rate.a, rate.b)}
            return human_votes.annotator_tests(rates, self._scores(rates), found, self._texts(sides))

        return self._state.remember("annotator tests", (rates, found), make)

    def _with_breakdowns(self, rates: Sequence[WinRate]) -> tuple[Comparison, ...]:
        from core.domain.evaluation.comparisons import Comparison

        scores = self._scores(rates)
        dialogues = [*self._dialogues(_judged(scores)).values()]
        texts = self._texts({rate.b for rate in rates if rate.job in scores})
        with_votes = {one.job: one for one in self.prediction_powered()}
        return tuple(
            Comparison(
                rate,
                comparisons.breakdown(scores[rate.job], dialogues, texts[rate.b]),
                comparisons.sequence(rate, scores[rate.job]),
                with_votes.get(rate.job),
            )
            if rate.job in scores
            else Comparison(rate, ())
            for rate in rates
        )

    def _check_responders(self, *names: str) -> None:
        known = self.responders()
        for name in names:
            if name not in known and name not in self.superseded_responders():
                there_are = ", ".join(known) or "none, because no data is imported"
                raise UserError(f"no responder is named {name!r}. There are: {there_are}")

    def _texts(self, responders: Iterable[str]) -> dict[str, dict[str, str]]:
        """Each responder's responses to the test split, by dialogue."""
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

    def _dialogues(self, ids: Iterable[str]) -> dict[str, Dialogue]:
        """These dialogues by id: to read all of them takes seconds if there are hundreds of thousands."""
        connection = self._state.connection()
        return {} if connection is None else queries.dialogues_named(connection, set(ids))

    def _votes(self) -> list[Vote]:
        from core.store import votes

        connection = self._state.connection()
        return [] if connection is None else votes.votes(connection)

    def _voted(self, votes: Sequence[Vote]) -> list[WinRate]:
        """The finished comparisons of responders on whom people voted."""
        met = {frozenset((vote.a, vote.b)) for vote in votes}
        return [
            rate for rate in self.win_rates() if rate.n is not None and frozenset((rate.a, rate.b)) in met
        ]

    def _uncertainties(self, a: str, b: str) -> dict[str, float] | None:
        """How uncertain the judges that compared the two are of each dialogue; None if there are none."""
        connection = self._state.connection()
        # By job, so that a and b may be exchanged.
        compared = sorted(
            (rate for rate in self.win_rates() if rate.n is not None and {rate.a, rate.b} == {a, b}),
            key=lambda rate: rate.job,
        )
        if connection is None or not compared:
            return None
        return self._state.remember(
            "uncertainties",
            compared,
            lambda: comparisons.uncertainties(connection, [rate.job for rate in compared]),
        )

    def _judges(self) -> dict[str, JudgeConfig]:
        config, _ = self._state.config()
        return {} if config is None else config.judges

    def _scores(self, rates: Sequence[WinRate]) -> dict[str, Scores]:
        """Job → scores by dialogue, of the finished comparisons."""
        return self._of_jobs(rates, self._known_scores, comparisons.dialogue_scores)

    def _dimension_scores(self, rates: Sequence[WinRate]) -> dict[str, DimensionScores]:
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

    def _biases(
        self, connection: Connection, jobs: Sequence[Job], validated: Mapping[str, Validated]
    ) -> dict[str, dict[str, BiasCounts]]:
        """Job → what its verdicts say of its judge, by dialogue: of finished comparisons and validations."""
        new = [
            (job.id, ComparisonName.parse(job.name), job.result)
            for job in jobs
            if isinstance(job.result, CompareResult) and self._is_new(job.id, job.result)
        ]
        texts = self._texts({side for _, name, _ in new for side in (name.a, name.b)})
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

    def _validated(self, jobs: Sequence[Job]) -> dict[str, Validated]:
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
            settings = queries.settings(connection, validated.job)
            if workspace_graph.validates(self._state.paths, config, imported, settings, judge):
                found[judge] = validated
        return found


def _judged(scores: Mapping[str, Scores]) -> set[str]:
    """The dialogues that any of these comparisons has a score of."""
    return {name for of_job in scores.values() for name in of_job}
