"""`config.toml`: what a workspace's user asks for, and its checks."""

from __future__ import annotations

import datetime
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from core.domain.app_settings import AppSettings
from core.domain.errors import UserError
from core.domain.names import RunStage, is_plain

NAME = "config.toml"

Positive = Annotated[int, Meta(ge=1)]
NonNegative = Annotated[int, Meta(ge=0)]
Rate = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Pairing = Literal["strict", "reference-code"]


class _Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Slots(_Table, frozen=True):
    """How many jobs run at once: on the GPU, on the CPU, against an API, waiting for batches.

    A job that calls an API keeps many requests in flight by itself, and its limits hold for it
    alone: a second one at the same time only shares what the first would use.
    """

    gpu: NonNegative = 1
    cpu: Positive = 1
    api: Positive = 1
    batch: Positive = 32


class Teacher(_Table, frozen=True):
    """The large model whose empathy is distilled, and how it is reached.

    `openai` speaks OpenAI's API, at `base_url` where that is given; `google` speaks Gemini's;
    `local` loads `model` from the Hugging Face Hub or a folder into this process. `api_key_env`
    names the variable that holds the key. Sampling settings that are not given are not sent.

    `top_logprobs`, of judges alone, has the API tell the log-probabilities of so many likeliest tokens,
    and so how sure each verdict is.

    An answer that is refused, empty, cut or too long is asked for `tries` times in all; up to the
    share `max_left_out` of the requests may then be left out. `live`: at most `max_concurrency`
    requests in flight and as many requests and tokens a minute, each given `timeout_s`. `batch`:
    at most `batch_requests` and `batch_bytes` a file, `batch_tries` files in a row for what failed,
    asked after every `poll_min_s` to `poll_max_s`.
    """

    provider: Literal["openai", "google", "local"]
    model: str
    mode: Literal["batch", "live"] = "live"
    base_url: str | None = None
    api_key_env: str | None = None
    temperature: Annotated[float, Meta(ge=0)] | None = None
    top_p: Share | None = None
    seed: int | None = None
    max_output_tokens: Positive = 512
    top_logprobs: Annotated[int, Meta(ge=2, le=20)] | None = None
    extra_body: dict[str, Any] = {}
    tries: Positive = 3
    max_left_out: Share = 0.02
    max_concurrency: Positive = 64
    requests_per_minute: Positive | None = None
    tokens_per_minute: Positive | None = None
    timeout_s: Rate = 120.0
    call_tries: Positive = 8
    batch_requests: Annotated[int, Meta(ge=1, le=50_000)] = 50_000
    batch_bytes: Annotated[int, Meta(ge=1, le=200_000_000)] = 200_000_000
    batch_tries: Positive = 8
    poll_min_s: Rate = 5.0
    poll_max_s: Rate = 300.0


class Price(_Table, frozen=True):
    """US dollars per million tokens. What is not given costs as much as its plain counterpart,
    but for `batch_cached_input`, which costs as much as `batch_input`."""

    input: Annotated[float, Meta(ge=0)]
    output: Annotated[float, Meta(ge=0)]
    cached_input: Annotated[float, Meta(ge=0)] | None = None
    batch_input: Annotated[float, Meta(ge=0)] | None = None
    batch_cached_input: Annotated[float, Meta(ge=0)] | None = None
    batch_output: Annotated[float, Meta(ge=0)] | None = None


class Prices(_Table, frozen=True):
    """The price table: model → price, as providers asked on `date`."""

    date: datetime.date | None = None
    models: dict[str, Price] = {}


