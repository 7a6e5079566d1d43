"""Read config.toml and check it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import msgspec

from core.config import redaction, training_arguments
from core.config.schema import Config, Definition, Dpo, JudgeConfig, Lora, Student, Teacher, Training
from core.domain.errors import UserError
from core.domain.names import is_plain

NAME = "config.toml"

#: Without user name, password or query, because people put API keys there; except for Azure's version.
_URL = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?(\?api-version=[\w.-]+)?")
#: Paths below the base URL, which people copy from examples of single requests.
_ENDPOINTS = ("/chat/completions", "/completions", "/batches")
#: How long a batch may take: a number of hours or days.
_WINDOW = re.compile(r"[1-9]\d*[hd]")
#: An API key can look like a variable name; the prefixes of some providers' keys are refused, and long names
#: of letters and digits without a "_".
_VARIABLE = re.compile(
    r"(?!AIza|hf_|gsk_|sk_|gh[pousr]_|r8_|AKIA)(?!(?=[A-Za-z]*[0-9])[A-Za-z0-9]{24,}$)[A-Za-z_][A-Za-z0-9_]*"
)

#: Characters of the shortest secret that is looked for in config.toml: shorter ones may be words.
_MIN_KEY = 12

#: Initial weights of LoRA that need nothing but the model.
_INITIALIZATION = re.compile(r"gaussian|orthogonal|olora|pissa(_niter_[1-9]\d*)?")

_JINJA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Those that hold the conversation, and words of Jinja's syntax.
_JINJA_RESERVED = {
    *("messages", "add_generation_prompt", "continue_final_message", "tools", "documents", "strftime_now"),
    *("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"),
}


def parse_config(text: str, place: str = NAME) -> Config:
    """The configuration in `text`.

    Raises `UserError` when it is invalid: it names the key and the values that the key accepts.
    """
    _check_secrets(text, place)
    try:
        config = msgspec.convert(tomllib.loads(text), Config)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{place} is not valid TOML: {error}") from error
    except RecursionError as error:
        raise UserError(f"{place} is not valid TOML: it is nested too deeply") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{place}: {_explain(str(error))}") from error
    except ValueError as error:
        # A number of thousands of digits.
        raise UserError(f"{place} is not valid TOML: {error}") from error
    for name in config.teachers:
        if name in config.students:
            raise UserError(f"{place}: teachers.{name}: a student has the same name; choose another")
    for kind, names in (
        ("students", config.students),
        ("teachers", config.teachers),
        ("judges", config.judges),
    ):
        for name in names:
            if not is_plain(name):
                raise UserError(
                    f"{place}: [{kind}.{name}]: a name may contain letters, digits, '.', '_' and '-'"
                )
    for name, student in config.students.items():
        _check_student(f"{place}: students.{name}", student)
    if "sft-dpo" in config.runs.stages and "sft" not in config.runs.stages:
        raise UserError(f"{place}: runs.stages: 'sft-dpo' continues from 'sft'; name both")
    if config.runs.quantization is not None and not config.runs.lora:
        raise UserError(
            f"{place}: runs.quantization: weights in 4 bits cannot be trained themselves; remove it, or set "
            "lora = true"
        )
    _check_lora(f"{place}: lora", config.lora)
    _check_training(f"{place}: sft", config.sft)
    _check_training(f"{place}: dpo", config.dpo)
    for name, teacher in config.teachers.items():
        _check_teacher(f"{place}: teachers.{name}", teacher)
        if teacher.top_logprobs is not None:
            raise UserError(f"{place}: teachers.{name}.top_logprobs: only a judge supports it")
    for name, judge in config.judges.items():
        _check_judge(f"{place}: judges.{name}", judge)
    if config.definition.text is None and config.definition.name != Definition().name:
        raise UserError(
            f"{place}: definition.text is missing: say what {config.definition.name!r} is, as prompts shall"
        )
    asked = [name for name, judge in config.judges.items() if judge.dimensions]
    if config.definition.text is not None and asked:
        raise UserError(
            f"{place}: judges.{asked[0]}.dimensions: these are dimensions of empathy, and [definition] is "
            f"about {config.definition.name}; remove it"
        )
    for key, value in msgspec.structs.asdict(config.definition).items():
        if value is not None and ("{" in value or "}" in value):
            raise UserError(
                f"{place}: definition.{key}: braces are for fields of templates; write it without"
            )
    if config.recipes.teacher is not None and config.recipes.teacher not in config.teachers:
        known = ", ".join(config.teachers) or "none"
        raise UserError(
            f"{place}: recipes.teacher: there is no teacher {config.recipes.teacher!r}; known: {known}"
        )
    if config.prices.models and config.prices.date is None:
        raise UserError(f"{place}: prices.date is missing: the day on which the prices were listed")
    return config


def _check_student(place: str, student: Student) -> None:
    for name, value in student.chat_template_kwargs.items():
        if not _JINJA_NAME.fullmatch(name) or name in _JINJA_RESERVED:
            raise UserError(f"{place}.chat_template_kwargs: {name!r} is not a variable of chat templates")
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UserError(f"{place}.chat_template_kwargs.{name}: {error}; write it as a string") from error


def _check_lora(place: str, lora: Lora) -> None:
    wanted = lora.init_lora_weights
    if isinstance(wanted, str) and not _INITIALIZATION.fullmatch(wanted):
        raise UserError(
            f"{place}.init_lora_weights: {wanted!r} is none of true, false, gaussian, orthogonal, olora, "
            "pissa and pissa_niter_N; others of PEFT's need data or files of their own"
        )


def _check_training(place: str, training: Training) -> None:
    """Check what a stage's options say together, and its arguments for TRL."""
    if training.packing:
        if isinstance(training, Dpo):
            raise UserError(f"{place}.packing: TRL packs SFT examples only; remove it")
        if training.prefix_tree or training.group_by_dialogue:
            raise UserError(
                f"{place}.packing: packed rows allow neither prefix trees, which save more, nor an order by "
                "dialogue; remove it, or set prefix_tree = false and group_by_dialogue = false"
            )
    if training.early_stopping_patience is not None and not training.eval_share:
        raise UserError(
            f"{place}.early_stopping_patience: there is no evaluation; set eval_share, such as 0.1"
        )
    training_arguments.check_optimizer(f"{place}.optim", training.optim)
    if training.extra:
        training_arguments.check_extra(place, training)


