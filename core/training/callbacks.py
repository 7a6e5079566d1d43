"""Trainer callbacks: metrics, progress, checkpoints and sample completions in the job's journal."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch.distributed.tensor import DTensor
from transformers import TrainerCallback

from core.config.schema import Responding, Training
from core.domain.errors import UserError
from core.jobs import files, journal
from core.jobs.context import JobContext
from core.jobs.records import Progress, Sample, metric
from core.jobs.settings import RunSettings
from core.students.chat.chat_format import ChatFormat
from core.students.decoding.generation import Generator
from core.students.models import memory
from core.training.distributed import ranks
from core.training.loggers import brief
from core.training.saving import checkpoints

#: A metric that TRL logs once, with others about the whole training.
_SUMMARY_METRIC = "train_runtime"
#: Metrics of an evaluation that are of no use as curves.
_EVALUATION_SPEED = {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second"}
_SAMPLING = Responding(max_new_tokens=80)
#: Seconds between two checkpoints, in addition to save_steps: saving an adapter is fast.
_SAVE_EVERY_S = 60.0

log = logging.getLogger(__name__)


class JournalCallback(TrainerCallback):
    """Records logged metrics, progress and ETA, and marks checkpoints as complete.

    A step whose loss or gradient is not finite ends the run before there is a checkpoint of it.

    When the job must stop, training ends after the current batch: the gradients accumulated for an
    unfinished step are discarded, and a checkpoint of the last finished step is saved.
    """

    def __init__(self, job: JobContext[RunSettings], trainer: Any) -> None:
        self.job = job
        self.trainer = trainer
        self._began = 0.0
        self._first_step = 0
        self._batches = 0
        self._step_began = 0.0
        self._saved_at = 0.0
        self._tokens = 0
        self._counts_tokens = True
        #: Of the steps since the last log, without saving and sampling.
        self._unlogged_s = 0.0
        self._unlogged_tokens = 0
        self._broken = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = self._saved_at = time.monotonic()
        self._first_step = state.global_step
        self._tokens = self._trained_tokens()
        self.job.journal.write(Progress(state.global_step, state.max_steps))

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._batches = 0
        self._step_began = time.monotonic()

    def on_substep_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._batches += 1
        self._progress(state, min(self._batches / args.gradient_accumulation_steps, 1.0))
        (stop,) = ranks.of_first(self.job.stop.is_set())
        if stop:
            control.should_save = state.global_step > self._first_step
            control.should_training_stop = True

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        # In float16, the gradient's scale is lowered until it is finite.
        if not args.fp16:
            gradients = [weight.grad for weight in model.parameters() if weight.grad is not None]
            norm = torch.nn.utils.get_total_norm(gradients)
            if isinstance(norm, DTensor):
                norm = norm.full_tensor()
            self._broken = not bool(norm.isfinite())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        now = time.monotonic()
        tokens = self._trained_tokens()
        self._unlogged_s += now - self._step_began
        self._unlogged_tokens += tokens - self._tokens
        self._tokens = tokens
        self._progress(state, 0.0)
        last = state.global_step >= state.max_steps
        stop, is_due = ranks.of_first(self.job.stop.is_set(), now - self._saved_at > _SAVE_EVERY_S)
        if stop or last or is_due:
            control.should_save = True
        if stop:
            control.should_training_stop = True
        # Otherwise the steps after the last multiple of logging_steps would not be logged.
        control.should_log = control.should_log or last or self._broken
        control.should_evaluate = control.should_evaluate or (last and args.eval_strategy != "no")

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if not logs or _SUMMARY_METRIC in logs:
            return
        metrics = {
            k: float(v) for k, v in logs.items() if isinstance(v, int | float) and k not in _EVALUATION_SPEED
        }
        if self._unlogged_s > 0 and self._counts_tokens:
            metrics["tokens_per_second"] = self._unlogged_tokens / self._unlogged_s
        self._unlogged_s, self._unlogged_tokens = 0.0, 0
        self.job.journal.write(metric(state.global_step, metrics))
        finite = math.isfinite(metrics.get("loss", 0.0))
        if self._broken or not finite:
            what = "gradient" if finite else "loss"
            raise UserError(
                f"the {what} at step {state.global_step} is not finite: lower the learning rate, or use "
                'dtype = "float32"'
            )
        for name, value in metrics.items():
            if not math.isfinite(value):
                log.warning("step %d: %s is %s", state.global_step, name, value)

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._saved_at = time.monotonic()
        # Each rank has saved a part.
        ranks.wait_for_all()
        if not ranks.is_first():
            return
        # A power cut must not lose the metrics up to a checkpoint that survives it.
        files.sync_folder(self.job.folder / journal.NAME)
        checkpoint = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        checkpoints.mark_complete(checkpoint, self._tokens)

    def _trained_tokens(self) -> int:
        """The number of tokens trained on so far; the last known one if they cannot be counted any more."""
        if self._counts_tokens:
            try:
                return _trained_tokens(self.trainer)
            except Exception as error:
                log.exception("tokens are not counted")
                self._counts_tokens = False
                self.job.warn(f"tokens per second are unknown: {brief(error)}")
        return self._tokens

    def _progress(self, state: Any, part: float) -> None:
        """Record the progress; `part` is the fraction of the next step that is done."""
        done = state.global_step - self._first_step + part
        # The first step also loads and compiles, and takes many times as long as others.
        eta_s = None
        if state.global_step > self._first_step:
            eta_s = (state.max_steps - state.global_step - part) * (time.monotonic() - self._began) / done
        self.job.journal.write(Progress(state.global_step, state.max_steps, eta_s))


def _trained_tokens(trainer: Any) -> int:
    """The number of tokens trained on so far, which TRL logs as `num_tokens`."""
    return int(trainer._total_train_tokens)


class SampleCallback(TrainerCallback):
    """Records the student's responses to a few fixed test dialogues during training."""

    def __init__(
        self,
        job: JobContext[RunSettings],
        training: Training,
        chat: ChatFormat,
        dialogues: Sequence[tuple[str, str]],
    ) -> None:
        """`dialogues` are pairs of an id and a prompt."""
        self.job = job
        self.every = training.sample_steps
        self.chat = chat
        self.dialogues = dialogues

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        last = state.global_step >= state.max_steps
        due = last or (state.global_step % self.every == 0 and not self.job.stop.is_set())
        if not self.dialogues or not due:
            return
        try:
            self._answer(state.global_step, model)
        except Exception as error:
            # Whatever fails here, the training itself can go on.
            log.exception("no sample answers at step %d", state.global_step)
            self.job.warn(f"no sample answers: {brief(error)}")
        else:
            return
        memory.free()

    def _answer(self, step: int, model: Any) -> None:
        generator = Generator(model, self.chat, [prompt for _, prompt in self.dialogues])
        batch = range(len(self.dialogues))
        setting = "sft.sample_dialogues"
        # On a GPU, a position that the model does not have would end the run.
        settings = msgspec.structs.replace(
            _SAMPLING, max_new_tokens=generator.new_tokens_that_fit(_SAMPLING.max_new_tokens)
        )
        answers = generator.answer_within_memory(batch, settings, setting, self.job.warn)
        self.job.journal.write(
            *(
                Sample(step, dialog_id, answer.text)
                for (dialog_id, _), answer in zip(self.dialogues, answers, strict=True)
            )
        )
