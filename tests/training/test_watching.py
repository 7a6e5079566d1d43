"""What only watches a run never ends it: samples, loggers. Mixtures of experts train and answer."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from transformers import AutoTokenizer, LlamaForCausalLM, Trainer, TrainerCallback
from transformers.integrations import integration_utils

from core.domain.errors import UserError
from core.jobs.records import Done, Metric, Sample, Warned
from core.training import loggers
from core.training.training_job import prepare
from tests.support.records import job_attempts, training_attempts
from tests.support.records.training_attempts import TrainingInputs


def warnings(folder: Path) -> list[str]:
    return [warned.text for warned in job_attempts.found(folder, Warned)]


def test_a_sample_that_fails_is_a_warning(made: TrainingInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object, **__: object) -> None:
        raise IndexError("index out of range in self")

    monkeypatch.setattr(LlamaForCausalLM, "generate", failing)
    folder = made.attempt("sft", sample_dialogues=2, sample_steps=3)
    result = training_attempts.run(folder)
    assert result.steps == 6
    assert len(job_attempts.found(folder, Metric)) == 6
    assert job_attempts.found(folder, Sample) == []
    assert warnings(folder) == ["no sample answers: IndexError: index out of range in self"] * 2


def test_a_logger_that_is_not_installed_is_a_warning(made: TrainingInputs) -> None:
    folder = made.attempt("sft", report_to=["swanlab"], max_steps=1)
    assert training_attempts.run(folder).steps == 1
    (warning,) = warnings(folder)
    assert warning.startswith("the logger SwanLab gets no metrics: ")


class WithoutKey(TrainerCallback):
    """As W&B's without a key: it fails when the training begins."""

    begun = 0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        WithoutKey.begun += 1
        raise RuntimeError("api_key not configured (no-tty). call wandb.login(key=[your_api_key])")

    def on_log(self, *_: Any, **__: Any) -> None:
        raise AssertionError("it has not begun")


class Flaky(TrainerCallback):
    """Loses some metrics, and then all."""

    steps: tuple[int, ...] = (2, 4, 5, 6)

    def on_log(self, args: Any, state: Any, *_: Any, **__: Any) -> None:
        if state.global_step in self.steps:
            raise ConnectionError("no route to host")


def test_loggers_that_fail_are_warnings(made: TrainingInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "locked", WithoutKey)
    monkeypatch.setitem(integration_utils.INTEGRATION_TO_CALLBACK, "flaky", Flaky)
    folder = made.attempt("sft", report_to=["locked", "flaky"])
    assert training_attempts.run(folder).steps == 6
    assert WithoutKey.begun == 1
    assert [text.partition(":")[0] for text in warnings(folder)] == [
        "the logger WithoutKey failed and gets no more metrics",
        *["the logger Flaky failed at one event"] * 3,
        "the logger Flaky failed and gets no more metrics",
    ]
    assert not job_attempts.found(folder, Done)


def test_a_logger_that_nobody_knows_is_refused(made: TrainingInputs) -> None:
    with pytest.raises(ValueError, match="weights-and-biases is not supported"):
        loggers.check(("weights-and-biases",))
    with pytest.raises(UserError, match="rejects these settings: weights-and-biases is not supported"):
        training_attempts.run(made.attempt("sft", report_to=["weights-and-biases"]))


@pytest.mark.parametrize("kind", ["Olmoe", "Mixtral", "Qwen3Moe"])
def test_a_mixture_of_experts_trains_and_answers(kind: str, tiny: Path, tmp_path: Path) -> None:
    experts = {
        "num_experts": 4,
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 32,
    }
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    config = getattr(transformers, f"{kind}Config")(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        output_router_logits=True,
        **experts,
    )
    student = tmp_path / "student"
    getattr(transformers, f"{kind}ForCausalLM")(config).save_pretrained(student)
    tokenizer.save_pretrained(student)
    inputs = TrainingInputs(tmp_path / "jobs", student, limit=4)
    folder = inputs.attempt("sft", sample_dialogues=2, sample_steps=1)
    assert training_attempts.run(folder).steps == 2
    assert warnings(folder) == []
    assert len(job_attempts.found(folder, Sample)) == 4


def test_a_metric_that_fails_is_a_warning(made: TrainingInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made.attempt("sft", max_steps=2)
    prepared = prepare(job_attempts.context(folder), "cpu", torch.float32)
    del prepared.trainer._total_train_tokens
    monkeypatch.setattr(prepared.trainer, "log", partial(Trainer.log, prepared.trainer))
    monkeypatch.setattr(prepared.trainer, "compute_loss", partial(Trainer.compute_loss, prepared.trainer))
    prepared.trainer.train()
    first, second = job_attempts.found(folder, Metric)
    assert "loss" in first.values
    assert "tokens_per_second" not in first.values | second.values
    (warning,) = warnings(folder)
    assert warning.startswith("tokens per second are unknown: AttributeError")
