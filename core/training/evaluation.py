"""Evaluation during training: examples that are held out, and stopping when their loss no longer falls."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from core.config.schema import Training
from core.domain.errors import UserError
from core.training.data.tokenized_data import TokenizedData

#: The metric by which evaluations are compared.
METRIC = "eval_loss"


def held_out(data: TokenizedData, training: Training) -> tuple[TokenizedData, TokenizedData | None]:
    """The data to train on, and that of the dialogues that `eval_share` holds out; None without a share.

    The same dialogues are held out in every stage, as far as they have examples in it. Raises `UserError`
    if there is one dialogue alone.
    """
    if not training.eval_share:
        return data, None
    dialogues = sorted(set(data.dialogues), key=lambda dialogue: _rank(dialogue, training.seed))
    if len(dialogues) < 2:
        raise UserError("eval_share: the examples come from one dialogue alone, so none can be held out")
    count = min(max(round(training.eval_share * len(dialogues)), 1), len(dialogues) - 1)
    out = set(dialogues[:count])
    return _part(data, [name not in out for name in data.dialogues]), _part(
        data, [name in out for name in data.dialogues]
    )


def joined(data: TokenizedData, held_out: TokenizedData | None) -> TokenizedData:
    """All data, first what is trained on."""
    if held_out is None:
        return data
    return replace(data, rows=data.rows + held_out.rows, dialogues=data.dialogues + held_out.dialogues)


def _rank(dialogue: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {dialogue}".encode()).hexdigest()


def _part(data: TokenizedData, kept: Sequence[bool]) -> TokenizedData:
    return replace(
        data,
        rows=[row for row, keep in zip(data.rows, kept, strict=True) if keep],
        dialogues=[name for name, keep in zip(data.dialogues, kept, strict=True) if keep],
    )


class EarlyStopping(TrainerCallback):
    """Ends training after a number of evaluations in a row without a lower loss.

    It reads the logged losses, which checkpoints have, so that a resumed run stops where an undisturbed one
    does.
    """

    def __init__(self, patience: int, threshold: float, earlier: Callable[[int], Path | None]) -> None:
        """`earlier` finds a sound checkpoint of a step that an earlier attempt has saved."""
        self._patience = patience
        self._threshold = threshold
        self._earlier = earlier
        self.stopped = False
        """Whether it has ended training."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.best_global_step:
            # The path may be one on another machine, or of a checkpoint that is damaged by now.
            found = self._earlier(state.best_global_step)
            state.best_model_checkpoint = None if found is None else str(found)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        losses = [entry[METRIC] for entry in state.log_history if METRIC in entry]
        if since_lowest(losses, self._threshold) >= self._patience:
            self.stopped = control.should_training_stop = True


def since_lowest(losses: Sequence[float], threshold: float) -> int:
    """How many losses follow the last one that was lower than all before it by more than the threshold."""
    lowest, since = math.inf, 0
    for loss in losses:
        if loss < lowest - threshold:
            lowest, since = loss, 0
        else:
            since += 1
    return since
