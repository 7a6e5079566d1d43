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
from core.jobs.settings import RunSettings, SftSettings
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
from core.training.saving import checkpoints, model_card, saving

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Prepared:
    trainer: Any
    """With its callbacks."""
    chat: ChatFormat
    data: TokenizedData
    held_out: TokenizedData | None
    """Data of the evaluation."""
    file: Path
    """Of the training data."""
    early_stopping: EarlyStopping | None


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
    resume = checkpoints.newest((Path(folder) for folder in job.spec.prior), job.warn)
    try:
        prepared = _trainer(job, device, dtype)
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


def _result(settings: RunSettings, prepared: _Prepared, runtime_s: float, device: str) -> TrainingResult:
    trainer, stopping = prepared.trainer, prepared.early_stopping
    history = trainer.state.log_history
    losses = {entry["step"]: entry[evaluation.METRIC] for entry in history if evaluation.METRIC in entry}
    kept = trainer.state.best_global_step if stopping is not None else None
    result = SftResult(
        steps=trainer.state.global_step,
        train_loss=_mean(history, "loss"),
        train_runtime_s=runtime_s,
        epochs=trainer.state.epoch,
        examples=len(prepared.data.rows),
        truncated=prepared.data.truncated,
        left_out=prepared.data.left_out,
        end_token=prepared.chat.end_token,
        chat_template_notes=prepared.chat.notes,
        device=device,
        dtype=str(trainer.base.dtype).removeprefix("torch."),
        held_out=None if prepared.held_out is None else len(prepared.held_out.rows),
        eval_loss=losses.get(kept or trainer.state.global_step),
        best_step=kept,
        stopped_early=None if stopping is None else stopping.stopped,
        data_sha256=files.sha256(prepared.file),
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


def _trainer(job: JobContext[RunSettings], device: str, dtype: torch.dtype) -> _Prepared:
    settings, student = job.settings, job.settings.student.config
    training: Training = settings.training
    chat = chat_format.load(student)
    tests = _test_prompts(job)
    output = job.folder / checkpoints.FOLDER
    # Small updates vanish in bfloat16 weights: they stay float32 where the weights themselves are trained.
    full = settings.lora is None
    weights = torch.float32 if full and settings.student.dtype == "auto" else dtype
    if isinstance(settings, SftSettings):
        file = job.input("examples")
        found = _some(list(examples.read(file, SftExample)), "SFT example", settings.recipe)
        data, held_out = evaluation.held_out(tokenized_data.sft(chat, found, training), training)
        arguments = trainers.arguments(training, device, dtype, output, settings.ranks)
        _record(job, arguments)
        model = _load(job, student, device, weights)
        _check_data(chat, model, data, held_out, tests, "sft.max_length")
        with _setting_errors():
            loggers.check(training.report_to)
            trainer = trainers.sft(model, chat.tokenizer, data, settings.lora, training, arguments, held_out)
        if not full:
            checkpoint_checks.check_embeddings_without_adapter(chat.model, trainer.model)
    else:
        file = job.input("preferences")
        pairs = _some(list(examples.read(file, PreferencePair)), "preference pair", settings.recipe)
        data, held_out = evaluation.held_out(tokenized_data.dpo(chat, pairs, training), training)
        arguments = trainers.arguments(training, device, dtype, output, settings.ranks)
        _record(job, arguments)
        before = job.input("model" if full else "adapter")
        chat.check_adapter(before)
        apart = None
        if full:
            tuned = loading.fine_tuned(student, before)
            model = _load(job, tuned, device, weights)
            apart = _load(job, tuned if settings.training.reference == "sft" else student, device, weights)
        else:
            model = _load(job, student, device, weights, before)
        _check_data(chat, model, data, held_out, tests, "dpo.max_length")
        with _setting_errors():
            loggers.check(training.report_to)
            trainer = trainers.dpo(model, chat.tokenizer, data, settings.training, arguments, held_out, apart)
        del apart
        if trainer.tree_tokens is not None:
            pairs_of_all = evaluation.joined(data, held_out)
            key = reference.key(job.spec.fingerprint, pairs_of_all, device, dtype)
            prior = [Path(folder) for folder in job.spec.prior]
            reference.give(trainer, pairs_of_all, key, job.folder, prior, job.check)
    with _setting_errors():
        trainer.create_optimizer()
    saving.keep_initial(trainer, settings.lora, job.folder)
    if data.truncated or data.left_out:
        job.warn(
            f"max_length = {training.max_length} truncates {data.truncated} examples, which lose the token "
            f"that ends an answer, and leaves out {data.left_out} whose prompts fill it"
        )
    if held_out is not None:
        log.info("%d examples to train on, %d held out", len(data.rows), len(held_out.rows))
    if ranks.is_first():
        loggers.add(trainer, training.report_to, job.warn)
    trainer.add_callback(JournalCallback(job, trainer))
    # A divided model answers only if all ranks have it do so.
    if ranks.is_first() and not trainer.is_fsdp_enabled:
        trainer.add_callback(SampleCallback(job, training, chat, tests[: training.sample_dialogues]))
    stopping = None
    if training.early_stopping_patience is not None:
        earlier = partial(checkpoints.of_step, tuple(map(Path, job.spec.prior)))
        stopping = EarlyStopping(training.early_stopping_patience, training.early_stopping_threshold, earlier)
        trainer.add_callback(stopping)
    return _Prepared(trainer, chat, data, held_out, file, stopping)


def _load(
    job: JobContext[RunSettings],
    student: Student,
    device: str,
    dtype: torch.dtype,
    adapter: Path | None = None,
) -> Any:
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
    data: TokenizedData,
    held_out: TokenizedData | None,
    tests: Sequence[tuple[str, str]],
    setting: str,
) -> None:
    """Raise `UserError` if the model has no place for the examples, or for what it will respond to."""
    prompts = [chat.prompt(prompt) for _, prompt in tests]
    sequences = list(evaluation.joined(data, held_out).sequences())
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