class Spending(_Table, frozen=True):
    """`budget_usd`: nothing is submitted that would bring the workspace's spending above it."""

    budget_usd: Annotated[float, Meta(ge=0)] | None = None


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

    `teacher` names the one that recipes ask, where there are several. `improve_llm_sft` of the
    paper's 1,750 train dialogues (the same share of another number) give improve-llm's SFT
    examples, drawn with `improve_llm_seed`; the others give its preference pairs.
    """

    train: tuple[str, ...] = ("direct/all_together",)
    pairing: Pairing = "strict"
    sft_limit: Positive | None = None
    preference_limit: Positive | None = None
    seed: int = 42
    teacher: str | None = None
    improve_llm_sft: Annotated[int, Meta(ge=0, le=1750)] = 950
    improve_llm_seed: int = 42


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

    stages: tuple[RunStage, ...] = ("sft", "sft-dpo")
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


class Judge(Teacher, frozen=True):
    """What picks the better of two responses: the embedded judge, or a model that is asked as a
    teacher is.

    With `swap` a model sees each pair in both orders; without it, as in the paper, in one, with the
    baseline first. Each pair is asked about `repeats` times in each order. An answer that names no
    response is asked for `tries` times in all, then counted as invalid.
    """

    provider: Literal["embedded", "openai", "google", "local"]  # type: ignore[assignment]
    model: str = ""
    swap: bool = True
    repeats: Annotated[int, Meta(ge=1, le=100)] = 1


class Comparison(_Table, frozen=True):
    """Two responders: students, runs (`<student>/<recipe>/<stage>`), teachers, or sources in the data."""

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
    teachers: dict[str, Teacher] = {}
    prices: Prices = Prices()
    spending: Spending = Spending()
    recipes: Recipes = Recipes()
    runs: Runs = Runs()
    lora: Lora = Lora()
    sft: Training = Training()
    dpo: Dpo = Dpo()
    responding: Responding = Responding()
    judges: dict[str, Judge] = {}
    comparisons: Comparisons = Comparisons()
    app: AppSettings = AppSettings()


#: Without user info and query, in which keys are put.
_URL = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?")
#: What begins as some providers' keys do could be a variable's name, and is none.
_VARIABLE = re.compile(r"(?!AIza|hf_|gsk_)[A-Za-z_][A-Za-z0-9_]*")


def parse(text: str, place: str = NAME) -> Config:
    """The configuration that `text` says. Raises `UserError` naming the key and what it takes."""
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{place} is not valid TOML: {error}") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{place}: {_explain(str(error))}") from error
    for name in config.teachers:
        if name in config.students:
            raise UserError(f"{place}: teachers.{name}: a student has that name; choose another")
    for kind, names in (
        ("students", config.students),
        ("teachers", config.teachers),
        ("judges", config.judges),
    ):
        for name in names:
            if not is_plain(name):
                raise UserError(
                    f"{place}: [{kind}.{name}]: a name is made of letters, digits, '.', '_' and '-'"
                )
    if "sft-dpo" in config.runs.stages and "sft" not in config.runs.stages:
        raise UserError(f"{place}: runs.stages: 'sft-dpo' goes on from 'sft', so name both")
    for name, teacher in config.teachers.items():
        _check_teacher(f"{place}: teachers.{name}", teacher)
        if teacher.top_logprobs is not None:
            raise UserError(f"{place}: teachers.{name}.top_logprobs: only judges take it")
    for name, judge in config.judges.items():
        _check_judge(f"{place}: judges.{name}", judge)
    if config.recipes.teacher is not None and config.recipes.teacher not in config.teachers:
        known = ", ".join(config.teachers) or "none"
        raise UserError(
            f"{place}: recipes.teacher: no teacher is called {config.recipes.teacher!r}; there are: {known}"
        )
    if config.prices.models and config.prices.date is None:
        raise UserError(f"{place}: prices.date: say of which day the prices are")
    return config


def _check_judge(place: str, judge: Judge) -> None:
    if judge.provider != "embedded":
        if not judge.model:
            raise UserError(f"{place}.model: say which model judges")
        _check_teacher(place, judge)
    elif judge != Judge(provider="embedded"):
        raise UserError(f"{place}: the embedded judge has no settings but its provider")


def _check_teacher(place: str, teacher: Teacher) -> None:
    if teacher.provider == "local":
        if teacher.mode == "batch":
            raise UserError(f"{place}.mode: a local model has no batches; leave it out")
        if teacher.base_url is not None or teacher.api_key_env is not None:
            raise UserError(f"{place}: a local model has neither base_url nor api_key_env")
    if teacher.base_url is not None and not _URL.fullmatch(teacher.base_url):
        raise UserError(
            f"{place}.base_url: an address such as http://localhost:8000/v1, without a name or key"
        )
    if teacher.api_key_env is not None and not _VARIABLE.fullmatch(teacher.api_key_env):
        raise UserError(f"{place}.api_key_env: the name of an environment variable, never the key itself")
    if teacher.provider == "local" and teacher.top_logprobs is not None:
        raise UserError(f"{place}.top_logprobs: only a judge behind an API has them; leave it out")
    if teacher.provider != "openai" and teacher.extra_body:
        raise UserError(f'{place}.extra_body: only provider "openai" takes it')
    if teacher.poll_min_s > teacher.poll_max_s:
        raise UserError(f"{place}.poll_min_s: not more than poll_max_s")


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
