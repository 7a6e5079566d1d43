"""What a trainer tells the journal, and how it hears that it shall stop."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from core.config import Responding, Training
from core.errors import UserError
from core.pipeline.job import Job
from core.pipeline.journal import Metric, Progress, Sample
from core.responding.generation import Generator
from core.training import checkpoints

#: Figures that TRL logs once, about the whole training.
_SUMMARY = "train_runtime"
_SAMPLING = Responding(max_new_tokens=80)


class JournalCallback(TrainerCallback):
    """Streams every logged step, its progress and the time that is left.

    Asks the trainer to save and stop at the next step's end when the job shall stop.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self._began = 0.0
        self._first_step = 0
        self._tokens: tuple[float, float] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began = time.monotonic()
        self._first_step = state.global_step
        self.job.journal.write(Progress(state.global_step, state.max_steps))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        steps = state.global_step - self._first_step
        per_step = (time.monotonic() - self._began) / steps
        left = (state.max_steps - state.global_step) * per_step
        self.job.journal.write(Progress(state.global_step, state.max_steps, left))
        if self.job.stop.is_set():
            control.should_save = True
            control.should_training_stop = True
        if state.global_step >= state.max_steps:
            control.should_save = True

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if not logs or _SUMMARY in logs:
            return
        figures = {k: float(v) for k, v in logs.items() if isinstance(v, int | float) and math.isfinite(v)}
        if "loss" in logs and "loss" not in figures:
            raise UserError(
                f"the loss at step {state.global_step} is not a number: lower the learning rate, or use "
                'dtype = "float32"'
            )
        now = time.monotonic()
        if "num_tokens" in figures:
            if self._tokens is not None and now > self._tokens[0]:
                figures["tokens_per_second"] = (figures["num_tokens"] - self._tokens[1]) / (
                    now - self._tokens[0]
                )
            self._tokens = (now, figures["num_tokens"])
        self.job.journal.write(Metric(state.global_step, figures))

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        checkpoints.mark_complete(Path(args.output_dir) / f"checkpoint-{state.global_step}")


class SampleCallback(TrainerCallback):
    """Lets the student answer a few fixed test dialogues as training goes."""

    def __init__(
        self, job: Job, training: Training, tokenizer: Any, dialogues: Sequence[tuple[str, str]]
    ) -> None:
        """`dialogues` are pairs of a dialogue's id and its prompt."""
        self.job = job
        self.every = training.sample_steps
        self.tokenizer = tokenizer
        self.dialogues = dialogues

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if self.dialogues and (state.global_step % self.every == 0 or state.global_step >= state.max_steps):
            self._answer(state.global_step, model)

    def _answer(self, step: int, model: Any) -> None:
        generator = Generator(model, self.tokenizer, [prompt for _, prompt in self.dialogues])
        was_training = model.training
        model.eval()
        try:
            batch = list(range(len(self.dialogues)))
            answers = generator.answer(batch, _SAMPLING)
        finally:
            model.train(was_training)
        self.job.journal.write(
            *(
                Sample(step, dialog_id, answer.text)
                for (dialog_id, _), answer in zip(self.dialogues, answers, strict=True)
            )
        )
