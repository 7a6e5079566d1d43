"""`config.toml`: what a workspace's user asks for, and its checks."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from core.errors import UserError

NAME = "config.toml"

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]

Stage = Literal["sft", "sft-dpo"]
Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Slots(_Table, frozen=True):
    """How many jobs run at once: on the GPU, on the CPU, against an API."""

    gpu: NonNegative = 1
    cpu: Positive = 1
    api: Positive = 4


class Student(_Table, frozen=True):
    """The small model that is fine-tuned.

    `model` is `embedded/smollm2-135m-instruct`, a Hugging Face Hub name, or a folder. `revision`
    is the Hub's. `chat_template` is a Jinja file for a model that has none of its own.
    """

    model: str
    revision: str | None = None
    chat_template: str | None = None


class Recipes(_Table, frozen=True):
    """Which recipes are trained on, and how their data is drawn.

    `pairing` is `strict` (human rated 1 or 2, LLM rated 3) or `reference-code` (the published
    code's rule, which also keeps every pair whose human response is rated 2). The limits draw
    that many examples or pairs with `seed`; none takes all.
    """

    train: tuple[str, ...] = ("direct/all_together",)
    pairing: Literal["strict", "reference-code"] = "strict"
    sft_limit: Positive | None = None
    preference_limit: Positive | None = None
    seed: int = 42


class Lora(_Table, frozen=True):
    """PEFT's LoraConfig, under its names."""

    r: Positive = 8
    lora_alpha: Positive = 16
    lora_dropout: Share = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"


class Training(_Table, frozen=True):
    """TRL's and Transformers' training arguments, under their names.

    `max_steps` -1 leaves the length to `num_train_epochs`. `sample_steps` is how often, in
    optimiser steps, the student answers `sample_dialogues` fixed test dialogues.
    """

    learning_rate: Rate = 5e-5
    num_train_epochs: Rate = 3.0
    max_steps: Annotated[int, Meta(ge=-1)] = -1
    per_device_train_batch_size: Positive = 2
    gradient_accumulation_steps: Positive = 8
    lr_scheduler_type: str = "cosine"
    warmup_steps: Annotated[float, Meta(ge=0)] = 0.0
    weight_decay: Annotated[float, Meta(ge=0)] = 0.0
    max_grad_norm: Annotated[float, Meta(ge=0)] = 1.0
    max_length: Positive = 2048
    gradient_checkpointing: bool = False
    logging_steps: Positive = 1
    save_steps: Positive = 50
    save_total_limit: Positive = 2
    seed: int = 42
    report_to: tuple[str, ...] = ()
    sample_steps: Positive = 50
    sample_dialogues: NonNegative = 2


class Dpo(Training, frozen=True):
    """DPO on top of the SFT adapter.

    `reference` is the model that DPO keeps close to: the SFT adapter, or the bare base as in
    the paper.
    """

    learning_rate: Rate = 5e-6
    beta: Rate = 0.1
    loss_type: str = "sigmoid"
    reference: Literal["sft", "base"] = "sft"


class Runs(_Table, frozen=True):
    """Which fine-tunings follow from students and recipes, and where they run."""

    stages: tuple[Stage, ...] = ("sft", "sft-dpo")
    device: Device = "auto"
    dtype: Dtype = "auto"


class Responding(_Table, frozen=True):
    """Decoding of the test split, under Transformers' names; the same for every responder."""

    max_new_tokens: Positive = 160
    do_sample: bool = False
    temperature: Rate = 1.0
    top_p: Share = 1.0
    batch_size: Positive = 16
    seed: int = 42


class Judge(_Table, frozen=True):
    """What picks the better of two responses."""

    provider: Literal["embedded"]


class Comparison(_Table, frozen=True):
    """Two responders: students, runs (`<student>/<recipe>/<stage>`), or sources in the data."""

    a: str
    b: str


class Comparisons(_Table, frozen=True):
    """Which responders meet. `baseline` meets every run of its student with the base student."""

    baseline: bool = True
    extra: tuple[Comparison, ...] = ()


class Config(_Table, frozen=True):
    """A whole config.toml."""

    slots: Slots = Slots()
    students: dict[str, Student] = {}
    recipes: Recipes = Recipes()
    runs: Runs = Runs()
    lora: Lora = Lora()
    sft: Training = Training()
    dpo: Dpo = Dpo()
    responding: Responding = Responding()
    judges: dict[str, Judge] = {}
    comparisons: Comparisons = Comparisons()


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def parse(text: str, place: str = NAME) -> Config:
    """The configuration that `text` says. Raises `UserError` naming the key and what it takes."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{place} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{place}: {_explain(str(error))}") from error
    for kind, names in (("students", config.students), ("judges", config.judges)):
        for name in names:
            if not _NAME.fullmatch(name):
                raise UserError(
                    f"{place}: [{kind}.{name}]: a name is made of letters, digits, '.', '_' and '-'"
                )
    if "sft-dpo" in config.runs.stages and "sft" not in config.runs.stages:
        raise UserError(f"{place}: runs.stages: 'sft-dpo' goes on from 'sft', so name both")
    return config


def load(path: Path) -> Config:
    """The configuration in `path`. Raises `UserError` when it cannot be read or does not hold."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: make one with `empathy-tui init`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return parse(text, str(path))


def _explain(message: str) -> str:
    """msgspec says `… - at `$.sft.beta``; put the key first, as it stands in the file."""
    what, _, where = message.partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    return f"{key}: {what}" if key else what
