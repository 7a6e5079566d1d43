"""What runs need, before they start: memory, time and device, without loading a model."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from core.config.schema import Recipes
from core.domain.dialogues import Dialogue
from core.domain.errors import UserError
from core.domain.jobs import Job, Slot
from core.domain.results import DpoResult, SftResult
from core.domain.runs import RunEstimate
from core.jobs.inputs import JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.settings import DpoSettings, RecipeSettings, RunSettings, SftSettings
from core.pipeline import devices
from core.recipes import catalog, examples
from core.recipes.examples import PreferencePair, SftExample
from core.services import machine
from core.store import job_records, queries
from core.students import model_shape
from core.training import run_estimate
from core.training.run_estimate import Examples, Work

#: Memory of a process with PyTorch before it loads a model, and of CUDA's context on a GPU.
_PROCESS_BYTES = {"cpu": 900_000_000, "gpu": 700_000_000}
#: Share of a processor's speed in matrix products that training reaches.
_EFFICIENCY = 0.35
#: Training's operations a second, by those of a GPU's CUDA cores in float32: tensor cores are faster, and
#: small models do not fill them.
_GPU_EFFICIENCY = 0.7


@dataclass(frozen=True)
class _Device:
    slot: Slot
    name: str
    memory: int | None
    speed: float | None
    """Floating point operations a second in training; None if that is not known."""


def of_runs(
    nodes: Sequence[PlannedJob],
    planned: Sequence[PlannedJob],
    jobs: Mapping[str, Job],
    dialogues: Sequence[Dialogue],
    connection: sqlite3.Connection | None,
    root: Path,
    recipes: Recipes,
) -> tuple[RunEstimate, ...]:
    """The estimate of each run among `nodes` that is not done.

    `planned` are all jobs, `jobs` those that were ever requested.
    """

    @cache
    def of_data(name: str, prompt: str) -> tuple[list[SftExample], list[PreferencePair]]:
        return examples.build(dialogues, name, recipes.pairing, prompt)

    found: list[RunEstimate] = []
    by_id = {node.id: node for node in planned}
    known: dict[Slot, _Device] = {}
    for node in nodes:
        settings = node.settings
        job = jobs.get(node.id)
        if not isinstance(settings, SftSettings | DpoSettings) or (job is not None and job.state == "done"):
            continue
        if node.slot not in known:
            known[node.slot] = _gpu() if node.slot == "gpu" else _cpu()
        device = known[node.slot]
        recipe = by_id[
            next(
                read.job
                for name, read in node.inputs.items()
                if name in ("examples", "preferences") and isinstance(read, JobOutput)
            )
        ]

        def some(settings: RunSettings = settings, recipe: PlannedJob = recipe) -> tuple[Examples, int]:
            return _examples(settings, recipe, dialogues, of_data, connection, root, recipes)

        found.append(_estimate(node, settings, device, some, connection, jobs))
    return tuple(found)


def _estimate(
    node: PlannedJob,
    settings: RunSettings,
    device: _Device,
    examples_of: Callable[[], tuple[Examples, int]],
    connection: sqlite3.Connection | None,
    jobs: Mapping[str, Job],
) -> RunEstimate:
    memory, work, seconds, measured, problem = None, None, None, False, None
    try:
        some, count = examples_of()
        shape = model_shape.of(settings.student.config)
        work = run_estimate.work(settings, some, count, shape, _dtype(settings, device), device.memory)
        memory = run_estimate.memory(settings, shape, work, _dtype(settings, device), device.slot)
        before = _seconds_before(settings, work, device, connection, jobs)
        if before is not None:
            seconds, measured = before, True
        elif device.speed is not None:
            seconds = run_estimate.operations(settings, shape, work) / device.speed
        else:
            problem = "the time is known when one such run is done"
    except UserError as error:
        problem = str(error)
    parts = {} if memory is None else {"process": _PROCESS_BYTES[device.slot], **memory.parts()}
    return RunEstimate(
        job=node.id,
        name=node.name,
        device=device.name,
        device_bytes=device.memory,
        memory_bytes=sum(parts.values()) if parts else None,
        memory_parts=parts,
        examples=None if work is None else work.examples,
        steps=None if work is None else work.steps,
        seconds=seconds,
        measured=measured,
        problem=problem,
    )


def _dtype(settings: RunSettings, device: _Device) -> str:
    wanted = settings.student.dtype
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.slot == "gpu" and settings.lora is not None else "float32"


def _examples(
    settings: RunSettings,
    recipe: PlannedJob,
    dialogues: Sequence[Dialogue],
    of_data: Callable[[str, str], tuple[list[SftExample], list[PreferencePair]]],
    connection: sqlite3.Connection | None,
    root: Path,
    recipes: Recipes,
) -> tuple[Examples, int]:
    """Examples of a run, or some that are like them, and how many it has.

    `of_data` builds those of a recipe of method `direct`, by its name and the student's template. Raises
    `UserError` if there are none.
    """
    is_sft = isinstance(settings, SftSettings)
    output = "sft" if is_sft else "preferences"
    made = None if connection is None else job_records.artifact(connection, recipe.id, output)
    found: Examples = []
    if made is not None and (root / made[0]).exists():
        path = root / made[0]
        found = list(examples.read(path, SftExample)) if is_sft else list(examples.read(path, PreferencePair))
        count = len(found)
    else:
        wanted = recipe.settings
        assert isinstance(wanted, RecipeSettings)
        # Examples of a teacher do not exist before its job: those of the data are as long.
        is_direct = catalog.method(settings.recipe) == "direct"
        name = settings.recipe if is_direct else f"direct/{catalog.ALL}"
        sft, pairs = of_data(name, wanted.prompt)
        found = sft if is_sft else pairs
        _, sft_count, pair_count = catalog.counts(dialogues, settings.recipe, recipes)
        limit = wanted.sft_limit if is_sft else wanted.preference_limit
        count = sft_count if is_sft else pair_count
        count = count if limit is None else min(count, limit)
    if not found or not count:
        raise UserError(f"the recipe {settings.recipe} has no examples for this stage")
    return found, count


def _seconds_before(
    settings: RunSettings,
    work: Work,
    device: _Device,
    connection: sqlite3.Connection | None,
    jobs: Mapping[str, Job],
) -> float | None:
    """The time by a finished run of the same student with the same way of training; None without one."""
    seconds = None
    for job in jobs.values():
        result = job.result
        if job.stage != settings.stage or not isinstance(result, SftResult | DpoResult) or job.attempt != 1:
            continue
        other = None if connection is None else queries.settings(connection, job.id)
        if not isinstance(other, SftSettings | DpoSettings) or not _alike(settings, other):
            continue
        if (result.device == "cpu") == (device.slot == "cpu") and result.steps:
            # The latest counts.
            seconds = result.train_runtime_s / result.steps * work.steps
    return seconds


def _alike(settings: RunSettings, other: RunSettings) -> bool:
    """Whether a step of both takes about the same time."""

    def traits(one: RunSettings) -> tuple[object, ...]:
        training = one.training
        return (
            one.student.source,
            one.student.quantization,
            one.lora is None,
            training.prefix_tree,
            training.group_by_dialogue,
            training.gradient_checkpointing,
            training.per_device_train_batch_size * training.gradient_accumulation_steps,
        )

    return traits(settings) == traits(other)


def _gpu() -> _Device:
    """The GPU with the least memory of those that jobs may get."""
    gpus = machine.look_at_machine().gpus
    usable = {gpu.device for gpu in devices.usable()}
    mine = [gpu for gpu in gpus if gpu.uuid in usable] or list(gpus)
    if not mine:
        return _Device("gpu", "GPU", None, None)
    least = min(mine, key=lambda gpu: gpu.memory_total or 0)
    speed = None if least.operations is None else least.operations * _GPU_EFFICIENCY
    more = f", one of {len(mine)}" if len(mine) > 1 else ""
    return _Device("gpu", f"{least.name}{more}", least.memory_total, speed)


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
