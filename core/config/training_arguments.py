"""The arguments of TRL's configurations, read from the source of the installed packages.

Importing TRL takes seconds, and config.toml is read before the first screen: its dataclasses are parsed
instead, and only where config.toml has arguments for them.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from core.config.problems import InvalidOptionError, suggestion
from core.config.schema import Dpo, Training
from core.domain.errors import UserError

#: Names that are the default need not be looked up.
_DEFAULTS = Dpo()

_Classes = Sequence[tuple[str, str, str]]
#: Package, file and class of each configuration, derived ones first.
_SHARED: _Classes = (
    ("trl", "trainer/base_config.py", "_BaseConfig"),
    ("transformers", "training_args.py", "TrainingArguments"),
)
_SFT: _Classes = (("trl", "trainer/sft_config.py", "SFTConfig"), *_SHARED)
_DPO: _Classes = (("trl", "trainer/dpo_config.py", "DPOConfig"), *_SHARED)

_OWN_DATA = "the program prepares the examples itself"
_GPUS = "set runs.gpus_per_run, runs.distributed and [fsdp]"
_NOT_OFFERED = "runs are divided by examples, or by FSDP: set runs.distributed"
_NO_UPLOAD = "the program uploads nothing; the run's folder can be uploaded afterwards"
#: Arguments that the program sets, and the option that stands for each, or why there is none.
_SET_BY_PROGRAM: Mapping[str, str] = {
    "output_dir": "each attempt has a folder of its own",
    "use_cpu": "set runs.device",
    "bf16": "set runs.dtype",
    "fp16": "set runs.dtype",
    "bf16_full_eval": "set runs.dtype",
    "fp16_full_eval": "set runs.dtype",
    "disable_tqdm": "progress is in the journal",
    "logging_strategy": "set logging_steps",
    "logging_first_step": "set logging_steps",
    "logging_nan_inf_filter": "a loss that is not finite ends the run",
    "log_level": "the run's log has everything",
    "log_level_replica": "the run's log has everything",
    "save_strategy": "set save_steps",
    "save_only_model": "checkpoints must be complete to be resumed",
    "enable_jit_checkpoint": "the program saves a checkpoint when a run is cancelled",
    "eval_strategy": "set eval_share and eval_steps",
    "do_eval": "set eval_share",
    "do_train": "a run trains",
    "do_predict": "jobs of stage respond answer the test split",
    "load_best_model_at_end": "set early_stopping_patience",
    "metric_for_best_model": "it is eval_loss; set early_stopping_patience",
    "greater_is_better": "the metric is eval_loss; set early_stopping_patience",
    "activation_checkpointing": "set gradient_checkpointing",
    "resume_from_checkpoint": "the program resumes from the newest checkpoint",
    "ignore_data_skip": "the program resumes with the data that is left",
    "restore_callback_states_from_checkpoint": "the program restores what it needs",
    "remove_unused_columns": _OWN_DATA,
    "dataset_text_field": _OWN_DATA,
    "dataset_kwargs": _OWN_DATA,
    "shuffle_dataset": _OWN_DATA,
    "completion_only_loss": "the loss is on completions only",
    "assistant_only_loss": "the loss is on completions only",
    "truncation_mode": "set max_length",
    "eval_packing": "examples of the evaluation are not packed",
    "eos_token": "set eos_token of the student",
    "pad_token": "the tokenizer's is used",
    "chat_template_path": "set chat_template of the student",
    "model_init_kwargs": "set model, revision and runs.dtype; runs.quantization for 4 bits",
    "trust_remote_code": "code from the Hub is never run",
    "precompute_ref_log_probs": "with prefix_tree they are computed once, and cached",
    "precompute_ref_batch_size": "with prefix_tree they are computed once, and cached",
    "auto_find_batch_size": "set per_device_train_batch_size",
    "dataloader_num_workers": _OWN_DATA,
    "dataloader_pin_memory": _OWN_DATA,
    "dataloader_persistent_workers": _OWN_DATA,
    "dataloader_prefetch_factor": _OWN_DATA,
    "dataloader_multiprocessing_context": _OWN_DATA,
    "push_to_hub": _NO_UPLOAD,
    "deepspeed": _NOT_OFFERED,
    "fsdp": _GPUS,
    "fsdp_config": _GPUS,
    "parallelism_config": _NOT_OFFERED,
    "accelerator_config": _GPUS,
    "local_rank": _GPUS,
    "average_tokens_across_devices": "the loss of a step is that of all its tokens",
}
#: Beginnings of further names of that kind.
_SET_BY_PROGRAM_BY_PREFIX: Mapping[str, str] = {"hub_": _NO_UPLOAD, "ddp_": _GPUS}
#: Schedules that read the loss of an evaluation, and those with arguments of which one must be given.
_NEED_EVALUATION = ("reduce_lr_on_plateau", "greedy")
_NEED_ARGUMENTS: Mapping[str, Sequence[str]] = {
    "cosine_with_min_lr": ("min_lr", "min_lr_rate"),
    "cosine_warmup_with_min_lr": ("min_lr", "min_lr_rate"),
    "warmup_stable_decay": ("num_decay_steps",),
}
#: Arguments whose values only the comparisons in the code of DPO's trainer show.
_COMPARED = ("f_divergence_type",)
#: Arguments that decide the order of examples, which `group_by_dialogue` decides.
_ORDER = ("train_sampling_strategy",)

#: Annotations by which a value can be checked; arguments with others are checked by TRL.
_TYPES: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "int": (int,),
    "float": (float, int),
    "str": (str,),
    "dict": (dict,),
    "list": (list,),
}
_EXTRA = "extra"


class _Argument(NamedTuple):
    annotation: ast.expr
    values: Sequence[str]
    """Those that its class lists; none if it lists none."""


def check_extra(key: str, training: Training) -> None:
    """Check the `extra` of the stage whose table is `key`.

    Raises `InvalidOptionError` for an argument that TRL does not have, that another option stands for, of
    another type, or with a value that TRL does not list.
    """
    configuration = "DPOConfig" if isinstance(training, Dpo) else "SFTConfig"
    known = _arguments(_DPO if isinstance(training, Dpo) else _SFT)
    for name, value in training.extra.items():
        here = f"{key}.{_EXTRA}.{name}"
        if name in training.__struct_fields__:
            raise InvalidOptionError(here, f"it is an option itself; set {key}.{name}")
        if (why := _set_by_program(name)) is not None:
            raise InvalidOptionError(here, f"the program sets this argument: {why}")
        if name not in known:
            raise InvalidOptionError(
                here, f"TRL's {configuration} has no such argument{suggestion(name, known)}"
            )
        if name in _ORDER and training.group_by_dialogue:
            raise InvalidOptionError(here, "group_by_dialogue decides the order; set it to false as well")
        annotation, values = known[name]
        if not _fits(value, annotation):
            raise InvalidOptionError(here, f"expected {ast.unparse(annotation)}, got {value!r}")
        if name in _COMPARED:
            values = _compared_by_dpo(name)
        if values and value not in values:
            raise InvalidOptionError(here, f"expected one of {', '.join(values)}; got {value!r}")


def check_names(key: str, training: Training) -> None:
    """Check the names of an optimizer, a schedule, loggers and a loss in the table `key`.

    Raises `InvalidOptionError` if Transformers or TRL has none of that name, or it needs what is not set.
    """
    if (name := training.optim) != _DEFAULTS.optim and name not in (known := _optimizers()):
        what = f"Transformers has no optimizer {name!r}{suggestion(name, known)}"
        raise InvalidOptionError(f"{key}.optim", what)
    if training.lr_scheduler_type != _DEFAULTS.lr_scheduler_type:
        _check_schedule(key, training)
    for name in training.report_to:
        if training.report_to != ("all",) and name not in (known := _loggers()):
            what = f"Transformers has no integration {name!r}{suggestion(name, known)}"
            raise InvalidOptionError(f"{key}.report_to", what, name)
    if (
        isinstance(training, Dpo)
        and (name := training.loss_type) != _DEFAULTS.loss_type
        and name not in (known := _compared_by_dpo("loss_type"))
    ):
        what = f"TRL's DPOTrainer has no loss {name!r}{suggestion(name, known)}"
        raise InvalidOptionError(f"{key}.loss_type", what)
    if (
        isinstance(training, Dpo)
        and training.loss_type == "exo_pair"
        and not training.extra.get("label_smoothing")
    ):
        what = "exo_pair needs label smoothing; set label_smoothing in [dpo.extra], such as 0.001"
        raise InvalidOptionError(f"{key}.loss_type", what)


def _check_schedule(key: str, training: Training) -> None:
    name, known = training.lr_scheduler_type, _schedules()
    here = f"{key}.lr_scheduler_type"
    if name not in known:
        raise InvalidOptionError(here, f"Transformers has no schedule {name!r}{suggestion(name, known)}")
    if name in _NEED_EVALUATION and not training.eval_share:
        raise InvalidOptionError(
            here, f"{name} follows the loss of an evaluation; set eval_share, such as 0.1"
        )
    given = training.extra.get("lr_scheduler_kwargs")
    needed = _NEED_ARGUMENTS.get(name, ())
    if needed and not (isinstance(given, dict) and any(one in given for one in needed)):
        what = f"{name} needs {' or '.join(needed)} in lr_scheduler_kwargs of [{key}.{_EXTRA}]"
        raise InvalidOptionError(here, what)


def _set_by_program(key: str) -> str | None:
    if key in _SET_BY_PROGRAM:
        return _SET_BY_PROGRAM[key]
    return next((why for start, why in _SET_BY_PROGRAM_BY_PREFIX.items() if key.startswith(start)), None)


def _fits(value: object, annotation: ast.expr) -> bool:
    match annotation:
        case ast.BinOp(left=left, right=right):
            return _fits(value, left) or _fits(value, right)
        case ast.Constant(value=None):
            return value is None
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return isinstance(value, list) and all(_fits(one, item) for one in value)
        case ast.Subscript(value=ast.Name() as kind):
            return _fits(value, kind)
        case ast.Name(id=name) if name in _TYPES:
            if isinstance(value, float) and not math.isfinite(value):
                return False
            # In Python true is a number.
            return isinstance(value, _TYPES[name]) and (not isinstance(value, bool) or name == "bool")
    return True


@cache
def _arguments(classes: _Classes) -> Mapping[str, _Argument]:
    """The arguments of a configuration, by name."""
    found: dict[str, _Argument] = {}
    for package, file, name in classes:
        for line in _class(package, file, name).body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
                found.setdefault(line.target.id, _Argument(line.annotation, _choices(line)))
    return found


def _choices(line: ast.AnnAssign) -> Sequence[str]:
    """The `choices` of a field's metadata."""
    return [
        choice.value
        for node in ast.walk(line)
        if isinstance(node, ast.Dict)
        for key, listed in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "choices" and isinstance(listed, ast.List)
        for choice in listed.elts
        if isinstance(choice, ast.Constant) and isinstance(choice.value, str)
    ]


