"""What runs need, before they start: memory, time and device, without loading a model."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path

import msgspec

from core.config.schema import Recipes
from core.domain.data.dialogues import RatingCounts
from core.domain.data.drawn_dialogues import DrawnDialogues
from core.domain.errors import UserError
from core.domain.jobs.job import Job
from core.domain.jobs.results import DpoResult, SftResult
from core.domain.paths import is_inside
from core.domain.runs import RunEstimate
from core.domain.states import Slot, Stage
from core.jobs.inputs import JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import DpoSettings, Ranks, RecipeSettings, RunSettings, SftSettings
from core.pipeline.workers import devices
from core.recipes import catalog, examples
from core.recipes.examples import Example, PreferencePair, SftExample
from core.services import machine
from core.services.pipeline import rung_chances
from core.store.jobs import job_queries, job_records
from core.students.models import model_shape
from core.students.models.model_shape import ModelShape
from core.training.estimates import run_estimate
from core.training.estimates.run_estimate import Examples, Work

#: Memory of a process with PyTorch before it loads a model, and of CUDA's context on a GPU.
_PROCESS_BYTES = {"cpu": 900_000_000, "gpu": 700_000_000}
#: Share of a processor's speed in matrix products that training reaches.
_EFFICIENCY = 0.35
#: Training's operations a second, by those of a GPU's CUDA cores in float32: tensor cores are faster, and
#: small models do not fill them.
_GPU_EFFICIENCY = 0.7


@dataclass(frozen=True)
class _Pace:
    """The seconds of a finished run."""

    step: float
    """Of an optimizer step, on average."""
    around: float
    """Of what is before and after the steps: imports, loading, the pass of DPO's reference, saving."""


@dataclass(frozen=True)
class _Device:
    slot: Slot
    name: str
    memory: int | None
    speed: float | None
    """Floating point operations a second in training; None if that is not known."""
    count: int | None = 1
    """How many there are of them; None if that is not known."""


def of_runs(
    nodes: Sequence[PlannedJob],
    planned: Sequence[PlannedJob],
    jobs: Mapping[str, Job],
    data: tuple[DrawnDialogues, RatingCounts],
    connection: sqlite3.Connection | None,
    root: Path,
    recipes: Recipes,
) -> tuple[RunEstimate, ...]:
    """The estimate of each run among `nodes` that is not done.

    `planned` are all jobs, `jobs` those that were ever requested; `data` are dialogues, and how those of the
    train split were rated.
    """
    return _Estimator(planned, jobs, data, connection, root, recipes).of(nodes)


