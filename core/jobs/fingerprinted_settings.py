"""What of a job's settings decides its results, and is part of its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import msgspec

from core.config.schema import Responding, Student, Training
from core.jobs.settings import LargeModel, Ranks, StudentServer

#: Fields that only monitor the job, or say how a model is called and paid. Every other field is part of the
#: fingerprint of a job.
_NOT_IN_FINGERPRINT: Mapping[type[msgspec.Struct], frozenset[str]] = {
    LargeModel: frozenset({"client"}),
    # A server's answers are checked to be the student's, wherever it is.
    StudentServer: frozenset({"model", "client"}),
    # `LocalStudent` has what they stand for, so that a folder can be moved.
    Student: frozenset({"model", "revision", "chat_template", "gpus_per_run"}),
    # Another way to the same gradient.
    Ranks: frozenset({"fsdp", "nodes"}),
    Training: frozenset(
        {
            # Another way to the same gradient.
            "prefix_tree",
            "logging_steps",
            "save_steps",
            "save_total_limit",
            "report_to",
            "sample_steps",
            "sample_dialogues",
        }
    ),
}


#: Fields that older versions did not have: with their defaults, the fingerprint is what it was.
_ONLY_IF_CHANGED = frozenset(
    {
        *("reasoning_effort", "thinking_budget", "dimensions", "structured_output", "stop", "server"),
        *("use_rslora", "use_dora", "modules_to_save", "lora_bias", "init_lora_weights"),
        "leave_out",
        *("packing", "optim", "use_liger_kernel", "neftune_noise_alpha", "extra", "quantization"),
        "ranks",
        *("eval_share", "eval_steps", "early_stopping_patience", "early_stopping_threshold"),
    }
)

#: Greedy responses do not depend on `batch_size`: the fingerprint has always this one, once the default.
_GREEDY_BATCH = 16


#: Id of a part of settings → the part, which keeps the id its own, and what is fingerprinted of it.
KnownParts = dict[int, tuple[msgspec.Struct, dict[str, object]]]


def fingerprinted(settings: msgspec.Struct, known: KnownParts | None = None) -> dict[str, object]:
    """The fields of the settings, or of a part of them, that change the results, by name.

    `known` caches parts that are the same object in the settings of many jobs.
    """
    left_out = _left_out(type(settings))
    if isinstance(settings, Responding) and not settings.do_sample:
        settings = msgspec.structs.replace(settings, batch_size=_GREEDY_BATCH)
    tag = settings.__struct_config__.tag
    found: dict[str, object] = {} if tag is None else {"type": tag}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        is_default = name in _ONLY_IF_CHANGED and value == _defaults(type(settings))[name]
        if name not in left_out and not is_default:
            found[name] = _part(value, known) if isinstance(value, msgspec.Struct) else value
    return found


def flattened(settings: msgspec.Struct) -> dict[tuple[str, ...], object]:
    """All fields that change the results, also those with a default, by their path within the settings."""
    found: dict[tuple[str, ...], object] = {}
    left_out = _left_out(type(settings))
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if name in left_out:
            continue
        if isinstance(value, msgspec.Struct):
            tag = value.__struct_config__.tag
            found[name,] = "on" if tag is None else tag
            found |= {(name, *path): part for path, part in flattened(value).items()}
        else:
            found[name,] = value
    return found


@cache
def _left_out(record: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of a kind of record that do not change the results."""
    return frozenset[str]().union(
        *(names for kind, names in _NOT_IN_FINGERPRINT.items() if issubclass(record, kind))
    )


def _part(value: msgspec.Struct, known: KnownParts | None) -> dict[str, object]:
    if known is None:
        return fingerprinted(value)
    if id(value) not in known:
        known[id(value)] = (value, fingerprinted(value, known))
    return known[id(value)][1]


@cache
def _defaults(kind: type[msgspec.Struct]) -> Mapping[str, object]:
    """The default of each field of a record that has one."""
    return {
        field.name: field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        for field in msgspec.structs.fields(kind)
        if not field.required
    }