@cache
def _optimizers() -> Sequence[str]:
    return _values(_class("transformers", "training_args.py", "OptimizerNames"))


@cache
def _schedules() -> Sequence[str]:
    return _values(_class("transformers", "trainer_utils.py", "SchedulerType"))


@cache
def _loggers() -> Sequence[str]:
    """The integrations that can get metrics."""
    return [
        key.value
        for node in _module("transformers", "integrations/integration_utils.py").body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Dict)
        and ast.unparse(node.targets[0]) == "INTEGRATION_TO_CALLBACK"
        for key in node.value.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    ]


@cache
def _compared_by_dpo(argument: str) -> Sequence[str]:
    """What DPO's trainer compares an argument with, each once."""
    found = [
        right.value
        for node in ast.walk(_class("trl", "trainer/dpo_trainer.py", "DPOTrainer"))
        if isinstance(node, ast.Compare)
        and argument in (getattr(node.left, "id", None), getattr(node.left, "attr", None))
        for right in node.comparators
        if isinstance(right, ast.Constant) and isinstance(right.value, str)
    ]
    return list(dict.fromkeys(found))


def _values(enumeration: ast.ClassDef) -> list[str]:
    return [
        line.value.value
        for line in enumeration.body
        if isinstance(line, ast.Assign)
        and isinstance(line.value, ast.Constant)
        and isinstance(line.value.value, str)
    ]


def _class(package: str, file: str, name: str) -> ast.ClassDef:
    found = _module(package, file).body
    return next(node for node in found if isinstance(node, ast.ClassDef) and node.name == name)


def _module(package: str, file: str) -> ast.Module:
    # find_spec of a package without a dot does not import it.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise UserError(f"{package} is not installed: reinstall empathy-tui")
    return ast.parse((Path(spec.origin).parent / file).read_text(encoding="utf-8"))
