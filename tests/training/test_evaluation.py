"""Examples that are held out, their loss, and stopping when it no longer falls."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from core.config.schema import Training
from core.domain.errors import UserError
from core.jobs.records import Metric
from core.training import evaluation
from core.training.data.tokenized_data import TokenizedData
from core.training.saving import checkpoints
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training.conftest import Trained
from tests.training.test_resuming import killed


def data(dialogues: list[str]) -> TokenizedData:
    rows = [{"input_ids": [number], "labels": [number]} for number in range(len(dialogues))]
    return TokenizedData(rows, dialogues, 0, 0, 128)


def test_whole_dialogues_are_held_out_the_same_ones_in_every_stage() -> None:
    names = [f"hit:{number // 2}" for number in range(40)]
    training = Training(eval_share=0.2)
    kept, out = evaluation.held_out(data(names), training)
    assert out is not None
    assert len(set(out.dialogues)) == 4
    assert not set(out.dialogues) & set(kept.dialogues)
    assert evaluation.joined(kept, out).rows != data(names).rows
    assert sorted(row["input_ids"] for row in kept.rows + out.rows) == [[n] for n in range(40)]
    # Pairs of some of the dialogues, in another order.
    fewer = [name for name in reversed(names) if name not in ("hit:3", "hit:5")]
    _, again = evaluation.held_out(data(fewer), training)
    assert again is not None
    assert len(set(again.dialogues) & set(out.dialogues)) >= 3


def test_without_a_share_everything_is_trained_on() -> None:
    assert evaluation.held_out(data(["a", "b"]), Training()) == (data(["a", "b"]), None)


def test_one_dialogue_cannot_be_parted() -> None:
    kept, out = evaluation.held_out(data(["a", "a", "b"]), Training(eval_share=0.01))
    assert len(kept.rows) + len(out.rows if out else []) == 3
    with pytest.raises(UserError, match="one dialogue alone"):
        evaluation.held_out(data(["a", "a"]), Training(eval_share=0.5))


@pytest.mark.parametrize(
    ("losses", "threshold", "since"),
    [
        ([], 0.0, 0),
        ([3.0, 2.0, 1.0], 0.0, 0),
        ([3.0, 1.0, 2.0, 1.0], 0.0, 2),
        ([3.0, 2.95, 2.9], 0.2, 2),
        ([3.0, math.nan, math.inf], 0.0, 2),
    ],
)
def test_how_long_the_loss_has_not_fallen(losses: list[float], threshold: float, since: int) -> None:
    assert evaluation.since_lowest(losses, threshold) == since


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
def test_the_loss_of_held_out_examples_is_logged_beside_that_of_training(
    stage: str, made: TrainingInputs, sft: Trained
) -> None:
    folder = made.attempt(stage, adapter=sft.adapter, eval_share=0.3, eval_steps=2)
    result = training_attempts.run(folder)
    evaluated = [metric for metric in job_attempts.found(folder, Metric) if "eval_loss" in metric.values]
    assert [metric.step for metric in evaluated] == [2, 4]
    assert not any("runtime" in name or "per_second" in name for name in evaluated[0].values)
    assert result.eval_loss == evaluated[-1].values["eval_loss"]
    assert (result.examples, result.held_out) == (8, 4)
    assert (result.best_step, result.stopped_early) == (None, None)
    assert "Evaluation: 4 examples of other train dialogues" in (folder / "adapter/README.md").read_text()


#: Steps so large that the loss of held-out examples soon rises.
WILD: dict[str, Any] = {
    "learning_rate": 0.05,
    "num_train_epochs": 4.0,
    "lr_scheduler_type": "constant",
    "eval_share": 0.3,
    "eval_steps": 2,
    "early_stopping_patience": 2,
}


@pytest.fixture(scope="module")
def stopped(made: TrainingInputs) -> Trained:
    folder = made.attempt("sft", **WILD)
    return Trained(folder, training_attempts.run(folder))


def test_training_stops_and_keeps_the_weights_of_the_lowest_loss(stopped: Trained) -> None:
    losses = {
        metric.step: metric.values["eval_loss"]
        for metric in job_attempts.found(stopped.folder, Metric)
        if "eval_loss" in metric.values
    }
    best = min(losses, key=lambda step: losses[step])
    assert stopped.result.stopped_early
    assert stopped.result.best_step == best == stopped.result.steps - 4
    assert stopped.result.steps < 16
    assert stopped.result.eval_loss == losses[best]
    kept = load_file(stopped.adapter / "adapter_model.safetensors")
    checkpoint = load_file(
        stopped.folder / checkpoints.FOLDER / f"checkpoint-{best}" / "adapter_model.safetensors"
    )
    assert all(torch.equal(kept[name], checkpoint[name]) for name in kept)
    assert f"the weights are those of step {best}" in (stopped.adapter / "README.md").read_text()


def test_a_killed_run_stops_where_an_undisturbed_one_does(
    made: TrainingInputs, stopped: Trained, tmp_path: Path
) -> None:
    """It is killed after its best step, whose checkpoint the next attempt needs, and finds elsewhere."""
    first = made.attempt("sft", **WILD)
    killed(first, "logged", stopped.result.steps - 1)
    second = made.attempt("sft", prior=[first.rename(tmp_path / "elsewhere")], **WILD)
    result = training_attempts.run(second)
    assert (result.best_step, result.steps) == (stopped.result.best_step, stopped.result.steps)
    got = load_file(second / "adapter/adapter_model.safetensors")
    for name, weights in load_file(stopped.adapter / "adapter_model.safetensors").items():
        torch.testing.assert_close(got[name], weights, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("is_removed", [False, True])
def test_best_weights_that_are_damaged_are_made_again(
    made: TrainingInputs, stopped: Trained, is_removed: bool
) -> None:
    """The last weights, or the damaged ones, were taken for the best."""
    first = made.attempt("sft", **WILD)
    killed(first, "logged", stopped.result.steps - 1)
    best = first / checkpoints.FOLDER / f"checkpoint-{stopped.result.best_step}"
    weights = best / "adapter_model.safetensors"
    if is_removed:
        shutil.rmtree(best)
    else:
        content = bytearray(weights.read_bytes())
        content[-1] ^= 64
        weights.write_bytes(content)
    second = made.attempt("sft", prior=[first], **WILD)
    result = training_attempts.run(second)
    assert (result.best_step, result.steps) == (stopped.result.best_step, stopped.result.steps)
    got = load_file(second / "adapter/adapter_model.safetensors")
    for name, kept in load_file(stopped.adapter / "adapter_model.safetensors").items():
        torch.testing.assert_close(got[name], kept, rtol=1e-4, atol=1e-6)


def test_a_gradient_that_is_not_finite_leaves_no_checkpoint(
    made: TrainingInputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although its loss is finite, and nothing is to be logged at that step."""
    from trl import SFTTrainer

    plain = SFTTrainer.training_step

    def breaking(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = plain(self, *args, **kwargs)
        if self.state.global_step == 3:
            next(w for w in self.model.parameters() if w.grad is not None).grad[0] = math.nan
        return loss

    monkeypatch.setattr(SFTTrainer, "training_step", breaking)
    folder = made.attempt("sft", logging_steps=10, prefix_tree=False)
    with pytest.raises(UserError, match="the gradient at step 4 is not finite"):
        training_attempts.run(folder)
    newest = checkpoints.newest([folder])
    assert newest is not None
    assert checkpoints.step(newest) == 2
    assert not (folder / checkpoints.FOLDER / "checkpoint-4").exists()
