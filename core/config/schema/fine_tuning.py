"""Fine-tuning: LoRA, SFT and DPO, under the names of PEFT and TRL; which runs there are."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta

from core.config.schema.table import (
    CheckedShare,
    ConfigTable,
    NonNegative,
    NonNegativeNumber,
    Positive,
    PositiveNumber,
    Seed,
)
from core.domain.names import RUN_STAGES, RunStage

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["nf4"]
Distributed = Literal["ddp", "fsdp"]


class Lora(ConfigTable, frozen=True):
    """LoRA adapters, under the names of PEFT's `LoraConfig`."""

    r: Positive = 8
    """Rank."""
    lora_alpha: Positive = 16
    """Scaling factor: the update is multiplied by `lora_alpha` / `r`."""
    lora_dropout: CheckedShare = 0.0
    """Dropout probability."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Modules that get an adapter: a list of names, a regular expression, or `all-linear`, which leaves out
    the head and layers on which an adapter has no effect."""
    use_rslora: bool = False
    """Rank-stabilized LoRA: scale by `lora_alpha` / √`r` instead of `lora_alpha` / `r`."""
    use_dora: bool = False
    """DoRA: train the magnitude of each weight apart from its direction; slower."""
    modules_to_save: tuple[str, ...] = ()
    """Modules that are trained and saved whole beside the adapter."""
    lora_bias: bool = False
    """Give the second matrix of each adapter a bias."""
    init_lora_weights: bool | str = True
    """How the adapter's weights begin: `true` for zero effect, `gaussian`, `orthogonal`, `olora`, `pissa` or
    `pissa_niter_16` (16 iterations of a fast SVD). An adapter of the last three is saved as a plain one of
    twice the rank, because they change the base model."""


class Training(ConfigTable, frozen=True):
    """Supervised fine-tuning, under the names of TRL's `SFTConfig` and Transformers' `TrainingArguments`."""

    learning_rate: PositiveNumber = 5e-5
    """Peak learning rate."""
    num_train_epochs: PositiveNumber = 3.0
    """Passes over the training data, where `max_steps` is -1."""
    max_steps: Annotated[int, Meta(ge=-1)] = -1
    """Number of optimizer steps, instead of `num_train_epochs`; -1 for no such limit."""
    per_device_train_batch_size: Positive = 2
    """Examples in one forward pass."""
    gradient_accumulation_steps: Positive = 8
    """Forward passes in one optimizer step."""
    lr_scheduler_type: str = "cosine"
    """Learning rate schedule, such as `linear`, `cosine` or `constant`."""
    warmup_steps: NonNegativeNumber = 0.0
    """Steps of linear warm-up; a number below 1 is a share of all steps."""
    weight_decay: NonNegativeNumber = 0.0
    """AdamW's weight decay."""
    max_grad_norm: NonNegativeNumber = 1.0
    """Gradient clipping."""
    max_length: Positive = 2048
    """Maximum length of an example, in tokens; longer ones are truncated, and lose the token that ends an
    answer."""
    max_truncated: CheckedShare = 0.02
    """Share of the examples that `max_length` may truncate or leave out; above it the run fails."""
    group_by_dialogue: bool = True
    """Keep the examples of a dialogue in one optimizer step, which makes steps faster. `false`: TRL's random
    order."""
    prefix_tree: bool = True
    """Compute what examples of an optimizer step share, such as their prompts' beginning, once. The gradient
    is that of TRL, up to rounding. Where a model or a loss does not allow it, TRL's own steps are used, and
    the log says why."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, slower steps."""
    packing: bool = False
    """Put several SFT examples into one row of `max_length` tokens. Only with `prefix_tree = false` and
    `group_by_dialogue = false`; a prefix tree saves more."""
    optim: str = "adamw_torch_fused"
    """Optimizer, such as `adafactor`, `adamw_torch_8bit`, or `paged_adamw_8bit`, which needs bitsandbytes and
    a GPU."""
    use_liger_kernel: bool = False
    """Replace layers by Liger's Triton kernels, which need the package liger-kernel and a GPU. Steps are
    computed without prefix trees."""
    neftune_noise_alpha: PositiveNumber | None = None
    """NEFTune: add noise of this strength to embeddings during training; none by default. Steps are computed
    without prefix trees."""
    eval_share: Annotated[float, Meta(ge=0, lt=1)] = 0.0
    """Share of the train dialogues whose examples are held out of training. Their loss is logged as
    `eval_loss`. 0 for no evaluation."""
    eval_steps: Positive = 50
    """With `eval_share`: optimizer steps between two evaluations."""
    early_stopping_patience: Positive | None = None
    """With `eval_share`: stop after this many evaluations in a row without a lower `eval_loss`, and keep the
    weights of the lowest. There is a checkpoint at each evaluation instead of each `save_steps`. By default
    training continues to its end, and keeps its last weights."""
    early_stopping_threshold: NonNegativeNumber = 0.0
    """With `early_stopping_patience`: by how much an `eval_loss` must be lower to count."""
    logging_steps: Positive = 1
    """Optimizer steps between two records of metrics."""
    save_steps: Positive = 50
    """Optimizer steps between two checkpoints."""
    save_total_limit: Positive = 2
    """Number of checkpoints to keep."""
    seed: Seed = 42
    """Seed of initialization and data order."""
    report_to: tuple[str, ...] = ()
    """Integrations that also get the metrics, such as `tensorboard` or `wandb`. One that fails is a
    warning of the run, which continues."""
    sample_steps: Positive = 50
    """Optimizer steps between two rounds of sample answers."""
    sample_dialogues: NonNegative = 2
    """Number of test dialogues that the student answers in each round; always the same ones."""
    extra: dict[str, Any] = {}
    """Further arguments of TRL's `SFTConfig` (in `[dpo.extra]` its `DPOConfig`), such as `adam_beta2`. Those
    that other options set are refused."""


