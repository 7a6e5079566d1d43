"""The contents of a report, read once."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from core.dialogues.statistics import Statistics
from core.domain.data.recipes import FilteredPairs
from core.domain.errors import UserError, unknown_name
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
from core.domain.evaluation.human_evaluation import AnnotatorTest
from core.domain.evaluation.seeds import SeedGroup
from core.domain.evaluation.verdicts import Pair
from core.domain.evaluation.win_rates import SameAnswers, WinRate
from core.domain.jobs.job import Job
from core.domain.jobs.snapshot import DialogueCounts
from core.domain.names import RUN_STAGES, RunStage, is_of_rung
from core.services.data.sample import is_sample
from core.services.training.curves import Curves
from core.services.workspace import Workspace

#: Examples of each kind (b wins, a wins, orders or judges disagree) for each comparison.
_EXAMPLES = 1
#: Comparisons with examples, for each judge.
_MAX_COMPARISONS = 6


@dataclass(frozen=True)
class RunTraining:
    """A run's training: TRL's metrics by step."""

    run: str
    """The run's name."""
    stage: RunStage
    """`sft` or `sft-dpo`."""
    fingerprint: str
    """The fingerprint of the job that trained it."""
    curves: Curves
    """All points that it logged."""


@dataclass(frozen=True)
class ReportExample:
    """A dialogue with both responses."""

    rate: WinRate
    """The comparison."""
    pair: Pair
    """The dialogue, the responses and the verdicts."""
    why: str
    """Why it was selected."""


@dataclass(frozen=True)
class Report:
    """The contents of a report, in the order of config.toml."""

    workspace: str
    """The name of the workspace's folder."""
    file: str | None
    """The name of the imported file; None without data."""
    file_sha256: str | None
    """Its SHA-256; None without data."""
    is_sample: bool
    """Whether the data is the bundled sample, which is not for research."""
    dialogues: DialogueCounts
    """How many dialogues there are."""
    statistics: Statistics | None
    """Of the data; None without data."""
    comparisons: tuple[Comparison, ...]
    """With their breakdowns."""
    recipes: tuple[RecipeRate, ...]
    """Win rates over all students of a recipe."""
    rankings: tuple[Ranking, ...]
    """Runs that differ in their seeds alone are one responder."""
    seeds: tuple[SeedGroup, ...]
    """Comparisons whose runs differ in their seeds alone."""
    scorecards: tuple[Scorecard, ...]
    """How each judge agrees with people, and its biases."""
    bias_models: tuple[BiasModel, ...]
    """The effects on each judge's verdicts."""
    annotator_tests: tuple[AnnotatorTest, ...]
    """Whether a judge could replace a voter."""
    agreements: tuple[Agreement, ...]
    """Between judges, and with voters."""
    tests: tuple[PairedTest, ...]
    """Paired tests of comparisons with the same baseline."""
    same_answers: tuple[SameAnswers, ...]
    """Every two responders with an answer in common."""
    human: tuple[HumanWinRate, ...]
    """Win rates by people's votes."""
    filtered: tuple[tuple[str, FilteredPairs], ...]
    """Recipes, and what the judge that filters preference pairs left of theirs."""
    trainings: tuple[RunTraining, ...]
    """The metrics of runs."""
    examples: tuple[ReportExample, ...]
    """Dialogues to read."""
    stopped: tuple[str, ...] = ()
    """The runs that early rungs have stopped before they were trained on all examples."""

    @property
    def rates(self) -> tuple[WinRate, ...]:
        return tuple(comparison.rate for comparison in self.comparisons)

    @property
    def judges(self) -> tuple[str, ...]:
        """The judges with a finished comparison."""
        return tuple(dict.fromkeys(rate.judge for rate in self.rates if rate.n is not None))


def gather(workspace: Workspace, judge: str | None = None) -> Report:
    """Read a report's contents, for all judges or one. Raises `UserError` for an unknown judge."""
    snapshot, imported = workspace.pipeline.snapshot(), workspace.data.imported()
    known = [card.judge for card in workspace.evaluation.scorecards()]
    if judge is not None and judge not in known:
        raise UserError(unknown_name("judge", judge, known))

    def wanted(*names: str) -> bool:
        return judge is None or judge in names

    comparisons = tuple(c for c in workspace.evaluation.comparisons() if wanted(c.rate.judge))
    return Report(
        workspace=workspace.paths.root.name,
        file=None if imported is None else imported.file,
        file_sha256=None if imported is None else imported.file_sha256,
        is_sample=is_sample(imported),
        dialogues=snapshot.dialogues,
        statistics=workspace.data.statistics(),
        comparisons=comparisons,
        same_answers=workspace.evaluation.same_answers(),
        recipes=tuple(r for r in workspace.evaluation.recipe_rates() if wanted(r.judge)),
        rankings=tuple(r for r in workspace.evaluation.rankings(over_seeds=True) if wanted(r.judge)),
        seeds=tuple(one for one in workspace.evaluation.seed_groups() if wanted(one.judge)),
        scorecards=tuple(card for card in workspace.evaluation.scorecards() if wanted(card.judge)),
        annotator_tests=tuple(one for one in workspace.evaluation.annotator_tests() if wanted(one.judge)),
        bias_models=tuple(one for one in workspace.evaluation.bias_models() if wanted(one.judge)),
        agreements=tuple(
            a for a in workspace.evaluation.agreements() if a.kind == "voters" or wanted(a.one, a.other)
        ),
        tests=tuple(test for test in workspace.evaluation.paired_tests() if wanted(test.judge)),
        human=workspace.evaluation.human_win_rates(),
        filtered=tuple(
            (recipe.name, recipe.filtered)
            for recipe in workspace.data.recipes()
            if recipe.filtered is not None
        ),
        trainings=tuple(_training(workspace, job) for job in snapshot.jobs if _is_trained(job)),
        examples=tuple(_examples(workspace, [c.rate for c in comparisons])),
        stopped=tuple(job.name for job in snapshot.jobs if _is_stopped(job)),
    )


def _is_trained(job: Job) -> bool:
    return job.stage in RUN_STAGES and job.state == "done"


def _is_stopped(job: Job) -> bool:
    return job.stage in RUN_STAGES and job.state == "stopped" and not is_of_rung(job.name)


def _training(workspace: Workspace, job: Job) -> RunTraining:
    (curves,) = workspace.training.curves([job.id], limit=sys.maxsize)
    assert job.stage in RUN_STAGES
    return RunTraining(job.name, job.stage, job.fingerprint, curves)


def _examples(workspace: Workspace, rates: Sequence[WinRate]) -> list[ReportExample]:
    """The first dialogues, in the data's order, in which b wins, a wins, or verdicts disagree."""
    found: list[ReportExample] = []
    for judge in dict.fromkeys(rate.judge for rate in rates):
        finished = [rate for rate in rates if rate.judge == judge and rate.n is not None]
        for rate in finished[:_MAX_COMPARISONS]:
            pairs = workspace.evaluation.pairs(rate.a, rate.b)
            for why in ("B wins", "A wins", "the verdicts disagree"):
                chosen = [pair for pair in pairs if _kind(pair, judge) == why][:_EXAMPLES]
                found += [ReportExample(rate, pair, why) for pair in chosen]
    return found


def _kind(pair: Pair, judge: str) -> str | None:
    own = {verdict.winner for verdict in pair.verdicts if verdict.judge == judge}
    if len({verdict.winner for verdict in pair.verdicts}) > 1:
        return "the verdicts disagree"
    return {"a": "A wins", "b": "B wins"}.get(own.pop()) if len(own) == 1 else None
