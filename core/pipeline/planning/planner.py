"""The graph of jobs that follows from config.toml, the imported data and the prompts."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from functools import cache

from core.config import grid
from core.config.problems import InvalidOptionError
from core.config.schema import Config, Teacher
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError, unknown_name
from core.domain.names import ComparisonName, RunName, RunStage
from core.domain.states import Slot
from core.jobs.inputs import ImportedDialogues, Input, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    CompareSettings,
    DirectMethod,
    EmbeddedJudge,
    FilterSettings,
    GenerateSettings,
    ImproveMethod,
    JudgeSettings,
    LargeModel,
    LlmJudge,
    RecipeSettings,
    RespondSettings,
    ValidateSettings,
)
from core.pipeline.planning import large_models
from core.pipeline.planning.job_graph import JobGraph
from core.pipeline.planning.rung_jobs import ChosenJudge, RungJobs
from core.pipeline.planning.student_jobs import StudentJobs
from core.recipes import catalog, strategies
from core.recipes.available_recipes import AvailableRecipes
from core.recipes.own_strategies import OwnStrategies


def plan(
    config: Config,
    data: ImportedData,
    prompt: Callable[[str], str],
    local_slot: Slot,
    validate: Mapping[str, int] | None = None,
    own: OwnStrategies | None = None,
) -> tuple[PlannedJob, ...]:
    """All jobs of the configuration, each after its dependencies. `model_sources.resolved` has made `config`.

    `own` are the workspace's own strategies. `prompt` returns a template's text by its name. `local_slot` is
    the slot of jobs with a local model. `validate` maps judges to validate to the number of pairs.

    Raises `UserError` when the configuration names a recipe, student, teacher or responder that does not
    exist, or `validate` names a judge that cannot be validated.
    """
    return _Planner(config, data, prompt, local_slot, own).plan(validate or {})


class _Planner:
    def __init__(
        self,
        config: Config,
        data: ImportedData,
        prompt: Callable[[str], str],
        local_slot: Slot,
        own: OwnStrategies | None = None,
    ) -> None:
        self.config = config
        self.data = data
        self.prompt = prompt
        self.local_slot = local_slot
        self.recipes = AvailableRecipes(
            data.sources, config.definition, own or OwnStrategies(None, config.definition), prompt
        )
        self.graph = JobGraph()
        self.students = StudentJobs(config, self.graph, prompt, local_slot)
        #: Judge → the job that fits it; None for an LLM judge.
        self.judges: dict[str, PlannedJob | None] = {}
        #: The name of a set of teacher responses → the job that generates it.
        self.generated: dict[str, PlannedJob] = {}
        self.dialogues: dict[str, Input] = {"dialogues": ImportedDialogues(data.data)}
        #: Responder name → the job that generates its responses, or None for a source in the data.
        self.responders: dict[str, PlannedJob | None] = {}
        # The same objects for all jobs.
        self._llm_judge = cache(self._make_llm_judge)
        self.responders.update(dict.fromkeys((catalog.HUMAN, *data.sources)))

    def plan(self, validate: Mapping[str, int]) -> tuple[PlannedJob, ...]:
        config = self.config
        self.judges = {
            name: self._judge(name) if judge.provider == "embedded" else None
            for name, judge in config.judges.items()
        }
        recipes = {name: self._recipe(name) for name in dict.fromkeys(config.recipes.train)}
        filtered = {
            name: self._filtered(examples, self.dialogues, [self.data.train])
            for name, examples in recipes.items()
        }
        pairs: list[tuple[str, str]] = []
        for student in config.students:
            if student in self.responders:
                raise InvalidOptionError(
                    f"students.{student}", "the data has a source of that name; choose another"
                )
            self.responders[student] = self.students.respond(
                student, student, None, self.dialogues, [self.data.test]
            )
            gates = self._gates(student, recipes)
            runs = self._runs(student, recipes, filtered, gates)
            if config.comparisons.baseline:
                pairs += [(student, run) for run in runs]
        for extra in config.comparisons.extra:
            one, other = self._responders_of(extra.a), self._responders_of(extra.b)
            is_single = len(one) == 1 or len(other) == 1
            pairs += [(a, b) for a, b in itertools.product(one, other) if is_single or _are_alike(a, b)]
        for name, judge in config.judges.items():
            for a, b in dict.fromkeys(pairs) if judge.comparisons else ():
                self._compare(a, b, name)
        for name, count in validate.items():
            self._validate(name, count)
        return tuple(self.graph.jobs.values())

    def _responders_of(self, name: str) -> list[str]:
        """The responders that a comparison names: with [grid], all runs whose names begin with it."""
        if name in self.config.teachers and name not in self.responders:
            self.responders[name] = self._respond_teacher(name)
        run = RunName.parse(name)
        varied = () if run is None or run.settings else self.responders
        found = [one for one in varied if one == name or one.startswith(f"{name}/")]
        if name in self.responders or found:
            return found or [name]
        known = dict.fromkeys((*self.responders, *self.config.teachers))
        raise InvalidOptionError("comparisons.extra", unknown_name("responder", name, known), name)

    def _recipe(self, name: str) -> PlannedJob:
        try:
            self.recipes.check(name)
            catalog.check_data(name, self.data)
        except UserError as error:
            raise InvalidOptionError("recipes.train", str(error), name) from error
        recipes = self.config.recipes
        settings = RecipeSettings(
            recipe=name,
            prompt=self.prompt("student"),
            sft_limit=recipes.sft_limit,
            preference_limit=recipes.preference_limit,
            seed=recipes.seed,
            method=(
                DirectMethod(pairing=recipes.pairing)
                if catalog.method(name) == "direct"
                else ImproveMethod(
                    improve_llm_sft=recipes.improve_llm_sft,
                    improve_llm_seed=recipes.improve_llm_seed,
                    leave_out=recipes.leave_out,
                )
            ),
        )
        inputs = dict(self.dialogues)
        for input_name, needed in strategies.needs(name).items():
            inputs[input_name] = JobOutput(self._generate(needed, name).id, "answers")
        return self.graph.add(name, "cpu", settings, inputs, [self.data.train])

    def _filtered(
        self, examples: PlannedJob, dialogues: Mapping[str, Input], data: Sequence[str]
    ) -> PlannedJob:
        """The job whose preference pairs DPO trains on: the recipe's, or one that filters them.

        `dialogues` are those of the recipe, `data` their hash beside it.
        """
        judge = self.config.recipes.filter_judge
        if judge is None:
            return examples
        assert isinstance(examples.settings, RecipeSettings)
        chosen = self._chosen(judge)
        inputs = {**dialogues, **chosen.inputs, "preferences": JobOutput(examples.id, "preferences")}
        settings = FilterSettings(recipe=examples.settings.recipe, judge=chosen.settings)
        return self.graph.add(examples.name, chosen.slot, settings, inputs, data)

    def _generate(self, name: str, recipe: str) -> PlannedJob:
        """The job that generates a set of teacher responses, after the jobs that it depends on."""
        if name in self.generated:
            return self.generated[name]
        wanted = self.recipes.response_set(name)
        teacher = large_models.teacher_of(self.config, recipe)
        inputs = dict(self.dialogues)
        for input_name, earlier in wanted.inputs.items():
            inputs[input_name] = JobOutput(self._generate(earlier, recipe).id, "answers")
        model, slot = self._large_model(teacher)
        settings = GenerateSettings(
            model=model,
            turns=self.recipes.turns(wanted),
            original=wanted.original,
            max_left_out=teacher.max_left_out,
        )
        self.generated[name] = self.graph.add(name, slot, settings, inputs, [self.data.train])
        return self.generated[name]

    def _large_model(self, teacher: Teacher) -> tuple[LargeModel, Slot]:
        """The settings of a large model for a job that sends requests to it, and the job's slot."""
        return large_models.large_model(self.config, teacher), self._slot_of(teacher)

    def _slot_of(self, teacher: Teacher) -> Slot:
        if teacher.provider == "local":
            return self.local_slot
        return "batch" if teacher.mode == "batch" else "api"

    def _judge(self, name: str) -> PlannedJob:
        if not self.data.rated:
            raise InvalidOptionError(
                f"judges.{name}",
                "the embedded judge learns from ratings, and the data has none: replace it "
                'by a large model (provider = "openai", "google", "anthropic" or "local")',
            )
        return self.graph.add(name, "cpu", JudgeSettings(), dict(self.dialogues), [self.data.train])

    def _runs(
        self,
        student: str,
        recipes: Mapping[str, PlannedJob],
        filtered: Mapping[str, PlannedJob],
        gates: Mapping[RunStage, PlannedJob],
    ) -> list[str]:
        """Add a student's runs of each stage and their responders; returns the responders' names.

        `recipes` are the jobs of the recipes, `filtered` those whose pairs DPO trains on, `gates` the
        rungs that decide which runs start.
        """
        found = []
        stages = self.config.runs.stages
        for recipe, examples in recipes.items() if "sft" in stages else ():
            for variant in grid.variants(self.config, student, recipe):
                name = RunName(student, catalog.parse(recipe), "sft", variant.named)
                tuned = self.students.sft(
                    name, variant.training, variant.lora, self.dialogues, examples, gates.get("sft")
                )
                found.append(self._responder(name, tuned))
                for one in variant.dpo if "sft-dpo" in stages else ():
                    name = RunName(student, catalog.parse(recipe), "sft-dpo", one.named)
                    run = self.students.dpo(
                        name,
                        one.training,
                        variant.lora,
                        self.dialogues,
                        filtered[recipe],
                        tuned,
                        gates.get("sft-dpo"),
                    )
                    found.append(self._responder(name, run))
        return found

    def _responder(self, name: RunName, run: PlannedJob) -> str:
        """Add a run's responder; returns its name."""
        self.responders[str(name)] = self.students.respond(
            str(name), name.student, run, self.dialogues, [self.data.test]
        )
        return str(name)

    def _respond_teacher(self, name: str) -> PlannedJob:
        """Add a teacher that responds to the test split, with the prompt that every responder gets."""
        slot = self._slot_of(self.config.teachers[name])
        responder = large_models.teacher_responder(self.config, self.prompt, name)
        settings = RespondSettings(responder=responder)
        return self.graph.add(name, slot, settings, dict(self.dialogues), [self.data.test])

    def _compare(self, a: str, b: str, judge: str) -> PlannedJob:
        chosen = self._chosen(judge)
        inputs = {**self.dialogues, **chosen.inputs}
        for side, responder in (("a", a), ("b", b)):
            responding = self.responders[responder]
            if responding is not None:
                inputs[side] = JobOutput(responding.id, "responses")
        stop = self.config.judges[judge].stop
        settings = CompareSettings(a=a, b=b, judge=chosen.settings, stop=stop)
        return self.graph.add(
            str(ComparisonName(a, b, judge)), chosen.slot, settings, inputs, [self.data.test]
        )

    def _chosen(self, judge: str) -> ChosenJudge:
        """A judge as comparisons have it."""
        fitted = self.judges[judge]
        if fitted is None:
            settings, slot = self._llm_judge(judge)
            return ChosenJudge(settings, slot, {})
        return ChosenJudge(EmbeddedJudge(name=judge), "cpu", {"judge": JobOutput(fitted.id, "judge")})

    def _gates(self, student: str, recipes: Mapping[str, PlannedJob]) -> Mapping[RunStage, PlannedJob]:
        """Add a student's rungs; returns the last one of each stage that has some."""
        rungs = self.config.rungs
        if not rungs.examples:
            return {}
        chosen = self._chosen(rungs.judge or next(iter(self.judges)))
        jobs = RungJobs(
            self.config, self.graph, self.students, self.dialogues, self.data, chosen, self._filtered
        )
        return jobs.add(student, recipes)

    def _validate(self, judge: str, pairs: int) -> PlannedJob:
        """The job that measures a judge's agreement with people on pairs that people rated."""
        known = self.config.judges
        if judge not in known:
            raise UserError(unknown_name("judge", judge, known))
        if known[judge].provider == "embedded":
            raise UserError(
                f"the judge {judge} needs no validation: its agreement with people is measured when it is "
                "trained, on pairs of held-out dialogues"
            )
        if not self.data.rated:
            raise UserError(
                f"{judge} cannot be validated: agreement is measured on people's ratings, and there are none"
            )
        chosen, slot = self._llm_judge(judge)
        settings = ValidateSettings(judge=chosen, pairs=pairs)
        return self.graph.add(judge, slot, settings, dict(self.dialogues), [self.data.train])

    def _make_llm_judge(self, name: str) -> tuple[LlmJudge, Slot]:
        """The settings of an LLM judge, and the slot of the jobs that use it."""
        judge = large_models.llm_judge(self.config, self.prompt, name)
        return judge, self._slot_of(self.config.judges[name])


def _are_alike(a: str, b: str) -> bool:
    """Whether two runs have the same settings and seed, as far as both of their stages have them."""
    runs = [run for run in map(RunName.parse, (a, b)) if run is not None]
    stage: RunStage = "sft-dpo" if all(run.stage == "sft-dpo" for run in runs) else "sft"
    return len({run.at_stage(stage).settings for run in runs}) == 1
