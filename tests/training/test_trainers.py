"""The trainers train what a student answers by, or refuse."""

from __future__ import annotations

import pytest
import torch

from core.config.schema import Lora
from core.domain.errors import UserError
from core.training import trainers
from core.training.training_job import prepare
from tests.support.records import job_attempts
from tests.support.records.training_attempts import TrainingInputs


def test_a_loss_of_other_logits_is_refused(made: TrainingInputs) -> None:
    """As in a family that scales its logits in a way that TRL does not know."""
    trainer = prepare(job_attempts.context(made.attempt("sft")), "cpu", torch.float32).trainer
    tokens = trainer.train_dataset[0]["input_ids"]
    trainers._check_loss(trainer.model, tokens)
    trainer.model.get_output_embeddings().register_forward_hook(lambda module, inputs, logits: logits * 9)
    with pytest.raises(UserError, match=r"TRL 1\..* computes the loss of a llama model from other logits"):
        trainers._check_loss(trainer.model, tokens)


def test_named_modules_are_those_that_get_an_adapter(made: TrainingInputs) -> None:
    folder = made.attempt("sft", lora=Lora(target_modules=("q_proj", "up_proj")))
    model = prepare(job_attempts.context(folder), "cpu", torch.float32).trainer.model
    adapted = {name.split(".lora_A")[0] for name, _ in model.named_parameters() if ".lora_A" in name}
    assert {name.rpartition(".")[2] for name in adapted} == {"q_proj", "up_proj"}
