"""TRL's trainers, configured from a run's settings."""

from __future__ import annotations

from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import datasets
import msgspec
import torch
from peft import LoraConfig
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from core.config.schema import Dpo, Lora, Training
from core.domain.errors import UserError
from core.training.tokenized_data import TokenizedData

Trainer = TypeVar("Trainer", SFTTrainer, DPOTrainer)

#: Settings that SFTConfig and DPOConfig do not have.
_NOT_IN_TRL = {"max_truncated", "sample_steps", "sample_dialogues", "reference"}


def arguments(training: Training, device: str, dtype: torch.dtype, output: Path) -> dict[str, Any]:
    """The keyword arguments of SFTConfig or DPOConfig for these settings."""
    settings = {k: v for k, v in msgspec.structs.asdict(training).items() if k not in _NOT_IN_TRL}
    return settings | {
        # Loggers are added by core.training.loggers, which keeps their errors from the run.
        "report_to": "none",
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


class _DpoTrainer(DPOTrainer):
    """TRL's trainer for pairs that are tokens already, which it would tokenise by itself."""

    def _prepare_dataset(self, dataset: datasets.Dataset, *_: object) -> datasets.Dataset:
        return dataset


def sft(model: Any, tokenizer: Any, data: TokenizedData, lora: Lora, args: dict[str, Any]) -> SFTTrainer:
    """The trainer for SFT of a new LoRA adapter.

    Raises `UserError` if the trainer would not train on exactly these tokens.
    """
    trainer = SFTTrainer(
        model=model,
        args=one_device(SFTConfig(**args)),
        train_dataset=data.dataset(),
        processing_class=tokenizer,
        peft_config=lora_config(lora),
    )
    return _checked(trainer, data)


def dpo(model: Any, tokenizer: Any, data: TokenizedData, training: Dpo, args: dict[str, Any]) -> DPOTrainer:
    """The trainer for DPO of the adapter on `model`.

    The reference model is a frozen copy of the adapter, or the base model without an adapter. Raises
    `UserError` if the trainer would not train on exactly these tokens.
    """
    trainer = _DpoTrainer(
        model=model,
        args=one_device(DPOConfig(**args)),
        train_dataset=data.dataset(),
        processing_class=tokenizer,
    )
    if training.reference == "base":
        # Without an adapter named "ref", TRL disables all adapters to compute the reference.
        trainer.model.delete_adapter("ref")
    return _checked(trainer, data)


def _checked(trainer: Trainer, data: TokenizedData) -> Trainer:
    columns = list(data.rows[0])
    trained_on = ({name: row[name] for name in columns} for row in trainer.train_dataset)
    if any(row != given for row, given in zip_longest(trained_on, data.rows)):
        raise UserError(
            f"TRL {version('trl')} changes tokenised examples, so that training and responding would see "
            "different prompts: install the version in requirements.lock"
        )
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
