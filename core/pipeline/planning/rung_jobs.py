"""The jobs of rungs: runs on a few examples, what compares them, and what decides which runs go on.

They read dialogues of their own, in which some of the train split take the place of the test split: rungs are
decided on those, and the test split is only for the results.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import msgspec

from core.config import grid
from core.config.grid import DpoVariant, Variant
from core.config.schema import Config
from core.domain.data.dialogues import ImportedData
from core.domain.names import ComparisonName, RunName, RunStage, held_out, on_rung
from core.domain.states import Slot
from core.jobs.inputs import Input, JobOutput, JobResult
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    COMPARISON,
    PREVIOUS,
    CompareSettings,
    EmbeddedJudge,
    HoldoutSettings,
    LlmJudge,
    RecipeSettings,
    RungSettings,
)
from core.pipeline.planning.job_graph import JobGraph
from core.pipeline.planning.student_jobs import StudentJobs
from core.recipes import catalog

#: The name of the job that draws the dialogues.
_HOLDOUT = "rungs"


@dataclass(frozen=True)
class ChosenJudge:
    """A judge as comparisons have it."""

    settings: LlmJudge | EmbeddedJudge
    """The judge, as the settings of a comparison have it."""
    slot: Slot
    """The slot of its comparisons."""
    inputs: Mapping[str, Input]
    """What it is read from."""


@dataclass(frozen=True)
class _Sft:
    """A run of stage `sft` that takes part."""

    name: RunName
    """As it is trained on all examples."""
    variant: Variant


@dataclass(frozen=True)
class _Dpo:
    """A run of stage `sft-dpo` that takes part."""

    name: RunName
    """As it is trained on all pairs."""
    variant: DpoVariant
    sft: _Sft
    """What it continues from."""


class RungJobs:
    """Adds the rungs of students to a graph."""

    def __init__(
        self,
        config: Config,
        graph: JobGraph,
        students: StudentJobs,
        dialogues: Mapping[str, Input],
        data: ImportedData,
        judge: ChosenJudge,
        filtered: Callable[[PlannedJob, Mapping[str, Input], Sequence[str]], PlannedJob],
    ) -> None:
        """`filtered` adds, for a recipe's job with its dialogues, the job whose pairs DPO trains on."""
        self._rungs = config.rungs
        self._config = config
        self._graph = graph
        self._students = students
        self._judge = judge
        self._filtered = filtered
        self._imported = dialogues
        self._data = data
        #: Those in which some of the train split take the place of the test split.
        self._dialogues: Mapping[str, Input] = {}
        #: Recipe and number of examples → the job that makes them.
        self._recipes: dict[tuple[str, int], PlannedJob] = {}

    def add(self, student: str, recipes: Mapping[str, PlannedJob]) -> Mapping[RunStage, PlannedJob]:
        """Add a student's rungs; returns the last one of each stage that has some.

        `recipes` are the jobs that make all examples. A stage of one run, but for its seeds, has no rungs.
        """
        stages = self._config.runs.stages
        tuned = list(self._tuned(student, recipes)) if "sft" in stages else []
        preferring = list(_preferring(tuned)) if "sft-dpo" in stages else []
        with_rungs: list[RunStage] = []
        if len({run.name.over_rungs for run in tuned}) > 1:
            with_rungs.append("sft")
        if len({run.name.over_rungs for run in preferring}) > 1:
            with_rungs.append("sft-dpo")
        if not with_rungs:
            return {}
        holdout = HoldoutSettings(dialogues=self._rungs.held_out, seed=self._rungs.seed)
        drawn = self._graph.add(_HOLDOUT, "cpu", holdout, self._imported, [self._data.train])
        self._dialogues = {"dialogues": JobOutput(drawn.id, "dialogues")}
        base = self._students.respond(held_out(student), student, None, self._dialogues, [])
        gates: dict[RunStage, PlannedJob] = {}
        trained: dict[RunName, PlannedJob] = {}
        # DPO continues from the last rung of SFT: that has not seen the dialogues on which rungs are decided.
        for number, examples in enumerate(self._rungs.examples, start=1):
            if "sft" in with_rungs or number == len(self._rungs.examples):
                for run in tuned:
                    trained[run.name] = self._sft(run, examples, recipes, gates.get("sft"))
            if "sft" in with_rungs:
                of_rung = {run.name: trained[run.name] for run in tuned}
                gates["sft"] = self._decide(student, number, of_rung, base, gates.get("sft"))
        for number, examples in enumerate(self._rungs.examples if "sft-dpo" in with_rungs else (), start=1):
            gate = gates.get("sft-dpo", gates.get("sft"))
            of_rung = {
                run.name: self._dpo(run, examples, recipes, trained[run.sft.name], gate) for run in preferring
            }
            gates["sft-dpo"] = self._decide(student, number, of_rung, base, gate)
        return gates

    def _tuned(self, student: str, recipes: Mapping[str, PlannedJob]) -> Iterator[_Sft]:
        for recipe in recipes:
            for variant in grid.variants(self._config, student, recipe):
                yield _Sft(RunName(student, catalog.parse(recipe), "sft", variant.named), variant)

    def _sft(
        self, run: _Sft, examples: int, recipes: Mapping[str, PlannedJob], gate: PlannedJob | None
    ) -> PlannedJob:
        return self._students.sft(
            run.name.on_rung(examples),
            run.variant.training,
            run.variant.lora,
            self._dialogues,
            self._recipe(str(run.name.recipe), examples, recipes),
            gate,
        )

    def _dpo(
        self,
        run: _Dpo,
        examples: int,
        recipes: Mapping[str, PlannedJob],
        tuned: PlannedJob,
        gate: PlannedJob | None,
    ) -> PlannedJob:
        return self._students.dpo(
            run.name.on_rung(examples),
            run.variant.training,
            run.sft.variant.lora,
            self._dialogues,
            self._filtered(self._recipe(str(run.name.recipe), examples, recipes), self._dialogues, []),
            tuned,
            gate,
        )

    def _recipe(self, name: str, examples: int, recipes: Mapping[str, PlannedJob]) -> PlannedJob:
        """The job that makes so many examples of a recipe."""
        if (name, examples) not in self._recipes:
            whole = recipes[name]
            assert isinstance(whole.settings, RecipeSettings)
            settings = msgspec.structs.replace(whole.settings, sft_limit=examples, preference_limit=examples)
            self._recipes[name, examples] = self._graph.add(
                on_rung(name, examples), whole.slot, settings, {**whole.inputs, **self._dialogues}
            )
        return self._recipes[name, examples]

    def _decide(
        self,
        student: str,
        number: int,
        runs: Mapping[RunName, PlannedJob],
        base: PlannedJob,
        previous: PlannedJob | None,
    ) -> PlannedJob:
        """Add the responses and comparisons of the runs of a rung, and the rung."""
        examples = self._rungs.examples[number - 1]
        inputs: dict[str, Input] = {} if previous is None else {PREVIOUS: JobResult(previous.id)}
        for place, (name, run) in enumerate(runs.items()):
            inputs[COMPARISON.format(place)] = JobResult(self._compare(run, name, base).id)
        stage = next(iter(runs)).stage
        settings = RungSettings(
            rung=number,
            examples=examples,
            reduction_factor=self._rungs.reduction_factor,
            runs=tuple(map(str, runs)),
        )
        return self._graph.add(on_rung(f"{student}/{stage}", examples), "cpu", settings, inputs)

    def _compare(self, run: PlannedJob, name: RunName, base: PlannedJob) -> PlannedJob:
        """Add a run's responses, and their comparison with the base student's."""
        responding = self._students.respond(run.name, name.student, run, self._dialogues, [])
        inputs = {
            **self._dialogues,
            **self._judge.inputs,
            "a": JobOutput(base.id, "responses"),
            "b": JobOutput(responding.id, "responses"),
        }
        settings = CompareSettings(a=base.name, b=run.name, judge=self._judge.settings)
        comparison = ComparisonName(base.name, run.name, self._judge.settings.name)
        return self._graph.add(str(comparison), self._judge.slot, settings, inputs)


def _preferring(tuned: Iterable[_Sft]) -> Iterator[_Dpo]:
    for run in tuned:
        for variant in run.variant.dpo:
            yield _Dpo(replace(run.name, stage="sft-dpo", settings=variant.named), variant, run)
