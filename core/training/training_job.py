"""The jobs that fine-tune a student: `sft`, and `sft-dpo` on top of it."""

from __future__ import annotations

import json
import logging
import math
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import datasets
import msgspec
import torch
import transformers

from core.config.schema import Student, Training
from core.dialogues.files import records
from core.domain.errors import Cancelled, UserError
from core.domain.jobs.results import DpoResult, SftResult, TrainingResult
from core.jobs import files
from core.jobs.context import JobContext
from core.jobs.settings import DpoSettings, RunSettings, SftSettings
from core.prompts import templates
from core.recipes import examples
from core.recipes.examples import PreferencePair, SftExample
from core.students.chat import chat_format
from core.students.chat.chat_format import ChatFormat
from core.students.models import base_model, checkpoint_checks, loading, memory, model_sources
from core.training import evaluation, loggers, reference, trainers
from core.training.callbacks import JournalCallback, SampleCallback
from core.training.data import tokenized_data
from core.training.data.tokenized_data import TokenizedData
from core.training.distributed import peers, ranks
from core.training.estimates import requirements
from core.training.evaluation import EarlyStopping
from core.training.prefix_tree.trainers import TreeDpoTrainer, TreeSftTrainer
from core.training.saving import checkpoints, model_card, saving

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunData:
    """The tokenized data of a run."""

    file: Path
    """Of the examples, or of the preference pairs."""
    train: TokenizedData
    """What the run is trained on."""
    held_out: TokenizedData | None
    """Data of the evaluation."""


@dataclass(frozen=True)
class PreparedRun:
    """A trainer, and what it trains on."""

    trainer: Any
    """With its callbacks."""
    chat: ChatFormat
    """How messages become tokens."""
    data: RunData
    """What it trains on."""
    early_stopping: EarlyStopping | None
    """When it ends early; None if it does not."""


def run(job: JobContext[RunSettings]) -> TrainingResult:
    """Train the adapter or the model, resuming from the newest complete checkpoint of earlier attempts.

    With several devices, this process starts the others and trains with them.

    Raises `UserError` when there are no examples, the student cannot be loaded, memory runs out, the loss or
    its gradient is not finite, a package is missing, or another process fails.
    """
    # A job that answered in this process may have left its model.
    base_model.forget()
    device = loading.pick_device(job.settings.student.device)
    with peers.beside(job, device):
        return _train(job, device)


def take_part(job: JobContext[RunSettings]) -> None:
    """Train as one of the processes beside the worker; raises as `run` does."""
    device = loading.pick_device(job.settings.student.device)
    ranks.join(device)
    _train(job, device)
    ranks.leave()