def _check_judge(place: str, judge: JudgeConfig) -> None:
    if judge.provider != "embedded":
        if not judge.model:
            raise UserError(f"{place}.model is missing: the model that judges")
        _check_teacher(place, judge)
        if judge.provider == "local" and judge.structured_output:
            raise UserError(f"{place}.structured_output: a local model does not support it; remove it")
        for name in ("dimensions", "structured_output"):
            if judge.top_logprobs is not None and getattr(judge, name):
                raise UserError(
                    f"{place}.{name}: set either {name} or top_logprobs, which are log-probabilities of an "
                    "answer of one digit"
                )
        if judge.stop is not None and judge.mode == "batch":
            raise UserError(
                f'{place}.stop: "decided" needs verdicts one after the other, but a batch gives all of them '
                'at its end; set mode = "live", or remove stop'
            )
    elif judge != JudgeConfig(provider="embedded", stop=judge.stop):
        raise UserError(f"{place}: the embedded judge takes no setting other than provider and stop")


def _check_secrets(text: str, place: str) -> None:
    """Raise `UserError` for an API key: config.toml is copied, committed, and in every job's folder."""
    for value, name in redaction.known():
        if len(value) >= _MIN_KEY and value in text:
            raise UserError(
                f"{place} contains the value of {name}: remove it; keys are read from environment variables "
                "only (`api_key_env`)"
            )
    if found := redaction.KEY_SHAPE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise UserError(
            f"{place}, line {line}, contains what looks like an API key: remove it; keys are read from "
            "environment variables only (`api_key_env`)"
        )


def _check_teacher(place: str, teacher: Teacher) -> None:
    if teacher.provider == "local":
        if teacher.mode == "batch":
            raise UserError(f"{place}.mode: a local model has no batch mode; use 'live'")
        if teacher.base_url is not None or teacher.api_key_env is not None:
            raise UserError(f"{place}: a local model takes neither base_url nor api_key_env")
    if teacher.base_url is not None and not _URL.fullmatch(teacher.base_url):
        raise UserError(
            f"{place}.base_url: must be a URL such as http://localhost:8000/v1, "
            "without user name, password and query"
        )
    if teacher.api_key_env is not None and not _VARIABLE.fullmatch(teacher.api_key_env):
        raise UserError(
            f"{place}.api_key_env: must be the name of an environment variable, never the key itself"
        )
    if teacher.provider == "local" and teacher.top_logprobs is not None:
        raise UserError(f"{place}.top_logprobs: only a judge behind an API supports it; remove it")
    if teacher.base_url is not None:
        path = teacher.base_url.partition("?")[0].rstrip("/")
        ending = next((end for end in _ENDPOINTS if path.endswith(end)), None)
        if ending is not None:
            raise UserError(f"{place}.base_url: leave out {ending}, which each request adds")
    if teacher.provider == "local" and teacher.extra_body:
        raise UserError(f"{place}.extra_body: a local model sends no request; remove it")
    if teacher.provider != "google" and teacher.thinking_budget is not None:
        raise UserError(f'{place}.thinking_budget: only provider "google" supports it')
    if teacher.provider == "local" and teacher.reasoning_effort is not None:
        raise UserError(f"{place}.reasoning_effort: a local model does not support it; remove it")
    if teacher.thinking_budget is not None and teacher.reasoning_effort is not None:
        raise UserError(f"{place}: set either thinking_budget or reasoning_effort: Gemini takes only one")
    if teacher.provider != "openai" and (teacher.api_version is not None or "?" in (teacher.base_url or "")):
        raise UserError(f'{place}.api_version: only provider "openai" supports it')
    if not _WINDOW.fullmatch(teacher.batch_window):
        raise UserError(f"{place}.batch_window: must be a number of hours or days such as 24h or 7d")
    if teacher.poll_min_s > teacher.poll_max_s:
        raise UserError(f"{place}.poll_min_s: must not exceed poll_max_s")


def load_config(path: Path) -> Config:
    """The configuration in `path`. Raises `UserError` when it cannot be read or is invalid."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing: create it with `empathy-tui init`") from error
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return parse_config(text, str(path))


def _explain(message: str) -> str:
    """msgspec's message (`… - at `$.sft.beta``) with the key first, spelled as in the file."""
    what, _, where = message.partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    if key == "lora" and "got `bool`" in what:
        what = "is a table; full fine-tuning is lora = false in [runs]"
    return f"{key}: {what}" if key else what