class _Estimator:
    """Estimates of runs, of which there may be thousands: what many have in common is computed once."""

    def __init__(
        self,
        planned: Sequence[PlannedJob],
        jobs: Mapping[str, Job],
        data: tuple[DrawnDialogues, RatingCounts],
        connection: sqlite3.Connection | None,
        root: Path,
        recipes: Recipes,
    ) -> None:
        self._recipes = {node.id: node for node in planned if node.stage == "recipe"}
        #: The job that filters a recipe's pairs → the recipe's job.
        self._filtered = {
            node.id: read.job
            for node in planned
            if node.stage == "filter" and isinstance(read := node.inputs["preferences"], JobOutput)
        }
        self._jobs = jobs
        self._dialogues, self._train = data
        self._connection = connection
        self._root = root
        self._settings = recipes
        self._drawn = {dialogue.dialog_id for dialogue in self._dialogues.dialogues}
        self._device = cache(lambda slot: _gpu() if slot == "gpu" else _cpu())
        self._of_data = cache(self._made_of_data)
        self._of_unrated = cache(partial(examples.build_stand_ins, self._dialogues.dialogues))
        self._examples = cache(self._found_examples)
        #: Student → its shape, or why it is not known.
        self._shapes: dict[bytes, ModelShape | UserError] = {}
        #: Recipe, stage and how is trained → what a run computes.
        self._work: dict[tuple[object, ...], Work] = {}

    def of(self, nodes: Sequence[PlannedJob]) -> tuple[RunEstimate, ...]:
        """The estimate of each run among `nodes` that is not done, and that no rung has stopped."""
        found = []
        results = {job.id: job.result for job in self._jobs.values() if job.result is not None}
        chances = rung_chances.of_jobs(nodes, results)
        for node in nodes:
            job = self._jobs.get(node.id)
            is_left = (job is None or job.state != "done") and chances[node.id] > 0
            if is_left and isinstance(node.settings, SftSettings | DpoSettings):
                found.append(replace(self._estimate(node, node.settings), chance=chances[node.id]))
        return tuple(found)

    def _estimate(self, node: PlannedJob, settings: RunSettings) -> RunEstimate:
        device: _Device = self._device(node.slot)
        memory, work, seconds, measured, problem = None, None, None, False, None
        try:
            shape = self._shape(settings)
            work = self._work_of(node, settings, device, shape)
            memory = run_estimate.memory(settings, shape, work, _dtype(settings, device), device.slot)
            before = self._paces.get((*_traits(settings), device.slot == "cpu"))
            if before is not None:
                seconds, measured = before.around + before.step * work.steps, True
            elif device.speed is not None:
                start = run_estimate.start_seconds(settings, shape, _dtype(settings, device))
                seconds = start + run_estimate.operations(settings, shape, work) / device.speed
            else:
                problem = "the time is known when one such run is done"
        except UserError as error:
            problem = str(error)
        processes = 1 if settings.ranks is None else settings.ranks.count
        if device.count is not None and processes > device.count:
            problem = f"it needs {processes} GPUs, and there {_are(device.count)}"
        parts = {} if memory is None else {"process": _PROCESS_BYTES[device.slot], **memory.parts()}
        return RunEstimate(
            job=node.id,
            name=node.name,
            device=_of(device, settings.ranks),
            devices=processes,
            device_bytes=device.memory,
            memory_bytes=sum(parts.values()) if parts else None,
            memory_parts=parts,
            examples=None if work is None else work.examples,
            steps=None if work is None else work.steps,
            seconds=seconds,
            measured=measured,
            problem=problem,
        )

    def _shape(self, settings: RunSettings) -> ModelShape:
        """The shape of the run's student, for which its files are looked at once. Raises `UserError`."""
        student = msgspec.json.encode(settings.student)
        if student not in self._shapes:
            try:
                self._shapes[student] = model_shape.of(settings.student.config)
            except UserError as error:
                self._shapes[student] = error
        found = self._shapes[student]
        if isinstance(found, UserError):
            raise found
        return found

    def _work_of(self, node: PlannedJob, settings: RunSettings, device: _Device, shape: ModelShape) -> Work:
        source = next(
            read.job
            for name, read in node.inputs.items()
            if name in ("examples", "preferences") and isinstance(read, JobOutput)
        )
        dtype = _dtype(settings, device)
        # The same for all runs of a grid that differ in these.
        training = msgspec.structs.replace(settings.training, seed=0, learning_rate=1.0)
        trained = msgspec.json.encode((settings.student, settings.lora, training, settings.ranks))
        key = (source, settings.stage, trained, device.slot)
        if key not in self._work:
            some, count = self._examples(source, settings.stage)
            self._work[key] = run_estimate.work(settings, some, count, shape, dtype, device.memory)
        return self._work[key]

    def _found_examples(self, source: str, stage: Stage) -> tuple[Examples, int]:
        """Examples of runs on a recipe, or some that are like them, and how many there are.

        `source` is the recipe's job, or the one that filters its pairs: before that is done, all of them
        count. Raises `UserError` if there are none.
        """
        recipe = self._filtered.get(source, source)
        settings = self._recipes[recipe].settings
        assert isinstance(settings, RecipeSettings)
        is_sft = stage == "sft"
        output = "sft" if is_sft else "preferences"
        made = self._written(source, output) or self._written(recipe, output)
        found: Examples
        if made is not None:
            found, count = self._read(made, SftExample) if is_sft else self._read(made, PreferencePair)
        else:
            # Examples of a teacher do not exist before its job: those of the data are as long.
            is_direct = catalog.method(settings.recipe) == "direct"
            name = settings.recipe if is_direct else f"direct/{catalog.ALL}"
            sft, pairs = self._of_data(name, settings.prompt)
            if not is_direct and not (sft if is_sft else pairs):
                # Data without ratings has none of those.
                sft, pairs = self._of_unrated(settings.prompt)
            found = sft if is_sft else pairs
            _, sft_count, pair_count = catalog.counts(self._train, settings.recipe, self._settings)
            limit = settings.sft_limit if is_sft else settings.preference_limit
            count = sft_count if is_sft else pair_count
            count = count if limit is None else min(count, limit)
        if not found or not count:
            raise UserError(f"the recipe {settings.recipe} has no examples for this stage")
        return found, count

    def _written(self, job: str, output: str) -> Path | None:
        """The file of examples that a job has written, if it is there."""
        made = None if self._connection is None else job_records.artifact(self._connection, job, output)
        path = None if made is None or not is_inside(made[0]) else self._root / made[0]
        return path if path is not None and path.exists() else None

    def _read(self, path: Path, kind: type[Example]) -> tuple[list[Example], int]:
        """The examples in a file that are of drawn dialogues, and the number of all."""
        if self._dialogues.is_whole:
            found = list(examples.read(path, kind))
            return found, len(found)
        return examples.read_some(path, kind, self._drawn)

    def _made_of_data(self, name: str, prompt: str) -> tuple[list[SftExample], list[PreferencePair]]:
        return examples.build(self._dialogues.dialogues, name, self._settings.pairing, prompt)

    @cached_property
    def _paces(self) -> dict[tuple[object, ...], _Pace]:
        """Way of training, and whether it was on the CPU → the pace of the latest finished run."""
        found: dict[tuple[object, ...], _Pace] = {}
        for job in self._jobs.values():
            result = job.result
            if not isinstance(result, SftResult | DpoResult) or job.attempt != 1 or not result.steps:
                continue
            settings = None if self._connection is None else job_queries.settings(self._connection, job.id)
            if isinstance(settings, SftSettings | DpoSettings):
                around = max((job.took_s or 0.0) - result.train_runtime_s, 0.0)
                pace = _Pace(result.train_runtime_s / result.steps, around=around)
                found[(*_traits(settings), result.device == "cpu")] = pace
        return found


