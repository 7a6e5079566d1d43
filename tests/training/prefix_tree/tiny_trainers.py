"""Trainers of tiny models on given tokens, and their optimizer steps with and without trees."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3TextConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedConfig,
    Qwen3Config,
)

from core.config.schema import Dpo, Lora, Training
from core.training import trainers
from core.training.data.tokenized_data import TokenizedData
from core.training.prefix_tree.trainers import TreeDpoTrainer, TreeSftTrainer

Trainer = TreeSftTrainer | TreeDpoTrainer
Row = dict[str, list[int]]

VOCABULARY = 384
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
}
#: Models of the best known shapes: Gemma 3 has local layers whose window holds the examples.
CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "qwen3": Qwen3Config(**SIZES, tie_word_embeddings=False),
    "mistral": MistralConfig(**SIZES),
    "gemma3": Gemma3TextConfig(
        **SIZES, sliding_window=64, layer_types=["sliding_attention", "full_attention"]
    ),
}


def model(config: PreTrainedConfig, dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(0)
    return AutoModelForCausalLM.from_config(copy.deepcopy(config)).to(dtype)


def trainer(
    stage: str,
    tiny: Path,
    rows: Sequence[Row],
    folder: Path,
    config: PreTrainedConfig | None = None,
    lora: Lora | bool = True,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    **training: Any,
) -> Any:
    """A trainer on these rows, by default without trees; its adapter is not that of the start.

    `lora` is false to train all weights.
    """
    kind = Training if stage == "sft" else Dpo
    settings = kind(**({"prefix_tree": False, "group_by_dialogue": False, "max_length": 128} | training))
    arguments = trainers.arguments(settings, device, dtype, folder)
    data = TokenizedData(list(rows), ["" for _ in rows], 0, 0, settings.max_length)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    made = model(config or CONFIGS["llama"], dtype).to(device)
    adapter = (lora if isinstance(lora, Lora) else Lora()) if lora else None
    found: Any
    if not isinstance(settings, Dpo):
        found = trainers.sft(made, tokenizer, data, adapter, settings, arguments)
    elif adapter is None:
        reference = copy.deepcopy(made)
        found = trainers.dpo(made, tokenizer, data, settings, arguments, reference=reference)
    else:
        from peft import get_peft_model

        adapted = get_peft_model(made, trainers.lora_config(adapter, made))
        found = trainers.dpo(adapted, tokenizer, data, settings, arguments)
    torch.manual_seed(1)
    for name, weights in found.model.named_parameters():
        if ".lora_B.default" in name or (adapter is None and weights.requires_grad):
            torch.nn.init.normal_(weights, std=0.3)
    return found


@dataclass(frozen=True)
class Done:
    """An optimizer step, without the optimizer."""

    loss: float
    gradient: torch.Tensor
    metrics: dict[str, list[float]]
    tokens: int
    """Tokens that the model computed."""


def step(trainer: Trainer, rows: Sequence[Row], size: int = 2) -> Done:
    """The loss and gradient of these rows, in batches of `size`, as the trainer's loop computes them."""
    computed = 0

    def count(_: Any, inputs: tuple[torch.Tensor, ...]) -> None:
        nonlocal computed
        computed += inputs[0].numel()

    made = [trainer.data_collator(list(rows[start : start + size])) for start in range(0, len(rows), size)]
    device = trainer.args.device
    batches, items = trainer.get_batch_samples(iter(made), len(made), device)
    trainer.current_gradient_accumulation_steps = len(batches)
    trainer.model.zero_grad()
    trainer._metrics["train"].clear()
    hook = trainer.base.get_input_embeddings().register_forward_pre_hook(count)
    loss = sum(trainer.training_step(trainer.model, batch, items).item() for batch in batches)
    hook.remove()
    gradient = torch.cat(
        [
            (torch.zeros_like(weights) if weights.grad is None else weights.grad).float().flatten()
            for weights in trainer.model.parameters()
            if weights.requires_grad
        ]
    )
    return Done(loss, gradient.clone(), {k: list(v) for k, v in trainer._metrics["train"].items()}, computed)


def relative_difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).norm() / b.norm())