class Dpo(Training, frozen=True):
    """DPO on top of SFT, under the names of TRL's `DPOConfig`. All options of `[sft]` apply."""

    learning_rate: PositiveNumber = 5e-6
    """Peak learning rate."""
    beta: PositiveNumber = 0.1
    """DPO's beta: a higher one keeps the student closer to the reference model."""
    loss_type: str = "sigmoid"
    """Loss, such as `sigmoid` (the DPO paper's) or `ipo`."""
    reference: Literal["sft", "base"] = "sft"
    """The reference model: the student after SFT, or the base model as in the paper."""


class Fsdp(ConfigTable, frozen=True):
    """FSDP2, under the names of Accelerate's `FullyShardedDataParallelPlugin`; for runs with
    `distributed = "fsdp"`."""

    reshard_after_forward: bool = True
    """Give up a layer's weights after its forward pass, and gather them again for the backward pass: less
    memory, slower."""
    cpu_offload: bool = False
    """Keep weights, gradients and the optimizer in the memory of the CPU."""
    activation_checkpointing: bool = False
    """Recompute activations in the backward pass, instead of `gradient_checkpointing`."""
    transformer_cls_names_to_wrap: tuple[str, ...] = ()
    """Classes of the layers that are divided one by one; by default those that the model names."""


class Runs(ConfigTable, frozen=True):
    """The runs of each student and recipe, and where they are trained."""

    stages: tuple[RunStage, ...] = RUN_STAGES
    """`sft`, or both: `sft-dpo` continues from `sft`."""
    device: Device = "auto"
    """`auto` takes a GPU when there is one."""
    dtype: Dtype = "auto"
    """Number format of the weights. `auto`: bfloat16 on a GPU that supports it, else float32; with
    `lora = false` the weights stay float32, and bfloat16 is used to compute."""
    lora: bool = True
    """Train adapters as `[lora]` says. `false`: full fine-tuning of all weights, which takes several times
    the memory and the disk space of the model."""
    gpus_per_run: Positive = 1
    """GPUs that train one run together, in one process each. An optimizer step has the examples of all of
    them: `per_device_train_batch_size` × `gradient_accumulation_steps` × `gpus_per_run`. The run takes
    that many of `slots.gpu`."""
    nodes_per_run: Positive = 1
    """Nodes over which the GPUs of a run are divided equally: on a Ray or Slurm cluster whose nodes see the
    workspace."""
    distributed: Distributed = "ddp"
    """With several GPUs: `ddp` has the whole model on each of them; `fsdp` divides weights, gradients and
    optimizer between them, as `[fsdp]` says."""
    quantization: Quantization | None = None
    """`nf4`: load students in 4 bits (QLoRA) through bitsandbytes, for training and for answering, base
    students too. It needs a CUDA GPU and the optional packages of `empathy-tui[quantization]`. Not with
    `lora = false`."""