def _train(job: JobContext[RunSettings], device: str) -> TrainingResult:
    student = job.settings.student
    model_sources.check_unchanged(student.config, student.source, student.chat_template_sha256)
    torch.set_num_threads(max(1, job.spec.threads // ranks.count()))
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    requirements.check(job.settings, device)
    dtype = loading.pick_dtype(student.dtype, device)
    resume = checkpoints.newest(
        (Path(folder) for folder in job.spec.prior),
        job.warn,
        keeps_best=job.settings.training.early_stopping_patience is not None,
    )
    try:
        prepared = prepare(job, device, dtype)
        trainer = prepared.trainer
        job.check()
        if resume is not None:
            log.info("resuming from step %d of %s", checkpoints.step(resume), resume)
            trainer._total_train_tokens = checkpoints.num_tokens(resume)
        output = trainer.train(resume_from_checkpoint=None if resume is None else str(resume))
    except (RuntimeError, MemoryError) as error:
        if not memory.is_out_of_memory(error):
            raise
        raise UserError(
            "out of memory: lower per_device_train_batch_size (and raise "
            "gradient_accumulation_steps), or set gradient_checkpointing = true; `empathy-tui run --dry-run` "
            "estimates what a run needs"
        ) from error
    stopped_early = prepared.early_stopping is not None and prepared.early_stopping.stopped
    if trainer.state.global_step < trainer.state.max_steps and not stopped_early:
        raise Cancelled
    result = _result(job.settings, prepared, output.metrics["train_runtime"], device)
    saving.save(job, trainer, prepared.chat, result)
    return result


def _result(settings: RunSettings, prepared: PreparedRun, runtime_s: float, device: str) -> TrainingResult:
    trainer, data, stopping = prepared.trainer, prepared.data, prepared.early_stopping
    history = trainer.state.log_history
    losses = {entry["step"]: entry[evaluation.METRIC] for entry in history if evaluation.METRIC in entry}
    kept = trainer.state.best_global_step if stopping is not None else None
    result = SftResult(
        steps=trainer.state.global_step,
        train_loss=_mean(history, "loss"),
        train_runtime_s=runtime_s,
        epochs=trainer.state.epoch,
        examples=len(data.train.rows),
        truncated=data.train.truncated,
        left_out=data.train.left_out,
        end_token=prepared.chat.end_token,
        chat_template_notes=prepared.chat.notes,
        device=device,
        dtype=str(trainer.base.dtype).removeprefix("torch."),
        held_out=None if data.held_out is None else len(data.held_out.rows),
        eval_loss=losses.get(kept or trainer.state.global_step),
        best_step=kept,
        stopped_early=None if stopping is None else stopping.stopped,
        data_sha256=files.sha256(data.file),
    )
    if isinstance(settings, SftSettings):
        return result
    last = [entry for entry in history if "loss" in entry][-1]
    return DpoResult(
        **msgspec.structs.asdict(result),
        rewards_chosen=_finite(last, "rewards/chosen"),
        rewards_rejected=_finite(last, "rewards/rejected"),
        rewards_margins=_finite(last, "rewards/margins"),
        rewards_accuracies=_finite(last, "rewards/accuracies"),
    )


def _finite(logged: dict[str, Any], name: str) -> float | None:
    value = logged.get(name)
    return value if value is not None and math.isfinite(value) else None


def _mean(history: list[dict[str, Any]], name: str) -> float:
    """The mean over all steps of a metric that is logged as the mean of the steps since the last log."""
    total, before = 0.0, 0
    for entry in history:
        if name in entry:
            total += entry[name] * (entry["step"] - before)
            before = entry["step"]
    return total / before


def prepare(job: JobContext[RunSettings], device: str, dtype: torch.dtype) -> PreparedRun:
    """The run before its first step: the data is checked and tokenized, the model loaded."""
    settings = job.settings
    chat = chat_format.load(settings.student.config)
    tests = _test_prompts(job)
    trainer: TreeSftTrainer | TreeDpoTrainer
    if isinstance(settings, SftSettings):
        trainer, data = _sft(job, settings, chat, tests, device, dtype)
    else:
        trainer, data = _dpo(job, settings, chat, tests, device, dtype)
    with _setting_errors():
        trainer.create_optimizer()
    saving.keep_initial(trainer, settings.lora, job.folder)
    if data.train.truncated or data.train.left_out:
        job.warn(
            f"max_length = {settings.training.max_length} truncates {data.train.truncated} examples, which "
            f"lose the token that ends an answer, and leaves out {data.train.left_out} whose prompts fill it"
        )
    if data.held_out is not None:
        log.info("%d examples to train on, %d held out", len(data.train.rows), len(data.held_out.rows))
    return PreparedRun(trainer, chat, data, _add_callbacks(job, trainer, chat, tests))


def _sft(
    job: JobContext[RunSettings],
    settings: SftSettings,
    chat: ChatFormat,
    tests: Sequence[tuple[str, str]],
    device: str,
    dtype: torch.dtype,
) -> tuple[TreeSftTrainer, RunData]:
    """The trainer for SFT, and its data."""
    file, training = job.input("examples"), settings.training
    found = _some(list(examples.read(file, SftExample)), "SFT example", settings.recipe)
    data = RunData(file, *evaluation.held_out(tokenized_data.sft(chat, found, training), training))
    arguments = _arguments(job, device, dtype)
    model = _load(job, settings.student.config, device, dtype)
    _check_data(chat, model, data, tests, "sft.max_length")
    with _setting_errors():
        loggers.check(training.report_to)
        trainer = trainers.sft(
            model, chat.tokenizer, data.train, settings.lora, training, arguments, data.held_out
        )
    if settings.lora is not None:
        checkpoint_checks.check_embeddings_without_adapter(chat.model, trainer.model)
    return trainer, data


def _dpo(
    job: JobContext[RunSettings],
    settings: DpoSettings,
    chat: ChatFormat,
    tests: Sequence[tuple[str, str]],
    device: str,
    dtype: torch.dtype,
) -> tuple[TreeDpoTrainer, RunData]:
    """The trainer for DPO from the result of SFT, with the log-probabilities of the reference; its data."""
    file, training, student = job.input("preferences"), settings.training, settings.student.config
    pairs = _some(list(examples.read(file, PreferencePair)), "preference pair", settings.recipe)
    data = RunData(file, *evaluation.held_out(tokenized_data.dpo(chat, pairs, training), training))
    arguments = _arguments(job, device, dtype)
    before = job.input("model" if settings.lora is None else "adapter")
    chat.check_adapter(before)
    apart = None
    if settings.lora is None:
        tuned = loading.fine_tuned(student, before)
        model = _load(job, tuned, device, dtype)
        apart = _load(job, tuned if training.reference == "sft" else student, device, dtype)
    else:
        model = _load(job, student, device, dtype, before)
    _check_data(chat, model, data, tests, "dpo.max_length")
    with _setting_errors():
        loggers.check(training.report_to)
        trainer = trainers.dpo(model, chat.tokenizer, data.train, training, arguments, data.held_out, apart)
    del apart
    if trainer.tree_tokens is not None:
        pairs_of_all = evaluation.joined(data.train, data.held_out)
        key = reference.key(job.spec.fingerprint, pairs_of_all, device, dtype)
        prior = [Path(folder) for folder in job.spec.prior]
        reference.give(trainer, pairs_of_all, key, job.folder, prior, job.check)
    return trainer, data


def _arguments(job: JobContext[RunSettings], device: str, dtype: torch.dtype) -> dict[str, Any]:
    """The arguments of TRL's trainer, which are recorded before it is made."""
    output = job.folder / checkpoints.FOLDER
    arguments = trainers.arguments(job.settings.training, device, dtype, output, job.settings.ranks)
    _record(job, arguments)
    return arguments


def _add_callbacks(
    job: JobContext[RunSettings],
    trainer: TreeSftTrainer | TreeDpoTrainer,
    chat: ChatFormat,
    tests: Sequence[tuple[str, str]],
) -> EarlyStopping | None:
    """Add what follows the training; gives what stops it early, if its settings do."""
    training: Training = job.settings.training
    if ranks.is_first():
        loggers.add(trainer, training.report_to, job.warn)
    trainer.add_callback(JournalCallback(job, trainer))
    # A divided model answers only if all ranks have it do so.
    if ranks.is_first() and not trainer.is_fsdp_enabled:
        trainer.add_callback(SampleCallback(job, training, chat, tests[: training.sample_dialogues]))
    if training.early_stopping_patience is None:
        return None
    earlier = partial(checkpoints.of_step, tuple(map(Path, job.spec.prior)))
    stopping = EarlyStopping(training.early_stopping_patience, training.early_stopping_threshold, earlier)
    trainer.add_callback(stopping)
    return stopping


def _load(
    job: JobContext[RunSettings],
    student: Student,
    device: str,
    dtype: torch.dtype,
    adapter: Path | None = None,
) -> Any:
    # Small updates vanish in bfloat16 weights: they stay float32 where the weights themselves are trained.
    if job.settings.lora is None and job.settings.student.dtype == "auto":
        dtype = torch.float32
    quantization = job.settings.student.quantization
    return loading.load_model(student, device, dtype, adapter, trainable=True, quantization=quantization)


@contextmanager
def _setting_errors() -> Iterator[None]:
    """Turn errors of TRL, PEFT and Transformers about settings into `UserError`."""
    try:
        yield
    except (ValueError, ImportError) as error:
        raise UserError(f"the trainer rejects these settings: {error}") from error


def _check_data(
    chat: ChatFormat,
    model: Any,
    data: RunData,
    tests: Sequence[tuple[str, str]],
    setting: str,
) -> None:
    """Raise `UserError` if the model has no place for the examples, or for what it will respond to."""
    prompts = [chat.prompt(prompt) for _, prompt in tests]
    sequences = list(evaluation.joined(data.train, data.held_out).sequences())
    checkpoint_checks.check_tokens(chat.model, model, chat.tokenizer, chain(sequences, prompts))
    longest = max(map(len, sequences))
    what, remedy = "the longest example has", f"lower {setting} in config.toml to that number"
    checkpoint_checks.check_positions(chat.model, model, longest, what, remedy)
    longest = max(map(len, prompts), default=0)
    what, remedy = "the longest prompt of a test dialogue has", "shorten the prompt, or name another student"
    checkpoint_checks.check_positions(chat.model, model, longest, what, remedy)


def _some(found: list[T], kind: str, recipe: str) -> list[T]:
    if not found:
        raise UserError(f"recipe {recipe} produces no {kind}: see `empathy-tui recipes`")
    return found


def _record(job: JobContext[RunSettings], arguments: dict[str, Any]) -> None:
    """Save the command, the settings and the library versions before training starts."""
    if not ranks.is_first():
        return
    record = {
        "command": sys.orig_argv,
        "spec": msgspec.to_builtins(job.spec),
        "arguments": arguments,
        "libraries": model_card.versions(),
    }
    files.write_bytes(job.folder / "run.json", json.dumps(record, indent=2, default=str).encode() + b"\n")


def _test_prompts(job: JobContext[RunSettings]) -> list[tuple[str, str]]:
    """The ids and prompts of the test dialogues."""
    template = job.settings.student.prompt
    return [
        (d.dialog_id, templates.render(template, situation=d.situation, utterance=d.utterance))
        for d in records.read(job.input("dialogues"))
        if d.split == "test"
    ]