def _traits(settings: RunSettings) -> tuple[object, ...]:
    """What the time of a step depends on."""
    training = settings.training
    return (
        settings.stage,
        settings.student.source,
        settings.student.quantization,
        settings.lora is None,
        training.prefix_tree,
        training.group_by_dialogue,
        training.gradient_checkpointing,
        training.per_device_train_batch_size * training.gradient_accumulation_steps,
        settings.ranks is not None and (settings.ranks.count, settings.ranks.fsdp is None),
    )


def _of(device: _Device, ranks: Ranks | None) -> str:
    """Where a run will run, for people."""
    if ranks is None:
        return f"{device.name}, one of {device.count}" if (device.count or 1) > 1 else device.name
    return f"{ranks.count} × {device.name}, {'DDP' if ranks.fsdp is None else 'FSDP'}"


def _are(count: int) -> str:
    return "is 1" if count == 1 else f"are {count}"


def _dtype(settings: RunSettings, device: _Device) -> str:
    wanted = settings.student.dtype
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.slot == "gpu" and settings.lora is not None else "float32"


def _gpu() -> _Device:
    """The GPU with the least memory of those that jobs may get."""
    gpus = machine.look_at_machine().gpus
    usable = {gpu.device for gpu in devices.usable()}
    mine = [gpu for gpu in gpus if gpu.uuid in usable] or list(gpus)
    if not mine:
        return _Device("gpu", "GPU", None, None, None)
    smallest = min(mine, key=lambda gpu: gpu.memory_total or 0)
    speed = None if smallest.operations is None else smallest.operations * _GPU_EFFICIENCY
    return _Device("gpu", smallest.name, smallest.memory_total, speed, len(mine))


def _cpu() -> _Device:
    seen = machine.look_at_machine()
    return _Device("cpu", f"CPU, {seen.cores} cores", seen.memory_total, _products_a_second() * _EFFICIENCY)


def _products_a_second() -> float:
    """Floating point operations a second in matrix products of a small model's size, as measured now."""
    import numpy as np

    a = np.ones((1024, 576), np.float32)
    b = np.ones((576, 1536), np.float32)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        a @ b
        best = max(best, 2 * a.size * b.shape[1] / (time.perf_counter() - began))
    return best
