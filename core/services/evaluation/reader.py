"""Evaluation: win rates, comparisons, rankings, judges, pairs of responses, and the votes of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from core.config.schema import Definition
from core.domain.errors import UserError, unknown_name
from core.domain.evaluation.win_rates import WinRate
from core.services.evaluation import (
    bias_models,
    comparisons,
    human_votes,
    judges,
    recipe_rates,
    seed_groups,
)
from core.services.evaluation.comparison_reader import ComparisonReader
from core.store.dialogues import dialogue_queries

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
    from core.domain.evaluation.seeds import SeedGroup
    from core.domain.evaluation.study_plans import JudgePlan
    from core.domain.evaluation.votes import Vote
    from core.judging.metrics.scores import Scores
    from core.judging.voting import BallotItem


class EvaluationReader(ComparisonReader):
    """Reads the results of comparisons by judges and people.

    Every method may raise `UserError` if state.db cannot be read. A workspace without a state.db is empty.
    """

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
        rates = self.rates()
        return self._state.remember(
            "recipe rates",
            rates,
            lambda: recipe_rates.recipe_rates(
                rates, self._data.scores(rates), self._data.dimension_scores(rates)
            ),
        )

    def seed_groups(self) -> tuple[SeedGroup, ...]:
        """Comparisons whose runs differ in their seeds alone: mean and spread of their win rates."""
        rates = self.rates()
        return self._state.remember(
            "seed groups", rates, lambda: seed_groups.seed_groups(rates, self._data.scores(rates))
        )

    def rankings(self, *, over_seeds: bool = False) -> tuple[Ranking, ...]:
        """Each judge's Bradley-Terry ranking of the responders that it compared.

        `over_seeds`: runs that differ in their seeds alone are one responder, whose score on a dialogue is
        the mean over them.
        """
        rates = self.rates()
        return self._state.remember(
            "rankings over seeds" if over_seeds else "rankings",
            rates,
            lambda: comparisons.rankings(rates, self._data.scores(rates), over_seeds=over_seeds),
        )

    def paired_tests(self) -> tuple[PairedTest, ...]:
        """A paired test of any two responders that a judge compared with the same baseline."""
        rates = self.rates()
        return self._state.remember(
            "paired tests", rates, lambda: comparisons.paired_tests(rates, self._data.scores(rates))
        )

    def agreements(self) -> tuple[Agreement, ...]:
        """The agreement (raw and Cohen's kappa) of judges with each other, of voters, and of both."""
        rates, found = self.rates(), self._data.votes()
        scores, texts = self._data.scores(rates), self._data.texts(judges.voted(found))
        return (
            *judges.agreements(rates, scores, self._data.texts),
            *judges.of_voters(rates, scores, found, texts),
        )

    def scorecards(self) -> tuple[Scorecard, ...]:
        """The quality of each configured judge: agreement with people, position and length bias, cost."""
        connection, jobs = self._state.connection(), self._pipeline.snapshot().jobs
        config, _ = self._state.config()
        if connection is None or config is None:
            return ()
        validated = self._data.validated(jobs)
        biases = self._data.biases(connection, jobs, validated)
        filter_judge = config.recipes.filter_judge
        return judges.scorecards(connection, config.judges, jobs, validated, biases, filter_judge)

    def quality(self) -> str:
        """What a better response shows more of: `definition.name`, by default empathy."""
        config, _ = self._state.config()
        return (Definition() if config is None else config.definition).name

    def judge_names(self) -> tuple[str, ...]:
        """The names of the configured judges, in their order."""
        return tuple(self._data.judges())

    def judge_prompts(self) -> tuple[str, ...]:
        """The names of the templates with which the configured judges are asked, in the judges' order."""
        asked = (judge for judge in self._data.judges().values() if judge.provider != "embedded")
        return tuple(dict.fromkeys("judge_dimensions" if judge.dimensions else "judge" for judge in asked))

    def bias_models(self) -> tuple[BiasModel, ...]:
        """One model for each judge with a finished comparison: position, length, responders' strengths."""
        connection = self._state.connection()
        if connection is None:
            return ()
        rates, known = [rate for rate in self.rates() if rate.n is not None], self._data.judges()

        def make() -> tuple[BiasModel, ...]:
            verdicts = {rate.job: comparisons.verdicts_of(connection, rate.job) for rate in rates}
            texts = self._data.texts({side for rate in rates for side in (rate.a, rate.b)})
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

        known = self._data.judges()
        if judge not in known:
            raise UserError(unknown_name("judge", judge, known))
        rates = [rate for rate in self.rates() if rate.judge == judge and rate.n is not None]
        connection, data = self._state.connection(), self._state.drawn_dialogues()
        found = (
            {}
            if connection is None
            else {(r.a, r.b): comparisons.verdicts_of(connection, r.job) for r in rates}
        )
        estimate = (
            None
            if connection is None
            else costs.of_verdicts(connection, self._state.paths, self._state.nodes(), judge, data)
        )
        return plans.of_judge(judge, known[judge], found, estimate, data.totals["test"], detect, power)

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
        texts = self._data.texts((a, b))
        uncertainties = None if uniform else self._uncertainties(a, b)
        connection, found = self._state.connection(), self._data.votes()
        test = [] if connection is None else dialogue_queries.dialogues(connection, "test")
        return voting.ballot_items(test, texts[a], texts[b], voter, found, uncertainties)

    def human_win_rate(self, a: str, b: str) -> HumanWinRate | None:
        """The win rate of `b` over `a` by people's votes; None without a vote."""
        from core.judging import voting

        texts = self._data.texts((a, b))
        return voting.win_rate(a, b, self._data.votes(), texts[a], texts[b])

    def human_win_rates(self) -> tuple[HumanWinRate, ...]:
        """The win rates by votes, of all pairs of responders that people voted on."""
        found = self._data.votes()
        dialogues = self._data.dialogues(vote.dialog_id for vote in found)
        return judges.human_win_rates(found, self._data.texts(judges.voted(found)), [*dialogues.values()])

    def prediction_powered(self) -> tuple[PredictionPoweredWinRate, ...]:
        """The win rates by people of all finished comparisons with votes, from the votes and the verdicts."""
        found = self._data.votes()
        if not found:
            return ()
        rates, imported = self._voted(found), self._state.imported()

        def make() -> tuple[PredictionPoweredWinRate, ...]:
            sides = {side for rate in rates for side in (rate.a, rate.b)}
            scores = self._data.scores(rates)
            by_name = self._data.dialogues(_judged(scores) | {vote.dialog_id for vote in found})
            return human_votes.prediction_powered(rates, scores, found, self._data.texts(sides), by_name)

        return self._state.remember("prediction powered", (rates, imported, found), make)

    def annotator_tests(self) -> tuple[AnnotatorTest, ...]:
        """Whether each judge does as well as a person, of those that compared responders with votes."""
        found = self._data.votes()
        if not found:
            return ()
        rates = self._voted(found)

        def make() -> tuple[AnnotatorTest, ...]:
            sides = {side for rate in rates for side in (rate.a, rate.b)}
            return human_votes.annotator_tests(
                rates, self._data.scores(rates), found, self._data.texts(sides)
            )

        return self._state.remember("annotator tests", (rates, found), make)

    def _with_breakdowns(self, rates: Sequence[WinRate]) -> tuple[Comparison, ...]:
        from core.domain.evaluation.comparisons import Comparison

        scores = self._data.scores(rates)
        dialogues = [*self._data.dialogues(_judged(scores)).values()]
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

    def _voted(self, votes: Sequence[Vote]) -> list[WinRate]:
        """The finished comparisons of responders on whom people voted."""
        met = {frozenset((vote.a, vote.b)) for vote in votes}
        return [rate for rate in self.rates() if rate.n is not None and frozenset((rate.a, rate.b)) in met]

    def _uncertainties(self, a: str, b: str) -> dict[str, float] | None:
        """How uncertain the judges that compared the two are of each dialogue; None if there are none."""
        connection = self._state.connection()
        # By job, so that a and b may be exchanged.
        compared = sorted(
            (rate for rate in self.rates() if rate.n is not None and {rate.a, rate.b} == {a, b}),
            key=lambda rate: rate.job,
        )
        if connection is None or not compared:
            return None
        return self._state.remember(
            "uncertainties",
            compared,
            lambda: comparisons.uncertainties(connection, [rate.job for rate in compared]),
        )


def _judged(scores: Mapping[str, Scores]) -> set[str]:
    """The dialogues that any of these comparisons has a score of."""
    return {name for of_job in scores.values() for name in of_job}
