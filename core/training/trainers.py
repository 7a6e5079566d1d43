"""TRL's trainers, configured from a run's settings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import torch
from peft import LoraConfig
from trl import DPOConfig, SFTConfig

from core.config.schema import Dpo, Lora, Training
from core.domain.errors import UserError
from core.jobs.settings import Ranks
from core.students.models import cpu_linear
from core.training import evaluation, lora_modules
from core.training.data.tokenized_data import TokenizedData
from core.training.distributed import ranks
from core.training.prefix_tree import attention, flex_check, limits
from core.training.prefix_tree.trainers import TreeDpoTrainer, TreeSftTrainer

log = logging.getLogger(__name__)

Trainer = TypeVar("Trainer", TreeSftTrainer, TreeDpoTrainer)

#: PEFT's name for every linear layer but the head.
ALL_LINEAR = "all-linear"
#: Tokens of an example on which the loss is checked.
_CHECKED_TOKENS = 64
#: Settings that SFTConfig and DPOConfig do not have, or get in another way.
_NOT_IN_TRL = {
    "max_truncated",
    "sample_steps",
    "sample_dialogues",
    "reference",
    "prefix_tree",
    "group_by_dialogue",
    "packing",
    "eval_share",
    "eval_steps",
    "early_stopping_patience",
    "early_stopping_threshold",
    "extra",
}
#: Neither has an effect on what is trained: all weights that are trained take part in each step, and buffers
#: stay as they are. With trees, ranks may run the model a different number of times.
_DDP = {"ddp_find_unused_parameters": False, "ddp_broadcast_buffers": False}
#: Initial weights of LoRA that change the base model, which a plain adapter expects as it was.
_CHANGES_BASE = ("pissa", "olora")


def arguments(
    training: Training, device: str, dtype: torch.dtype, output: Path, processes: Ranks | None = None
) -> dict[str, Any]:
    """The keyword arguments of SFTConfig or DPOConfig for these settings; `dtype` is computed in."""
    settings = {k: v for k, v in msgspec.structs.asdict(training).items() if k not in _NOT_IN_TRL}
    return (
        settings
        | _evaluation(training)
        | {
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
        | _together(processes)
        | ({"packing": True, "eval_packing": False} if training.packing else {})
        | training.extra
    )


def _together(processes: Ranks | None) -> dict[str, Any]:
    """What says how the processes of a run train together."""
    if processes is None:
        return {}
    if processes.fsdp is None:
        return dict(_DDP)
    wrapped = processes.fsdp.transformer_cls_names_to_wrap
    config = {
        "version": 2,
        "reshard_after_forward": processes.fsdp.reshard_after_forward,
        "cpu_offload": processes.fsdp.cpu_offload,
        "activation_checkpointing": processes.fsdp.activation_checkpointing,
        # Whole weights, which every number of GPUs can load.
        "state_dict_type": "FULL_STATE_DICT",
    }
    return {
        "fsdp": True,
        "fsdp_config": config | ({"transformer_layer_cls_to_wrap": list(wrapped)} if wrapped else {}),
    }


def _evaluation(training: Training) -> dict[str, Any]:
    if not training.eval_share:
        return {}
    found: dict[str, Any] = {
        "eval_strategy": "steps",
        "eval_steps": training.eval_steps,
        "per_device_eval_batch_size": training.per_device_train_batch_size,
    }
    if training.early_stopping_patience is not None:
        found |= {
            # The weights of the lowest loss can be kept only if there is a checkpoint of them.
            "save_steps": training.eval_steps,
            "load_best_model_at_end": True,
            "metric_for_best_model": evaluation.METRIC,
            "greater_is_better": False,
        }
    return found


def sft(
    model: Any,
    tokenizer: Any,
    data: TokenizedData,
    lora: Lora | None,
    training: Training,
    args: dict[str, Any],
    held_out: TokenizedData | None = None,
) -> TreeSftTrainer:
    """The trainer for SFT of a new LoRA adapter, or of all weights without `lora`; `held_out` is evaluated.

    Raises `UserError` if the trainer would not train on exactly these tokens.
    """
    trainer = TreeSftTrainer(
        model=model,
        args=one_device(SFTConfig(**args, **_for_trl(model.config.get_text_config(), args))),
        train_dataset=data.dataset(),
        eval_dataset=None if held_out is None else held_out.dataset(),
        processing_class=tokenizer,
        peft_config=None if lora is None else lora_config(lora, model),
    )
    # Those of the new adapter too.
    cpu_linear.use(trainer.model)
    return _checked(trainer, data, training)


def dpo(
    model: Any,
    tokenizer: Any,
    data: TokenizedData,
    training: Dpo,
    args: dict[str, Any],
    held_out: TokenizedData | None = None,
    reference: Any = None,
) -> TreeDpoTrainer:
    """The trainer for DPO of the adapter on `model`, or of all weights of a model without one.

    The reference of an adapter is a frozen copy of it, or the base model without an adapter; otherwise it is
    the model `reference`. Raises `UserError` if the trainer would not train on exactly these tokens.
    """
    trainer = TreeDpoTrainer(
        model=model,
        ref_model=reference,
        args=one_device(DPOConfig(**args, **_for_trl(model.config.get_text_config(), args))),
        train_dataset=data.dataset(),
        eval_dataset=None if held_out is None else held_out.dataset(),
        processing_class=tokenizer,
    )
    if reference is None and training.reference == "base":
        # Without an adapter named "ref", TRL disables all adapters to compute the reference.
        trainer.model.delete_adapter("ref")
    return _checked(trainer, data, training)


def _checked(trainer: Trainer, data: TokenizedData, training: Training) -> Trainer:
    if not _trains_on(trainer.train_dataset, data, packed=training.packing):
        raise UserError(
            f"TRL {version('trl')} changes tokenised examples, so that training and responding would see "
            "different prompts: install the version in requirements.lock"
        )
    tokens = next(iter(data.rows[0].values()))
    _check_loss(trainer.model, tokens)
    if training.group_by_dialogue:
        trainer.group_by_dialogue(data.dialogues)
    if training.prefix_tree:
        _use_tree(trainer, data, training)
    return trainer


def _trains_on(dataset: Any, data: TokenizedData, *, packed: bool) -> bool:
    if packed:
        # A row has several examples, one after the other, and the length of each.
        found = []
        for row in dataset:
            start = 0
            for length in row["seq_lengths"]:
                found.append(row["input_ids"][start : start + length])
                start += length
        return sorted(found) == sorted(row["input_ids"] for row in data.rows)
    columns = list(data.rows[0])
    trained_on = ({name: row[name] for name in columns} for row in dataset)
    return not any(row != given for row, given in zip_longest(trained_on, data.rows))


def _use_tree(trainer: Trainer, data: TokenizedData, training: Training) -> None:
    """Have the trainer share common beginnings, or log why it cannot."""
    tokens = next(iter(data.rows[0].values()))
    reason = limits.reason_against(trainer, max(map(len, data.sequences())), tokens)
    if reason is None:
        checkpointing = training.gradient_checkpointing
        max_tokens = limits.max_tokens(trainer.base, gradient_checkpointing=checkpointing)
        if trainer.base.device.type == "cuda":
            against_flex = flex_check.reason_against(trainer, tokens)
        else:
            against_flex = "the device is no CUDA GPU"
        trainer.use_tree(max_tokens, attention.IN_BLOCKS if against_flex else attention.BY_FLEX)
        if ranks.count() > 1:
            trainer.divide_by_tokens(
                data.dialogues, list(data.by_row()), by_dialogue=training.group_by_dialogue
            )
        log.info("steps are computed on prefix trees of at most %d tokens", trainer.tree_tokens)
        if against_flex is None:
            log.info("FlexAttention computes the attention in trees")
        else:
            log.info("attention in trees is computed in blocks, without FlexAttention: %s", against_flex)
    else:
        log.warning("steps are computed without prefix trees, as TRL does: %s", reason)


def one_device(config: Any) -> Any:
    """The configuration, limited to one GPU: TRL does not support data parallelism in one process."""
    # Reading n_gpu first initialises it.
    config._n_gpu = min(config.n_gpu, 1)
    return config


def _for_trl(config: Any, args: dict[str, Any]) -> dict[str, float]:
    """Give a model's configuration the names that TRL's loss reads; further arguments that this takes.

    Some families name the number of their experts or the cap of their logits otherwise, and some have models
    without experts, for which there is no load-balancing loss.
    """
    experts = getattr(config, "num_experts", None) or getattr(config, "num_local_experts", None)
    if experts:
        config.num_experts = experts
    if (cap := getattr(config, "logits_soft_cap", None)) is not None:
        config.final_logit_softcapping = cap
    return {} if experts or "router_aux_loss_coef" in args else {"router_aux_loss_coef": 0.0}


def _check_loss(model: Any, tokens: Sequence[int]) -> None:
    """Check on the beginning of an example that TRL's loss is that of the logits by which a student answers.

    TRL computes the logits itself, and has to know how a family scales or caps them. Raises `UserError`.
    """
    ids = torch.tensor([tokens[:_CHECKED_TOKENS]], device=model.device)
    training = model.training
    model.eval()
    with torch.no_grad():
        found = model(input_ids=ids, labels=ids, fused_lm_head=True).log_probs[0].float()
        logits = model(input_ids=ids).logits[0, :-1].float()
    model.train(training)
    wanted = -torch.nn.functional.cross_entropy(logits, ids[0, 1:], reduction="none")
    if not torch.allclose(found, wanted, rtol=0.02, atol=0.1):
        raise UserError(
            f"TRL {version('trl')} computes the loss of a {model.config.model_type} model from other logits "
            "than those by which it answers: name another student"
        )


def lora_config(lora: Lora, model: Any) -> LoraConfig:
    """PEFT's configuration of a new adapter for `model`."""
    targets = lora.target_modules
    left_out = lora_modules.without_adapter(model) if targets == ALL_LINEAR else []
    return LoraConfig(
        task_type="CAUSAL_LM",
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=targets if isinstance(targets, str) else list(targets),
        exclude_modules=left_out or None,
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        modules_to_save=list(lora.modules_to_save) or None,
        lora_bias=lora.lora_bias,
        init_lora_weights=lora.init_lora_weights,
    )


def changes_base(lora: Lora) -> bool:
    """Whether the adapter's initial weights are taken out of the base model's."""
    wanted = lora.init_lora_weights
    return isinstance(wanted, str) and wanted.startswith(_CHANGES_BASE)
