"""Variants of LoRA, and full fine-tuning: on a tree, loss and gradient are those of TRL's own step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.config.schema import Lora
from tests.training.prefix_tree import tiny_trainers
from tests.training.prefix_tree.test_equality import ROWS, SHAPES
from tests.training.prefix_tree.tiny_trainers import CONFIGS, relative_difference, step

LORAS: dict[str, Lora | bool] = {
    "rsLoRA": Lora(use_rslora=True),
    "DoRA": Lora(use_dora=True),
    "LoRA with a bias": Lora(lora_bias=True),
    "a norm and the head trained whole": Lora(modules_to_save=("norm", "lm_head")),
    "PiSSA": Lora(init_lora_weights="pissa"),
    "orthogonal": Lora(init_lora_weights="orthogonal"),
    "all weights": False,
}


@pytest.mark.parametrize("stage", ["sft", "sft-dpo"])
@pytest.mark.parametrize("name", LORAS)
def test_a_tree_has_the_gradient_of_trl(name: str, stage: str, tiny: Path, tmp_path: Path) -> None:
    rows = ROWS[stage](SHAPES["common beginning"])
    # Its head has weights of its own.
    trainer = tiny_trainers.trainer(stage, tiny, rows, tmp_path, CONFIGS["qwen3"], LORAS[name])
    wanted = step(trainer, rows)
    trainer.use_tree(1000)
    found = step(trainer, rows)
    assert found.tokens < wanted.tokens
    assert found.loss == pytest.approx(wanted.loss, rel=1e-4)
    assert relative_difference(found.gradient, wanted.gradient) < 1e-4


@pytest.mark.parametrize("training", [{"optim": "adafactor"}, {"extra": {"adam_beta2": 0.95}}])
def test_other_optimizers_keep_the_tree(training: dict[str, Any], tiny: Path, tmp_path: Path) -> None:
    rows = ROWS["sft"](SHAPES["common beginning"])
    trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path, prefix_tree=True, **training)
    assert trainer.tree_tokens is not None


def test_the_head_that_is_saved_whole_is_trained(tiny: Path, tmp_path: Path) -> None:
    rows = ROWS["sft"](SHAPES["common beginning"])
    lora = Lora(modules_to_save=("lm_head",))
    trainer = tiny_trainers.trainer("sft", tiny, rows, tmp_path, CONFIGS["qwen3"], lora)
    step(trainer, rows)
    gradients = [w.grad for name, w in trainer.model.named_parameters() if "lm_head.modules_to_save" in name]
    assert gradients
    assert all(gradient is not None and gradient.norm() > 0 for gradient in gradients)
