"""Evaluation: win rates, comparisons, rankings, judges, pairs of responses, and the votes of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import TYPE_CHECKING, TypeVar

from core.domain.errors import UserError
from core.domain.evaluation.win_rates import WinRate
from core.domain.jobs import Job
from core.domain.names import ComparisonName
from core.domain.results import CompareResult, ValidateResult
from core.services.evaluation import (
    bias_models,
    comparisons,
    human_votes,
    judges,
    recipe_rates,
)
from core.services.evaluation.comparison_reader import ComparisonReader
from core.services.evaluation.judges import Validated
from core.services.pipeline.reader import PipelineReader
from core.services.versions import Versions
from core.services.workspace_state import WorkspaceState

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


class EvaluationReader(ComparisonReader):
    """Reads the results of comparisons by judges and people.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

    def __init__(self, state: WorkspaceState, pipeline: PipelineReader, versions: Versions) -> None:
        super().__init__(state, pipeline, versions)
        #: As `_known_scores`.
        self._known_dimensions: dict[str, tuple[object, DimensionScores]] = {}
        self._known_biases: dict[str, tuple[object, dict[str, BiasCounts]]] = {}

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
        texts = self._texts_of_any({rate.b for rate in rates if rate.job in scores})
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

    def _dimension_scores(self, rates: Sequence[WinRate]) -> dict[str, DimensionScores]:
        """Job → scores by dimension and dialogue, of the finished comparisons with dimensions."""
        wanted = [rate for rate in rates if rate.dimensions]
        return self._of_jobs(wanted, self._known_dimensions, comparisons.dimension_scores)

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


def _judged(scores: Mapping[str, Scores]) -> set[str]:
    """The dialogues that any of these comparisons has a score of."""
    return {name for of_job in scores.values() for name in of_job}
