"""The graph of jobs that follows from config.toml, the imported data and the prompts.

Every job's fingerprint is known before anything runs: the hash of its stage's code version, its
settings, and the fingerprints of its inputs. The same fingerprint means the same results, so a job
that is done is never run again under the same fingerprint.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Mapping
from functools import cache

import msgspec

from core.config import grid
from core.config.problems import InvalidOptionError
from core.config.schema import Config, Teacher
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.names import ComparisonName, JobId, RunName, RunStage
from core.domain.states import Slot
from core.jobs.fingerprinted_settings import KnownParts, fingerprinted
from core.jobs.inputs import ImportedDialogues, Input, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    CompareSettings,
    DirectMethod,
    DpoSettings,
    EmbeddedJudge,
    FilterSettings,
    GenerateSettings,
    ImproveMethod,
    JudgeSettings,
    LargeModel,
    LlmJudge,
    LocalStudent,
    Ranks,
    RecipeSettings,
    RespondSettings,
    RunSettings,
    Settings,
    SftSettings,
    StudentResponder,
    StudentServer,
    ValidateSettings,
)
from core.jobs.stages import STAGES
from core.pipeline.planning import large_models
from core.recipes import catalog, strategies
from core.recipes.available_recipes import AvailableRecipes
from core.recipes.own_strategies import OwnStrategies
from core.students.models import model_sources


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
    Raises `UserError` when the configuration
    names a recipe, student, teacher or responder that does not exist, or `validate` names a judge that
    cannot be validated.
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
        #: What a run yields.
        self.trained = "adapter" if config.runs.lora else "model"
        self.jobs: dict[str, PlannedJob] = {}
        #: The name of a set of teacher responses → the job that generates it.
        self.generated: dict[str, PlannedJob] = {}
        self.dialogues: dict[str, Input] = {"dialogues": ImportedDialogues(data.data)}
        #: Responder name → the job that generates its responses, or None for a source in the data.
        self.responders: dict[str, PlannedJob | None] = {}
        # The same objects for all jobs, of which `known_parts` knows what is fingerprinted.
        self.known_parts: KnownParts = {}
        self._llm_judge = cache(self._make_llm_judge)
        self._student = cache(self._make_student)
        self.responders.update(dict.fromkeys((catalog.HUMAN, *data.sources)))

    def plan(self, validate: Mapping[str, int]) -> tuple[PlannedJob, ...]:
        config = self.config
        judges = {
            name: self._judge(name) if judge.provider == "embedded" else None
            for name, judge in config.judges.items()
        }
        recipes = {name: self._recipe(name) for name in dict.fromkeys(config.recipes.train)}
        filtered = {name: self._filter(name, examples, judges) for name, examples in recipes.items()}
        pairs: list[tuple[str, str]] = []
        for student in config.students:
            if student in self.responders:
                raise InvalidOptionError(
                    f"students.{student}", "the data has a source of that name; choose another"
                )
            self.responders[student] = self._respond(student, student, None)
            for recipe, examples in recipes.items():
                for run in self._runs(student, recipe, examples, filtered[recipe]):
                    if config.comparisons.baseline:
                        pairs.append((student, run))
        for extra in config.comparisons.extra:
            one, other = self._responders_of(extra.a), self._responders_of(extra.b)
            is_single = len(one) == 1 or len(other) == 1
            pairs += [(a, b) for a, b in itertools.product(one, other) if is_single or _are_alike(a, b)]
        for name, judge in judges.items():
            for a, b in dict.fromkeys(pairs):
                self._compare(a, b, name, judge)
        for name, count in validate.items():
            self._validate(name, count)
        return tuple(self.jobs.values())

    def _responders_of(self, name: str) -> list[str]:
        """The responders that a comparison names: with [grid], all runs whose names begin with it."""
        if name in self.config.teachers and name not in self.responders:
            self.responders[name] = self._respond_teacher(name)
        run = RunName.parse(name)
        varied = () if run is None or run.settings else self.responders
        found = [one for one in varied if one == name or one.startswith(f"{name}/")]
        if name in self.responders or found:
            return found or [name]
        known = ", ".join(dict.fromkeys((*self.responders, *self.config.teachers)))
        raise InvalidOptionError(
            "comparisons.extra", f"no responder is named {name!r}. There are: {known}", name
        )

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
        return self._add(name, "cpu", settings, inputs, [self.data.train])

    def _filter(
        self, recipe: str, examples: PlannedJob, judges: Mapping[str, PlannedJob | None]
    ) -> PlannedJob:
        """The job whose preference pairs DPO trains on: the recipe's, or the one that filters them."""
        judge = self.config.recipes.filter_judge
        if judge is None:
            return examples
        inputs = {**self.dialogues, "preferences": JobOutput(examples.id, "preferences")}
        chosen, slot = self._chosen_judge(judge, judges[judge], inputs)
        settings = FilterSettings(recipe=recipe, judge=chosen)
        return self._add(recipe, slot, settings, inputs, [self.data.train])

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
        self.generated[name] = self._add(name, slot, settings, inputs, [self.data.train])
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
        return self._add(name, "cpu", JudgeSettings(), dict(self.dialogues), [self.data.train])

    def _runs(self, student: str, recipe: str, examples: PlannedJob, pairs: PlannedJob) -> list[str]:
        """Add the runs of each stage and their responders, and return their names; DPO reads `pairs`."""
        found = []
        recipe_name, stages, ranks = catalog.parse(recipe), self.config.runs.stages, self._ranks(student)
        for variant in grid.variants(self.config, student, recipe):
            if "sft" not in stages:
                continue
            lora = variant.lora if self.config.runs.lora else None
            settings: RunSettings = SftSettings(
                student=self._student(student),
                student_name=student,
                recipe=recipe,
                lora=lora,
                ranks=ranks,
                training=variant.training,
            )
            inputs = {"examples": JobOutput(examples.id, "sft")}
            name = RunName(student, recipe_name, "sft", variant.named)
            tuned = self._run(name, settings, inputs)
            found.append(str(name))
            for one in variant.dpo if "sft-dpo" in stages else ():
                settings = DpoSettings(
                    student=self._student(student),
                    student_name=student,
                    recipe=recipe,
                    lora=lora,
                    ranks=ranks,
                    training=one.training,
                )
                inputs = {
                    "preferences": JobOutput(pairs.id, "preferences"),
                    self.trained: JobOutput(tuned.id, self.trained),
                }
                name = RunName(student, recipe_name, "sft-dpo", one.named)
                self._run(name, settings, inputs)
                found.append(str(name))
        return found

    def _run(self, name: RunName, settings: RunSettings, inputs: Mapping[str, Input]) -> PlannedJob:
        """Add a run and its responder."""
        run = self._add(str(name), self.local_slot, settings, {**self.dialogues, **inputs}, [])
        self.responders[str(name)] = self._respond(str(name), name.student, run)
        return run

    def _ranks(self, student: str) -> Ranks | None:
        """The processes of a student's runs; None for one."""
        own, runs = self.config.students[student].gpus_per_run, self.config.runs
        count = own or runs.gpus_per_run
        if count == 1:
            return None
        if self.local_slot != "gpu":
            raise InvalidOptionError(
                "runs.gpus_per_run" if own is None else f"students.{student}.gpus_per_run",
                f"is {count}, and this machine has no GPU: set it to 1, or runs.device to cuda if jobs run "
                "on another machine",
            )
        fsdp = self.config.fsdp if runs.distributed == "fsdp" else None
        return Ranks(count=count, fsdp=fsdp, nodes=runs.nodes_per_run)

    def _respond(self, name: str, student: str, run: PlannedJob | None) -> PlannedJob:
        server = self.config.servers.get(student)
        responder = StudentResponder(
            student=self._student(student),
            responding=self.config.responding,
            server=None if server is None else StudentServer.of(name, server),
        )
        inputs = dict(self.dialogues)
        if run is not None:
            inputs[self.trained] = JobOutput(run.id, self.trained)
        settings = RespondSettings(responder=responder)
        slot: Slot = self.local_slot if server is None else "api"
        return self._add(name, slot, settings, inputs, [self.data.test])

    def _respond_teacher(self, name: str) -> PlannedJob:
        """Add a teacher that responds to the test split, with the prompt that every responder gets."""
        slot = self._slot_of(self.config.teachers[name])
        responder = large_models.teacher_responder(self.config, self.prompt, name)
        settings = RespondSettings(responder=responder)
        return self._add(name, slot, settings, dict(self.dialogues), [self.data.test])

    def _compare(self, a: str, b: str, judge: str, fitted: PlannedJob | None) -> PlannedJob:
        """`fitted` is the job that fits the judge; None for an LLM judge."""
        inputs = dict(self.dialogues)
        chosen, slot = self._chosen_judge(judge, fitted, inputs)
        for side, responder in (("a", a), ("b", b)):
            responding = self.responders[responder]
            if responding is not None:
                inputs[side] = JobOutput(responding.id, "responses")
        settings = CompareSettings(a=a, b=b, judge=chosen, stop=self.config.judges[judge].stop)
        return self._add(str(ComparisonName(a, b, judge)), slot, settings, inputs, [self.data.test])

    def _chosen_judge(
        self, name: str, fitted: PlannedJob | None, inputs: dict[str, Input]
    ) -> tuple[LlmJudge | EmbeddedJudge, Slot]:
        """The settings of a judge for a job, whose `inputs` get what it reads, and the job's slot."""
        if fitted is None:
            return self._llm_judge(name)
        inputs["judge"] = JobOutput(fitted.id, "judge")
        return EmbeddedJudge(name=name), "cpu"

    def _validate(self, judge: str, pairs: int) -> PlannedJob:
        """The job that measures a judge's agreement with people on pairs that people rated."""
        known = self.config.judges
        if judge not in known:
            raise UserError(f"no judge is named {judge!r}; there are: {', '.join(known) or 'none'}")
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
        return self._add(judge, slot, settings, dict(self.dialogues), [self.data.train])

    def _make_llm_judge(self, name: str) -> tuple[LlmJudge, Slot]:
        """The settings of an LLM judge, and the slot of the jobs that use it."""
        judge = large_models.llm_judge(self.config, self.prompt, name)
        return judge, self._slot_of(self.config.judges[name])

    def _make_student(self, name: str) -> LocalStudent:
        student = self.config.students[name]
        return LocalStudent(
            config=student,
            source=model_sources.identity(student),
            chat_template_sha256=model_sources.template_sha256(student),
            prompt=self.prompt("student"),
            device=self.config.runs.device,
            dtype=self.config.runs.dtype,
            quantization=self.config.runs.quantization,
        )

    def _add(
        self, name: str, slot: Slot, settings: Settings, inputs: dict[str, Input], data: list[str]
    ) -> PlannedJob:
        """Add a job. `data` are the hashes of the parts of the data that it reads beside its inputs."""
        outputs = {key: read for key, read in inputs.items() if isinstance(read, JobOutput)}
        fingerprint = _hash(
            {
                "stage": settings.stage,
                "version": STAGES[settings.stage].code_version,
                "name": name,
                "settings": fingerprinted(settings, self.known_parts),
                "inputs": {
                    key: [self.jobs[read.job].fingerprint, read.name] for key, read in outputs.items()
                },
                "data": data,
            }
        )
        job = PlannedJob(
            id=str(JobId.of(settings.stage, fingerprint)),
            name=name,
            fingerprint=fingerprint,
            slot=slot,
            settings=settings,
            inputs=inputs,
            depends_on=tuple(dict.fromkeys(read.job for read in outputs.values())),
        )
        self.jobs[job.id] = job
        return job


def _are_alike(a: str, b: str) -> bool:
    """Whether two runs have the same settings and seed, as far as both of their stages have them."""
    runs = [run for run in map(RunName.parse, (a, b)) if run is not None]
    stage: RunStage = "sft-dpo" if all(run.stage == "sft-dpo" for run in runs) else "sft"
    return len({run.at_stage(stage).settings for run in runs}) == 1


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="deterministic")).hexdigest()
