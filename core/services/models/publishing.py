"""Publishing a run, or a recipe's training data, as a folder for the Hub and other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from core.config.schema import Responding
from core.dialogues import fetch
from core.domain.data.recipes import FilteredPairs
from core.domain.errors import UserError, did_you_mean
from core.domain.jobs.job import Job
from core.domain.jobs.job_rules import publish_problem
from core.domain.jobs.results import FilterResult, TrainingResult
from core.domain.names import RUN_STAGES, JobName, VersionName
from core.jobs import files
from core.jobs.inputs import JobOutput
from core.jobs.output_folder import OutputFolder
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import (
    DpoSettings,
    FilterSettings,
    GenerateSettings,
    RespondSettings,
    RunSettings,
    SftSettings,
    StudentResponder,
)
from core.services.workspace_state import WorkspaceState
from core.store.jobs import job_records
from core.students.models.embedded_package import EMBEDDED

if TYPE_CHECKING:
    from core.publishing.sections import DataDescription
    from core.services.evaluation.reader import EvaluationReader
    from core.services.pipeline.reader import PipelineReader
    from core.services.training.reader import TrainingReader
    from core.training.saving.model_card import Publication

#: Lists the files of a published folder, so that publishing again can replace them; it is not pushed.
CONTENTS = ".published.json"


@dataclass(frozen=True)
class Published:
    """A published folder."""

    name: str
    """The run or the recipe."""
    kind: Literal["adapter", "model", "dataset"]
    """What the folder has: an adapter, a whole model, or training data."""
    folder: Path
    """The folder."""
    files: tuple[Path, ...]
    """The written files."""
    notes: tuple[str, ...]
    """What whoever uses it must know, in sentences."""
    only_here: bool
    """Whether it needs a folder of this machine, so that it cannot be pushed."""


@dataclass(frozen=True)
class PublishOptions:
    """What a published model consists of beside its defaults."""

    merge: bool = False
    """Merge the adapter into the student's weights."""
    ollama: bool = False
    """Write a Modelfile by which Ollama imports it."""
    gguf: bool = False
    """Make a GGUF file, by llama.cpp's converter."""


