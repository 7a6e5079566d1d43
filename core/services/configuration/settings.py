"""All settings of a configuration: value, default, whether it is set in the file, and what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import msgspec

from core.config import lines, no_effect, redaction, reference
from core.config.schema import Config


@dataclass(frozen=True)
class Setting:
    """One option of config.toml as it is set now."""

    key: str
    """The option with its tables, such as `sft.num_train_epochs`."""
    value: str
    """Its value in TOML; empty if it has none."""
    default: str
    """Its default in TOML; `required` or `not set` where there is none."""
    is_set: bool
    """Whether the file sets it."""
    line: int | None
    """The line of the file at which it stands, or would be added: that of its table; None without a table."""
    kind: str
    """Its type and range in words, as in the reference."""
    choices: tuple[str, ...]
    """Its values in TOML, if there are only a few; of a list, those of its items."""
    meaning: str
    """What it is for, in Markdown, as in the reference."""
    no_effect: str | None = None
    """Why it has no effect now, such as `sft.max_steps = 100`; None if it has one."""


def settings(config: Config, file: Mapping[str, object], text: str) -> tuple[Setting, ...]:
    """Every setting of a configuration, in the schema's order.

    Args:
        config: The configuration.
        file: The file's tables.
        text: The file's text.
    """
    idle = no_effect.without_effect(config)
    return tuple(
        Setting(
            key=key,
            value="" if value is None else redaction.without_secrets(reference.value_in_toml(value)),
            default=option.default,
            is_set=_is_set(file, path),
            line=lines.line_of(text, key),
            kind=option.kind.replace("`", ""),
            choices=tuple(map(reference.value_in_toml, reference.choices(option.type))),
            meaning=option.meaning,
            no_effect=idle.get(key),
        )
        for key, path, option, value in _walk(config, ())
    )


def values(config: Config) -> dict[str, object]:
    """Key → value of every setting."""
    return {key: value for key, _, _, value in _walk(config, ())}


def _walk(
    table: msgspec.Struct, path: tuple[str, ...]
) -> Iterator[tuple[str, tuple[str, ...], reference.Option, object]]:
    for name, option in reference.options(type(table)).items():
        value, here = getattr(table, name), (*path, name)
        if isinstance(value, msgspec.Struct):
            yield from _walk(value, here)
        elif isinstance(value, dict) and any(isinstance(one, msgspec.Struct) for one in value.values()):
            for entry, one in value.items():
                yield from _walk(one, (*here, entry))
        elif not (isinstance(value, dict) and _is_of_tables(option)):
            yield ".".join(here), here, option, value


def _is_of_tables(option: reference.Option) -> bool:
    """Whether the option is a table with a table for each chosen name."""
    kind = option.type
    return isinstance(kind, msgspec.inspect.DictType) and isinstance(
        kind.value_type, msgspec.inspect.StructType
    )


def _is_set(file: Mapping[str, object], path: tuple[str, ...]) -> bool:
    inner: object = file
    for part in path:
        if not isinstance(inner, Mapping) or part not in inner:
            return False
        inner = inner[part]
    return True
