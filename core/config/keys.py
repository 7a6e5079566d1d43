"""Keys of config.toml, such as `sft.num_train_epochs`, and the options of the schema that they name."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args, get_type_hints

from msgspec import inspect as types

from core.config import reference
from core.config.problems import InvalidOptionError, suggestion
from core.config.reference import Option
from core.config.schema import Config


@dataclass(frozen=True)
class OptionPath:
    """An option, or an entry of one that is a table of free names, at its place in the file."""

    path: tuple[str, ...]
    """Its tables and its own key."""
    option: Option
    """The option of the schema."""
    type: types.Type
    """The type of its value; of an entry, not that of the option."""
    annotation: object
    """The same as the schema declares it."""

    @property
    def key(self) -> str:
        """The path as one text."""
        return ".".join(self.path)


def find(key: str) -> OptionPath:
    """The option that a text such as `sft.num_train_epochs` or `teachers.gpt-4.1.mode` names.

    A name with a dot needs no quotes. Raises `InvalidOptionError`, with similar names, if there is none.
    """
    parts = _parts(key)
    place = _in_table(types.type_info(Config), parts, ())
    if place is None:
        raise InvalidOptionError(key, "names a table; name one of its options")
    return place


def _parts(key: str) -> tuple[str, ...]:
    """The parts of a dotted key. Those with other characters than TOML's bare keys may be quoted."""
    if '"' not in key and "'" not in key:
        parts = tuple(part.strip() for part in key.split("."))
    else:
        try:
            inner: object = tomllib.loads(f"{key} = 0") if "\n" not in key else None
        except (tomllib.TOMLDecodeError, RecursionError):
            inner = None
        parts = ()
        while isinstance(inner, dict) and len(inner) == 1:
            ((name, inner),) = inner.items()
            parts = (*parts, name)
        if inner != 0:
            parts = ()
    if not all(parts) or not parts:
        raise InvalidOptionError(key, "is not the name of an option, such as sft.num_train_epochs")
    return parts


def _in_table(kind: types.Type, parts: Sequence[str], path: tuple[str, ...]) -> OptionPath | None:
    """The place of `parts` in a table at `path`; None if they name the table itself."""
    assert isinstance(kind, types.StructType)
    if not parts:
        return None
    fields = {field.encode_name: field.type for field in kind.fields}
    name, rest = parts[0], parts[1:]
    if name not in fields:
        raise InvalidOptionError(".".join((*path, name)), unknown(name, path))
    option, inner = reference.options(kind.cls)[name], fields[name]
    annotation = get_type_hints(kind.cls, include_extras=True)[name]
    here = (*path, name)
    match inner:
        case types.StructType():
            return _in_table(inner, rest, here)
        case types.DictType(value_type=types.StructType() as value):
            return _in_entry(value, rest, here)
        case types.DictType() if rest:
            # `app.keys.home.retry` is one key with a dot; the keys of further arguments may be nested.
            parts_below = (".".join(rest),) if isinstance(inner.value_type, types.StrType) else tuple(rest)
            return OptionPath((*here, *parts_below), option, inner.value_type, get_args(annotation)[1])
    if rest:
        raise InvalidOptionError(".".join((*here, *rest)), f"{'.'.join(here)} has no options below it")
    return OptionPath(here, option, inner, annotation)


def _in_entry(entry: types.StructType, parts: Sequence[str], path: tuple[str, ...]) -> OptionPath | None:
    """The place in a table with a chosen name, which may have dots: it ends where an option begins."""
    fields = {field.encode_name for field in entry.fields}
    for end in range(1, len(parts)):
        if parts[end] in fields:
            return _in_table(entry, parts[end:], (*path, ".".join(parts[:end])))
    if len(parts) < 2:
        return None
    return _in_table(entry, parts[-1:], (*path, ".".join(parts[:-1])))


def unknown(name: str, path: Sequence[str]) -> str:
    """What to say of a key that the table at `path` does not have: similar ones, there and elsewhere."""
    fields = _fields(path)
    where = f"in [{'.'.join(path)}] " if path else ""
    what = f"there is no such option {where}".rstrip()
    of_tables = [
        (option.name, f"{one.header}.{option.name}") for one in reference.tables() for option in one.options
    ]
    if same := [key for option, key in of_tables if option == name]:
        # First what only lacks a letter, such as `seeds`.
        same[:0] = get_close_matches(name, fields, n=1, cutoff=0.85)
        return f"{what}; did you mean {' or '.join(same[:3])}?"
    if close := suggestion(name, fields):
        return what + close
    if longer := [field for field in fields if name in field][:3]:
        return f"{what}; did you mean {' or '.join(longer)}?"
    names = get_close_matches(name, [option for option, _ in of_tables], n=1, cutoff=0.75)
    elsewhere = [key for option, key in of_tables if option in names]
    return f"{what}; did you mean {' or '.join(elsewhere[:3])}?" if elsewhere else what


def _fields(path: Sequence[str]) -> list[str]:
    """The options of the table at `path`."""
    kind: types.Type = types.type_info(Config)
    for part in path:
        match kind:
            case types.StructType():
                kind = next(field.type for field in kind.fields if field.encode_name == part)
            case types.DictType():
                kind = kind.value_type
        if isinstance(kind, types.VarTupleType):
            kind = kind.item_type
    return [field.encode_name for field in kind.fields] if isinstance(kind, types.StructType) else []
