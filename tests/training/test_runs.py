"""What a run journals, saves and publishes."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from trl import SFTTrainer

from core.config.schema import Lora, Training
from core.dialogues.files import records
from core.domain.errors import UserError
from core.domain.jobs.results import DpoResult
from core.jobs import files
from core.jobs.records import Artifact, Metric, Progress, Sample
from core.students.models import loading
from core.training import trainers
from core.training.training_job import prepare
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs
from tests.training.conftest import Trained

CPU = ("cpu", torch.float32)


def trainer(made: TrainingInputs, stage: str, adapter: Path | None = None, **training: Any) -> Any:
    job = job_attempts.context(made.attempt(stage, adapter=adapter, **training))
    return prepare(job, *CPU).trainer


def test_loss_is_on_completions_only(made: TrainingInputs) -> None:
    found = trainer(made, "sft")
    tokenizer = found.processing_class
    lines = [json.loads(line) for line in made.sft.read_text().splitlines()]
    batch = next(iter(found.get_train_dataloader()))
    assert found.train_dataset.num_rows == len(lines)
    for row, line in zip(found.train_dataset, lines, strict=True):
        answered = [t for t, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100]
        assert tokenizer.decode(answered) == line["completion"][0]["content"] + "<|im_end|>"
        masked = row["input_ids"][: len(row["input_ids"]) - len(answered)]
        assert tokenizer.decode(masked).endswith("Response:<|im_end|>\n<|im_start|>assistant\n")
    assert (batch["labels"] != -100).any()


def test_padding_is_never_learned_even_where_it_is_the_end_token(
    tmp_path: Path, tiny_without_padding: Path
) -> None:
    bare = TrainingInputs(tmp_path / "jobs", tiny_without_padding)
    found = trainer(bare, "sft", per_device_train_batch_size=4)
    assert found.processing_class.pad_token == "<|im_end|>"
    batch = next(iter(found.get_train_dataloader()))
    end = found.processing_class.pad_token_id
    assert (batch["attention_mask"] == 0).any()
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()
    # The end token itself is learned.
    assert ((batch["labels"] == end).sum(dim=1) == 1).all()


def test_every_step_is_journalled_with_its_metrics_and_eta(sft: Trained) -> None:
    found = job_attempts.found(sft.folder, Metric)
    assert [metric.step for metric in found] == [1, 2, 3, 4, 5, 6]
    names = {"loss", "learning_rate", "grad_norm", "epoch", "mean_token_accuracy", "num_tokens"}
    for metric in found:
        assert names | {"tokens_per_second"} <= metric.values.keys()
        assert metric.values["tokens_per_second"] > 0
    assert found[-1].values["loss"] < found[0].values["loss"]
    progress = job_attempts.found(sft.folder, Progress)
    assert (progress[0].done, progress[0].total, progress[0].eta_s) == (0, 6, None)
    assert (progress[-1].done, progress[-1].eta_s) == (6, 0.0)
    # A part of the first step says nothing of the others.
    assert all(p.eta_s is None for p in progress if not p.done)
    assert all(p.eta_s is not None and math.isfinite(p.eta_s) for p in progress if p.done)
    mean = sum(metric.values["loss"] for metric in found) / 6
    assert sft.result.train_loss == pytest.approx(mean)
    assert sft.result.steps == 6
    assert sft.result.train_runtime_s > 0


def test_steps_behind_the_last_logging_step_are_logged_too(made: TrainingInputs) -> None:
    folder = made.attempt("sft", logging_steps=4)
    result = training_attempts.run(folder)
    found = job_attempts.found(folder, Metric)
    assert [metric.step for metric in found] == [4, 6]
    assert result.train_loss == pytest.approx((4 * found[0].values["loss"] + 2 * found[1].values["loss"]) / 6)


def test_the_student_answers_the_same_test_dialogues_as_it_learns(made: TrainingInputs, sft: Trained) -> None:
    tests = [d.dialog_id for d in records.read(made.dialogues) if d.split == "test"][:2]
    found = job_attempts.found(sft.folder, Sample)
    assert [(sample.step, sample.dialog_id) for sample in found] == [(s, t) for s in (4, 6) for t in tests]


def test_dpo_starts_from_the_sft_adapter_with_rewards_of_zero(dpo: Trained) -> None:
    first, *_, last = job_attempts.found(dpo.folder, Metric)
    for name in ("rewards/chosen", "rewards/rejected", "rewards/margins"):
        assert first.values[name] == 0.0
    assert first.values["loss"] == pytest.approx(math.log(2))
    assert last.values["rewards/margins"] > 0
    assert {"rewards/accuracies", "logps/chosen", "logps/rejected"} <= last.values.keys()
    assert isinstance(dpo.result, DpoResult)
    assert dpo.result.rewards_margins == last.values["rewards/margins"]


def test_dpo_against_the_base_has_rewards_from_the_first_step(made: TrainingInputs, sft: Trained) -> None:
    folder = made.attempt("sft-dpo", adapter=sft.adapter, reference="base", max_steps=1)
    training_attempts.run(folder)
    (first,) = job_attempts.found(folder, Metric)
    assert first.values["rewards/chosen"] != 0.0
    # The SFT model finds the chosen responses likelier than its base does: it has learned from such.
    assert first.values["rewards/chosen"] > 0.0
    assert {path.name for path in (folder / "adapter").glob("*.safetensors")} == {"adapter_model.safetensors"}


def test_dpo_leaves_its_reference_as_it_was(made: TrainingInputs, sft: Trained, dpo: Trained) -> None:
    before = load_file(sft.adapter / "adapter_model.safetensors")
    reference = load_file(dpo.folder / "checkpoints/checkpoint-6/ref/adapter_model.safetensors")
    after = load_file(dpo.adapter / "adapter_model.safetensors")
    assert before.keys() == reference.keys() == after.keys()
    assert all(torch.equal(before[name], reference[name]) for name in before)
    assert any(not torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("stage", ["sft", "dpo"])
def test_the_adapter_is_published_whole_and_loads_on_the_base_alone(
    stage: str, made: TrainingInputs, request: pytest.FixtureRequest
) -> None:
    trained: Trained = request.getfixturevalue(stage)
    (artifact,) = job_attempts.found(trained.folder, Artifact)
    assert (artifact.name, artifact.path) == ("adapter", "adapter")
    assert artifact.sha256 == files.sha256(trained.adapter)
    assert (trained.adapter / "chat_template.jinja").is_file()
    assert not [path for path in trained.adapter.iterdir() if path.is_dir()]
    model = loading.load_model(made.student, *CPU, trained.adapter)
    assert list(model.peft_config) == ["default"]


def test_the_card_states_what_the_adapter_is(made: TrainingInputs, sft: Trained, dpo: Trained) -> None:
    card = (sft.adapter / "README.md").read_text()
    assert "the examples of a dialogue are in one optimizer step (`group_by_dialogue`)" in card
    for stated in (
        "library_name: peft",
        "# tiny/direct/chatgpt/sft",
        str(made.student.model),
        "`direct/chatgpt`",
        files.sha256(made.sft),
        "| learning_rate | `0.005` |",
        "| r | `8` |",
        "| train_loss |",
        "- trl 1.",
        "- torch 2.",
        "PeftModel.from_pretrained(base, ADAPTER)",
        "merge_and_unload()",
        "Context: {situation}",
    ):
        assert stated in card, stated
    assert files.sha256(made.preferences) in (dpo.adapter / "README.md").read_text()


def test_command_and_configuration_are_saved_before_the_run_starts(made: TrainingInputs) -> None:
    folder = made.attempt("sft", learning_rate=0.25)
    prepare(job_attempts.context(folder), *CPU)
    saved = training_attempts.saved_record(folder)
    assert saved["arguments"]["learning_rate"] == 0.25
    assert saved["spec"]["settings"]["lora"]["r"] == 8
    assert saved["libraries"]["trl"].startswith("1.")
    assert saved["command"] == sys.orig_argv


def test_settings_go_through_under_trls_names(made: TrainingInputs, sft: Trained) -> None:
    settings: dict[str, Any] = {
        "learning_rate": 1e-3,
        "num_train_epochs": 2.0,
        "per_device_train_batch_size": 3,
        "gradient_accumulation_steps": 5,
        "lr_scheduler_type": "linear",
        "warmup_steps": 0.1,
        "weight_decay": 0.01,
        "max_grad_norm": 0.5,
        "max_length": 300,
        "save_steps": 7,
        "save_total_limit": 3,
        "seed": 7,
    }
    args = trainer(made, "sft", **settings).args
    assert {name: getattr(args, name) for name in settings} == settings
    assert args.report_to == []
    assert (args.use_cpu, args.bf16, args.fp16, args.gradient_checkpointing) == (True, False, False, False)
    preferred = trainer(made, "sft-dpo", sft.adapter, beta=0.3, loss_type="hinge").args
    assert (preferred.beta, preferred.loss_type) == (0.3, ["hinge"])


def test_a_gpu_trains_in_bfloat16_and_only_one_gpu_is_used(made: TrainingInputs, tmp_path: Path) -> None:
    on_gpu = trainers.arguments(Training(), "cuda", torch.bfloat16, tmp_path)
    assert (on_gpu["use_cpu"], on_gpu["bf16"], on_gpu["fp16"]) == (False, True, False)
    half = trainers.arguments(Training(), "cuda", torch.float16, tmp_path)
    assert (half["bf16"], half["fp16"]) == (False, True)
    args = trainer(made, "sft").args
    args._n_gpu = 4
    assert trainers.one_device(args).n_gpu == 1


def test_a_learning_rate_that_breaks_the_loss_is_said(made: TrainingInputs) -> None:
    folder = made.attempt("sft", learning_rate=1e30, max_grad_norm=0.0)
    with pytest.raises(UserError, match=r"loss at step . is not finite: lower the learning rate"):
        training_attempts.run(folder)
    *before, broken = job_attempts.found(folder, Metric)
    assert all("loss" in metric.values for metric in before)
    assert broken.not_finite["loss"] == "NaN"


@pytest.mark.parametrize(
    ("training", "lora", "message"),
    [
        ({"lr_scheduler_type": "sideways"}, None, "rejects these settings.*sideways"),
        ({}, Lora(target_modules=("nowhere",)), "rejects these settings.*nowhere"),
        ({}, Lora(target_modules=("lm_head",)), "lm_head"),
        ({"max_length": 8}, None, "every prompt has at least max_length = 8 tokens"),
    ],
)
def test_settings_that_do_not_hold_are_said(
    made: TrainingInputs, training: dict[str, Any], lora: Lora | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        training_attempts.run(made.attempt("sft", lora=lora, **training))


def test_no_examples_is_said(tmp_path: Path, tiny: Path) -> None:
    empty = TrainingInputs(tmp_path / "jobs", tiny, limit=0)
    with pytest.raises(UserError, match="direct/chatgpt produces no SFT example"):
        training_attempts.run(empty.attempt("sft"))


def test_a_missing_student_is_said(tmp_path: Path) -> None:
    nowhere = TrainingInputs(tmp_path / "jobs", tmp_path / "nowhere")
    with pytest.raises(UserError, match="nowhere has no model"):
        training_attempts.run(nowhere.attempt("sft"))


def test_running_out_of_memory_is_said(made: TrainingInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr(SFTTrainer, "training_step", exhausted)
    with pytest.raises(UserError, match="out of memory: lower per_device_train_batch_size"):
        training_attempts.run(made.attempt("sft"))


def test_the_student_keeps_its_name_in_the_adapter(made: TrainingInputs, sft: Trained) -> None:
    config = json.loads((sft.adapter / "adapter_config.json").read_text())
    assert config["base_model_name_or_path"] == made.student.model