class Publishing:
    """Publishes what a workspace has made. Nothing in the workspace changes."""

    def __init__(
        self,
        state: WorkspaceState,
        pipeline: PipelineReader,
        training: TrainingReader,
        evaluation: EvaluationReader,
    ) -> None:
        self._state = state
        self._pipeline = pipeline
        self._training = training
        self._evaluation = evaluation

    def publish(self, name: str, folder: Path, options: PublishOptions | None = None) -> Published:
        """Write a run, or the training data of a recipe, to a folder that is ready for the Hub.

        Weights are made by a process of their own; it takes from seconds to minutes. What was published to
        the folder before is replaced. Raises `UserError` when the run or recipe does not exist or is not
        done, the folder has other files, or an option does not fit.
        """
        self._state.paths.check_output(folder)
        options = options or PublishOptions()
        job = self._job(name)
        output = OutputFolder(folder, CONTENTS, "a published model or data set")
        output.check()
        if job.stage == "recipe":
            if options != PublishOptions():
                raise UserError(f"{name} is a recipe: --merge, --ollama and --gguf are for runs")
            return self._publish_data(job, output)
        return self._publish_run(job, output, options)

    def check_repository(self, repository: str) -> None:
        """Raise `UserError` if no repository of the Hub can have that name."""
        from core.publishing import hub

        hub.check_name(repository)

    def push(self, published: Published, repository: str, *, public: bool = False) -> str:
        """Upload a published folder to the Hub, private unless `public`; the repository's URL.

        Raises `UserError` if that fails, or nobody else could load it.
        """
        from core.publishing import hub

        if published.only_here:
            raise UserError(
                f"{published.folder} needs a model that is a folder on this machine, so nobody else could "
                "load it: publish it with --merge"
            )
        kind = published.kind
        return hub.push(
            published.folder,
            repository,
            "dataset" if kind == "dataset" else "model",
            public=public,
            not_pushed=CONTENTS,
        )

    def _job(self, name: str) -> Job:
        """The finished run or recipe of that name."""
        jobs = {
            job.name: job
            for job in self._pipeline.snapshot().jobs
            if job.stage in ("recipe", *RUN_STAGES) and job.in_config
        }
        version = VersionName.parse(name)
        if version.settings and version.name in jobs:
            raise UserError(f"{name} is superseded: only runs that config.toml defines are published")
        if name not in jobs:
            hint = did_you_mean(name, jobs)
            known = ", ".join(jobs) or "none yet"
            raise UserError(f"there is no run or recipe {name!r}.{hint} config.toml has: {known}")
        job = jobs[name]
        problem = publish_problem(job)
        if problem is not None:
            raise UserError(f"{problem}; run `empathy-tui run {JobName(job.stage, name)}`")
        return job

    def _publish_run(self, job: Job, output: OutputFolder, options: PublishOptions) -> Published:
        from core.publishing import gguf, sections, weights
        from core.training.saving import model_card

        settings, result = self._nodes[job.id].settings, job.result
        assert isinstance(settings, SftSettings | DpoSettings)
        assert isinstance(result, TrainingResult)
        is_adapter = settings.lora is not None and not options.merge
        _check_options(job.name, settings, options, is_adapter=is_adapter)
        converter = gguf.converter(is_adapter=is_adapter) if options.gguf else None
        responding = self._responding(job.name)
        is_local = model_card.base_on_hub(settings.student.config.model) is None
        notes = _notes(settings, result, is_adapter=is_adapter, is_local=is_local)
        if options.ollama and is_adapter:
            notes += ("The Modelfile names the base model's folder on the machine that wrote it.",)
        with output.aside() as aside:
            made = aside / "made"
            made.mkdir()
            weights.make(
                weights.WeightsRequest(
                    student=settings.student,
                    responding=responding,
                    lora=settings.lora,
                    trained=str(self._output(job.id, "adapter" if settings.lora is not None else "model")),
                    merge=options.merge,
                    dtype=result.dtype,
                    folder=str(made),
                    ollama=options.ollama,
                    converter=None if converter is None else str(converter),
                ),
                aside,
            )
            data_sha256 = self._data_sha256(job.id, settings)
            is_current = result.data_sha256 in (None, data_sha256)
            if not is_current:
                notes += (f"It was trained on other examples than recipe {settings.recipe} yields now.",)
            is_filtered = settings.stage == "sft-dpo" and is_current
            described = self._described(self._job(settings.recipe), is_filtered=is_filtered)
            publication = self._publication(
                job, sections.answering(settings.student.config, responding), described, notes, options
            )
            of_data = msgspec.structs.replace(result, data_sha256=result.data_sha256 or data_sha256)
            card = model_card.text(_shown(settings, is_local), of_data, publication)
            found: dict[str, bytes | Path] = {path.name: path for path in sorted(made.iterdir())}
            found |= {"README.md": card.encode(), sections.PROMPT_FILE: settings.student.prompt.encode()}
            written = output.replace(found)
        return Published(
            name=job.name,
            kind="adapter" if is_adapter else "model",
            folder=output.path,
            files=tuple(written),
            notes=notes,
            only_here=is_adapter and (is_local or options.ollama),
        )

    def _data_sha256(self, job: str, settings: RunSettings) -> str:
        """The hash of the examples that the run's recipe yields now."""
        trained_on = self._nodes[job].inputs["examples" if settings.stage == "sft" else "preferences"]
        assert isinstance(trained_on, JobOutput)
        return files.sha256(self._output(trained_on.job, trained_on.name))

    def _publication(
        self,
        job: Job,
        answering: str,
        described: DataDescription,
        notes: tuple[str, ...],
        options: PublishOptions,
    ) -> Publication:
        """What the model card says beside the training's settings and results."""
        from core.publishing import results, sections
        from core.training.saving.model_card import Publication

        rates = results.of_run(self._evaluation.win_rates(), job.name)
        adjective = described.definition.adjective
        return Publication(
            quality=described.definition.name,
            language=described.language,
            merged=options.merge,
            libraries=self._training.libraries(job.id),
            eval_results=results.eval_results(rates, adjective, described.file, described.sha256),
            answering=answering,
            sections="\n\n".join(
                (
                    sections.data_section(described),
                    sections.results_section(rates),
                    sections.limits_section(described, notes),
                )
            ),
        )

    def _publish_data(self, job: Job, output: OutputFolder) -> Published:
        from core.publishing import data_set

        filtering = self._filter(job.name)
        sft = self._output(job.id, "sft")
        preferences = self._output((filtering or job).id, "preferences")
        described = self._described(job, is_filtered=True)
        written = output.replace(dict(data_set.files_of(job.name, sft, preferences, described)))
        return Published(job.name, "dataset", output.path, tuple(written), (), only_here=False)

    def _responding(self, run: str) -> Responding:
        """The settings by which the run answered the test split, or would."""
        for node in self._state.nodes():
            if isinstance(node.settings, RespondSettings) and node.name == run:
                responder = node.settings.responder
                assert isinstance(responder, StudentResponder)
                return responder.responding
        raise AssertionError(f"{run} is a run, and every run is a responder")

    def _filter(self, recipe: str) -> Job | None:
        """The finished job that filters a recipe's pairs; None without one in config.toml.

        Raises `UserError` if it is not done.
        """
        jobs = self._pipeline.snapshot().jobs
        found = next(
            (job for job in jobs if job.stage == "filter" and job.name == recipe and job.in_config), None
        )
        if found is not None and found.result is None:
            raise UserError(
                f"the pairs of {recipe} are not filtered ({found.state}): "
                f"run `empathy-tui run filter:{recipe}`"
            )
        return found

    def _described(self, recipe: Job, *, is_filtered: bool) -> DataDescription:
        """The data from which a recipe was made; with what a judge left of its pairs if `is_filtered`."""
        from core.publishing.sections import DataDescription
        from core.services.data.sample import is_sample

        imported, dialogues = self._state.data()
        config, _ = self._state.config()
        assert imported is not None
        assert config is not None
        generated = (self._nodes[job].settings for job in recipe.depends_on)
        teachers = (found.model.identity.model for found in generated if isinstance(found, GenerateSettings))
        train = sum(dialogue.split == "train" for dialogue in dialogues)
        is_english = is_sample(imported) or imported.file_sha256 == fetch.SHA256
        return DataDescription(
            file=imported.file,
            sha256=imported.data,
            train=train,
            test=len(dialogues) - train,
            sources=imported.sources,
            teachers=tuple(dict.fromkeys(teachers)),
            is_sample=is_sample(imported),
            filtered=self._filtered(recipe.name) if is_filtered else None,
            definition=config.definition,
            language="en" if is_english else None,
        )

    def _filtered(self, recipe: str) -> FilteredPairs | None:
        """What a judge left of a recipe's pairs; None without one."""
        job = self._filter(recipe)
        if job is None:
            return None
        settings = self._nodes[job.id].settings
        assert isinstance(job.result, FilterResult)
        assert isinstance(settings, FilterSettings)
        return job.result.by(settings.judge.name)

    @property
    def _nodes(self) -> dict[str, PlannedJob]:
        return {node.id: node for node in self._state.nodes()}

    def _output(self, job: str, name: str) -> Path:
        """A file or folder that a job has made. Raises `UserError` if it was removed."""
        connection = self._state.connection()
        found = None if connection is None else job_records.artifact(connection, job, name)
        path = None if found is None else self._state.paths.inside(found[0])
        if path is None or not path.exists():
            raise UserError(
                f"the files of {job} are missing ({path or name}): run `empathy-tui run {job} --force`"
            )
        return path


