"""TRL's trainers, configured from a run's settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import datasets
import msgspec
import torch
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from core.config.schema import Dpo, Lora, Training
from core.recipes.examples import PreferencePair, SftExample

#: Settings that SFTConfig and DPOConfig do not have.
_NOT_IN_TRL = {"sample_steps", "sample_dialogues", "reference"}


def arguments(training: Training, device: str, dtype: torch.dtype, output: Path) -> dict[str, Any]:
    """The keyword arguments of SFTConfig or DPOConfig for these settings."""
    settings = {k: v for k, v in msgspec.structs.asdict(training).items() if k not in _NOT_IN_TRL}
    settings["report_to"] = list(training.report_to) or "none"
    return settings | {
        "output_dir": str(output),
        "use_cpu": device == "cpu",
        "bf16": device != "cpu" and dtype == torch.bfloat16,
        "fp16": device != "cpu" and dtype == torch.float16,
        "disable_tqdm": True,
        # The loss must be logged even if it is not finite, not replaced by the mean of the other steps.
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        # Old checkpoints are deleted before the newest one is marked as complete: keep one more.
        "save_total_limit": max(training.save_total_limit, 2),
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": device == "cuda",
    }


def sft(
    model: Any, tokenizer: Any, examples: Sequence[SftExample], lora: Lora, args: dict[str, Any]
) -> SFTTrainer:
    """The trainer for SFT of a new LoRA adapter, with the loss on completions only."""
    return SFTTrainer(
        model=model,
        args=one_device(SFTConfig(**args, completion_only_loss=True)),
        train_dataset=_dataset(examples),
        processing_class=tokenizer,
        peft_config=lora_config(lora),
    )


def dpo(
    model: Any, tokenizer: Any, pairs: Sequence[PreferencePair], training: Dpo, args: dict[str, Any]
) -> DPOTrainer:
    """The trainer for DPO of the adapter on `model`.

    The reference model is a frozen copy of the adapter, or the base model without an adapter.
    """
    trainer = DPOTrainer(
        model=model,
        args=one_device(DPOConfig(**args)),
        train_dataset=_dataset(pairs),
        processing_class=tokenizer,
    )
    if training.reference == "base":
        # Without an adapter named "ref", TRL disables all adapters to compute the reference.
        trainer.model.delete_adapter("ref")
    return trainer


def one_device(config: Any) -> Any:
    """The configuration, limited to one GPU: TRL does not support data parallelism in one process."""
    # Reading n_gpu first initialises it.
    config._n_gpu = min(config.n_gpu, 1)
    return config


def lora_config(lora: Lora) -> LoraConfig:
    """PEFT's configuration of a new adapter."""
    targets = lora.target_modules
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
    )


def _dataset(examples: Sequence[SftExample] | Sequence[PreferencePair]) -> datasets.Dataset:
    rows = [msgspec.to_builtins(example) for example in examples]
    for row in rows:
        del row["dialog_id"]
    return datasets.Dataset.from_list(rows)
