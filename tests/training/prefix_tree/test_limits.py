"""Runs that cannot use trees train as TRL does, and say why."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BloomConfig,
    Lfm2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen3MoeConfig,
)

from core.config.schema import Lora
from core.training.prefix_tree import attention, limits
from tests.training.prefix_tree import tiny_trainers
from tests.training.prefix_tree.test_equality import SHAPES, sft_rows
from tests.training.prefix_tree.tiny_trainers import SIZES

ROWS = sft_rows(SHAPES["common beginning"])
LONGEST = len(ROWS[0]["input_ids"])
_EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}


def made(
    tiny: Path,
    folder: Path,
    config: PreTrainedConfig | None = None,
    lora: Lora | None = None,
    **training: Any,
) -> Any:
    return tiny_trainers.trainer(
        "sft", tiny, ROWS, folder, config, lora or True, prefix_tree=True, **training
    )


@pytest.mark.parametrize(
    ("config", "lora", "reason"),
    [
        (MistralConfig(**SIZES, sliding_window=16), None, f"looks back 16 tokens, and .* has {LONGEST}"),
        (LlamaConfig(**SIZES, attention_dropout=0.1), None, "it has dropout in attention"),
        (None, Lora(lora_dropout=0.1), "dropout would fall on a shared token once"),
        (Qwen3MoeConfig(**SIZES, **_EXPERTS, router_aux_loss_coef=0.01), None, "the load-balancing loss"),
        (
            Lfm2Config(**SIZES, layer_types=["conv", "full_attention"], block_multiple_of=8),
            None,
            "recurrent or convolutional layers",
        ),
        (BloomConfig(vocab_size=384, hidden_size=16, n_layer=1, n_head=2), None, "positions cannot be given"),
    ],
    ids=["window", "attention dropout", "LoRA dropout", "experts", "convolution", "ALiBi"],
)
def test_the_log_says_why_a_run_has_no_trees(
    config: PreTrainedConfig | None,
    lora: Lora | None,
    reason: str,
    tiny: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    trainer = made(tiny, tmp_path, config, lora)
    assert trainer.tree_tokens is None
    (record,) = [record for record in caplog.records if "without prefix trees" in record.message]
    assert record.levelno == logging.WARNING
    assert re.search(reason, record.message)
    # Each example is computed whole.
    assert tiny_trainers.step(trainer, ROWS).tokens == sum(len(row["input_ids"]) for row in ROWS)


@pytest.mark.parametrize(
    ("training", "reason"),
    [
        ({"neftune_noise_alpha": 5.0}, "NEFTune's noise"),
        ({"extra": {"torch_compile": True}}, "compiled when training starts"),
        ({"extra": {"label_smoothing_factor": 0.1}}, "needs the logits of all tokens"),
    ],
    ids=lambda value: "" if isinstance(value, str) else next(iter(value)),
)
def test_settings_that_a_tree_does_not_allow(
    training: dict[str, Any], reason: str, tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert made(tiny, tmp_path, **training).tree_tokens is None
    assert reason in caplog.text


def test_by_default_there_are_trees(tiny: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        trainer = made(tiny, tmp_path)
    assert trainer.tree_tokens is not None
    assert "steps are computed on prefix trees" in caplog.text


def test_a_window_that_holds_all_examples_is_no_obstacle(tiny: Path, tmp_path: Path) -> None:
    trainer = made(tiny, tmp_path, MistralConfig(**SIZES, sliding_window=LONGEST))
    assert trainer.tree_tokens is not None


def test_a_model_that_reads_more_than_ancestors_is_found_out(tiny: Path, tmp_path: Path) -> None:
    """As one whose attention ignores a given mask."""
    trainer = made(tiny, tmp_path)
    trainer.base.set_attn_implementation("sdpa")
    assert limits.reason_against(trainer, LONGEST, ROWS[0]["input_ids"]) is None
    for layer in trainer.base.model.layers:
        layer.self_attn.register_forward_pre_hook(
            lambda _, args, kwargs: (args, kwargs | {"attention_mask": None}), with_kwargs=True
        )
    reason = limits.reason_against(trainer, LONGEST, ROWS[0]["input_ids"])
    assert reason is not None
    assert "differ from those of a batch" in reason
    layer.self_attn.register_forward_pre_hook(lambda _, args: _refuse())
    reason = limits.reason_against(trainer, LONGEST, ROWS[0]["input_ids"])
    assert reason == "its forward pass refuses a tree (ValueError: no such thing)"


def _refuse() -> None:
    raise ValueError("no such thing")


def test_memory_limits_a_tree(tiny: Path, tmp_path: Path) -> None:
    model = tiny_trainers.model(tiny_trainers.CONFIGS["llama"])
    assert limits.max_tokens(model, gradient_checkpointing=False) == 16_384
    model.config.hidden_size = 10**9
    few = limits.max_tokens(model, gradient_checkpointing=False)
    assert few < 100
    assert limits.max_tokens(model, gradient_checkpointing=True) >= few


def test_answers_during_training_do_not_need_a_tree(tiny: Path, tmp_path: Path) -> None:
    trainer = made(tiny, tmp_path)
    assert trainer.base.config._attn_implementation == attention.IN_BLOCKS
    ids = torch.tensor([ROWS[0]["input_ids"][:9]])
    found = trainer.model.generate(input_ids=ids, max_new_tokens=4, do_sample=False)
    trainer.base.set_attn_implementation("sdpa")
    assert torch.equal(found, trainer.model.generate(input_ids=ids, max_new_tokens=4, do_sample=False))