def _check_options(run: str, settings: RunSettings, options: PublishOptions, *, is_adapter: bool) -> None:
    if options.merge and settings.lora is None:
        raise UserError(f"{run} is a whole model, fully fine-tuned: there is no adapter to merge")
    if options.ollama and is_adapter and not options.gguf:
        # From 0.12.11 on it looks for model*.safetensors, and PEFT names the file otherwise.
        raise UserError(
            "Ollama imports an adapter only as a GGUF file: publish it with --gguf too, or with --merge"
        )


def _notes(
    settings: RunSettings, result: TrainingResult, *, is_adapter: bool, is_local: bool
) -> tuple[str, ...]:
    """What whoever uses a published model must know, in sentences."""
    found = []
    model = settings.student.config.model
    if is_adapter and is_local:
        found.append("The base model is a folder on the machine that trained it.")
    if is_adapter and model == EMBEDDED:
        found.append(
            "It was trained on weights that were quantized to 4 bits: on the weights of the Hub, answers "
            "differ a little. Merged weights answer as the run did."
        )
    if settings.lora is not None and not is_adapter:
        if settings.student.quantization is not None:
            found.append(
                f"It was trained on weights in {settings.student.quantization}, and merged into those "
                "without quantization: answers can differ a little from the run's."
            )
        elif result.dtype != "float32":
            found.append(
                f"Merged weights are rounded to {result.dtype}: a few answers can differ from the run's."
            )
    return tuple(found)


def _shown(settings: RunSettings, is_local: bool) -> RunSettings:
    """The settings as others see them: with the name of a local model's folder, without its place.

    As a folder: the Hub may have another model of that name.
    """
    if not is_local:
        return settings
    config = msgspec.structs.replace(
        settings.student.config, model=f"./{Path(settings.student.config.model).name}", revision=None
    )
    student = msgspec.structs.replace(settings.student, config=config)
    return msgspec.structs.replace(settings, student=student)
