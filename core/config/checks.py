"""Checks of what config.toml's options say together, and of values that a type cannot express."""

from __future__ import annotations

import json
import re
from typing import get_args

import msgspec

from core.config import engine_checks, grid, large_model_checks, rungs, training_arguments
from core.config.large_model_checks import MAX_TEMPERATURE, MIN_TEMPERATURE
from core.config.problems import InvalidOptionError
from core.config.schema import (
    Config,
    Definition,
    Dpo,
    Lora,
    RatingScale,
    Responding,
    Student,
    Training,
)
from core.domain.jobs.job import LOCAL
from core.domain.names import is_plain
from core.domain.states import Slot

#: Initial weights of LoRA that need nothing but the model.
_INITIALIZATION = re.compile(r"gaussian|orthogonal|olora|pissa(_niter_[1-9]\d*)?")

_JINJA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
#: Those that hold the conversation, and words of Jinja's syntax.
_JINJA_RESERVED = {
    *("messages", "add_generation_prompt", "continue_final_message", "tools", "documents", "strftime_now"),
    *("and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "True", "False", "None"),
}


def check(config: Config) -> None:
    """Raise `InvalidOptionError` for the first option that is invalid."""
    _check_names(config)
    for name, student in config.students.items():
        _check_student(f"students.{name}", student)
    if "sft-dpo" in config.runs.stages and "sft" not in config.runs.stages:
        raise InvalidOptionError("runs.stages", "'sft-dpo' continues from 'sft'; name both")
    if config.runs.quantization is not None and not config.runs.lora:
        raise InvalidOptionError(
            "runs.quantization",
            "weights in 4 bits cannot be trained themselves; remove it, or set lora = true",
        )
    _check_gpus(config)
    data_sets = {f"data_sets.{name}": one for name, one in config.data_sets.items()}
    for key, data in {"data": config.data, **data_sets}.items():
        check_encoding(f"{key}.encoding", data.encoding)
        _check_scale(f"{key}.ratings", data.ratings)
    _check_lora("lora", config.lora)
    _check_training("sft", config.sft)
    _check_training("dpo", config.dpo)
    grid.check(config, _check_lora, _check_training)
    for name, teacher in config.teachers.items():
        large_model_checks.check_teacher(f"teachers.{name}", teacher)
        if teacher.top_logprobs is not None:
            raise InvalidOptionError(f"teachers.{name}.top_logprobs", "only a judge supports it")
    if config.responding.do_sample:
        check_sampling(config.responding, "responding.")
    _check_servers(config)
    for name, judge in config.judges.items():
        large_model_checks.check_judge(f"judges.{name}", judge)
    rungs.check(config)
    for name, engine in config.engines.items():
        engine_checks.check(name, engine)
    for slot in get_args(Slot):
        if (used := config.slot_engines.of(slot)) not in (LOCAL, *config.engines):
            known = ", ".join((LOCAL, *config.engines))
            raise InvalidOptionError(f"slot_engines.{slot}", f"there is no engine {used!r}; known: {known}")
    _check_definition(config)
    _check_recipes(config)
    if config.prices.models and config.prices.date is None:
        raise InvalidOptionError("prices.date", "is missing: the day on which the prices were listed")


def _check_names(config: Config) -> None:
    for name in config.teachers:
        if name in config.students:
            raise InvalidOptionError(f"teachers.{name}", "a student has the same name; choose another")
    for kind, names in (
        ("students", config.students),
        ("teachers", config.teachers),
        ("judges", config.judges),
        ("data_sets", config.data_sets),
        ("engines", config.engines),
    ):
        for name in names:
            if not is_plain(name):
                raise InvalidOptionError(
                    f"{kind}.{name}", "a name may contain letters, digits, '.', '_' and '-'"
                )


def _check_servers(config: Config) -> None:
    for name, server in config.servers.items():
        if name not in config.students:
            known = ", ".join(config.students) or "none"
            raise InvalidOptionError(f"servers.{name}", f"there is no student {name!r}; known: {known}")
        large_model_checks.check_server(f"servers.{name}", server, name)
        if server.verify and config.runs.quantization is not None:
            raise InvalidOptionError(
                f"servers.{name}.verify",
                "answers of a 4-bit student cannot be verified on the CPU; set verify = 0, or remove "
                "runs.quantization",
            )


def _check_recipes(config: Config) -> None:
    """Check that the teacher and the judge of recipes are defined."""
    recipes = config.recipes
    if recipes.teacher is not None and recipes.teacher not in config.teachers:
        known = ", ".join(config.teachers) or "none"
        raise InvalidOptionError(
            "recipes.teacher", f"there is no teacher {recipes.teacher!r}; known: {known}"
        )
    if recipes.filter_judge is not None and recipes.filter_judge not in config.judges:
        known = ", ".join(config.judges) or "none"
        raise InvalidOptionError(
            "recipes.filter_judge", f"there is no judge {recipes.filter_judge!r}; known: {known}"
        )


def _check_gpus(config: Config) -> None:
    """Check what is said of runs on several GPUs."""
    runs = config.runs
    wanted = {"runs.gpus_per_run": runs.gpus_per_run} | {
        f"students.{name}.gpus_per_run": student.gpus_per_run or 1
        for name, student in config.students.items()
    }
    if runs.nodes_per_run > max(wanted.values()):
        raise InvalidOptionError(
            "runs.nodes_per_run", f"is {runs.nodes_per_run}: set runs.gpus_per_run to a multiple of it"
        )
    for key, count in wanted.items():
        if count == 1:
            continue
        if count % runs.nodes_per_run:
            raise InvalidOptionError(
                key, f"{count} GPUs cannot be divided equally over {runs.nodes_per_run} nodes (nodes_per_run)"
            )
        if runs.device in ("cpu", "mps"):
            raise InvalidOptionError(
                key, f'runs.device is "{runs.device}", and only CUDA GPUs train together; set it to 1'
            )
        if count > config.slots.gpu:
            raise InvalidOptionError(
                key,
                f"a run takes {count} places of slots.gpu, which is {config.slots.gpu}: no run could start; "
                "raise slots.gpu to the number of GPUs there are",
            )
    if runs.distributed == "fsdp" and runs.quantization is not None:
        raise InvalidOptionError(
            "runs.distributed",
            "weights in 4 bits are not divided; remove runs.quantization, or set it to ddp",
        )
    for key, training in (("sft", config.sft), ("dpo", config.dpo)):
        if config.fsdp.activation_checkpointing and training.gradient_checkpointing:
            raise InvalidOptionError(
                f"{key}.gradient_checkpointing",
                "fsdp.activation_checkpointing does the same; remove one of them",
            )


def _check_definition(config: Config) -> None:
    definition = config.definition
    if definition.text is None and definition.name != Definition().name:
        raise InvalidOptionError("definition.text", f"is missing: define {definition.name!r} for the prompts")
    asked = [name for name, judge in config.judges.items() if judge.dimensions]
    if definition.text is not None and asked:
        raise InvalidOptionError(
            f"judges.{asked[0]}.dimensions",
            f"these are dimensions of empathy, and [definition] is about {definition.name}; remove it",
        )
    for key, value in msgspec.structs.asdict(definition).items():
        if value is not None and ("{" in value or "}" in value):
            raise InvalidOptionError(
                f"definition.{key}", "braces are for fields of templates; write it without"
            )


def check_sampling(settings: Responding, table: str = "") -> None:
    """Raise `InvalidOptionError` for a setting that models cannot sample with; `table` is the start of its
    key."""
    if not MIN_TEMPERATURE <= settings.temperature <= MAX_TEMPERATURE:
        raise InvalidOptionError(
            f"{table}temperature", f"must be from {MIN_TEMPERATURE} to {MAX_TEMPERATURE}"
        )
    if not 0 <= settings.top_p <= 1:
        raise InvalidOptionError(f"{table}top_p", "must be from 0 to 1")


def check_encoding(key: str, name: str | None) -> None:
    """Raise `InvalidOptionError` for the name of an encoding that is unknown."""
    if name is None:
        return
    try:
        "".encode(name)
    except (LookupError, ValueError) as error:
        raise InvalidOptionError(
            key, f"{name!r} is unknown: use a name such as cp1252 or shift_jis"
        ) from error


def _check_scale(key: str, scale: RatingScale | None) -> None:
    if scale is not None and not scale.min < scale.good <= scale.max:
        raise InvalidOptionError(key, "min must be less than good, and good no more than max")


def _check_student(key: str, student: Student) -> None:
    for name, value in student.chat_template_kwargs.items():
        if not _JINJA_NAME.fullmatch(name) or name in _JINJA_RESERVED:
            raise InvalidOptionError(
                f"{key}.chat_template_kwargs", f"{name!r} is not a variable of chat templates"
            )
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidOptionError(
                f"{key}.chat_template_kwargs.{name}", f"{error}; write it as a string"
            ) from error


def _check_lora(key: str, lora: Lora) -> None:
    wanted = lora.init_lora_weights
    if isinstance(wanted, str) and not _INITIALIZATION.fullmatch(wanted):
        raise InvalidOptionError(
            f"{key}.init_lora_weights",
            f"{wanted!r} is none of true, false, gaussian, orthogonal, olora, "
            "pissa and pissa_niter_N; others of PEFT's need data or files of their own",
        )
    if isinstance(lora.target_modules, str):
        try:
            re.compile(lora.target_modules)
        except re.error as error:
            raise InvalidOptionError(
                f"{key}.target_modules", f"is no regular expression: {error}; list names instead"
            ) from error


def _check_training(key: str, training: Training) -> None:
    """Check what a stage's options say together, and its arguments for TRL."""
    if training.packing:
        if isinstance(training, Dpo):
            raise InvalidOptionError(f"{key}.packing", "TRL packs SFT examples only; remove it")
        if training.prefix_tree or training.group_by_dialogue:
            raise InvalidOptionError(
                f"{key}.packing",
                "packed rows allow neither prefix trees, which save more, nor an order by "
                "dialogue; remove it, or set prefix_tree = false and group_by_dialogue = false",
            )
    if training.early_stopping_patience is not None and not training.eval_share:
        raise InvalidOptionError(
            f"{key}.early_stopping_patience", "there is no evaluation; set eval_share, such as 0.1"
        )
    training_arguments.check_names(key, training)
    if training.extra:
        training_arguments.check_extra(key, training)
