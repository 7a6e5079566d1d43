"""The reference of config.toml: each option with its type, default and meaning, read from the schema.

docs/configuration.md, the screen of settings and `config show` have what they say of an option from here.
"""

from __future__ import annotations

import ast
import datetime
import inspect
import json
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import msgspec
from msgspec import inspect as types

from core.config.schema import Config


@dataclass(frozen=True)
class Option:
    """One option of config.toml, as the reference describes it."""

    name: str
    """Its key in its table."""
    type: types.Type
    """Its type, with its range."""
    kind: str
    """Its type in words."""
    default: str
    """Its default as in the file; empty for a table, `required` or `not set` where there is none."""
    meaning: str
    """What it is for, in Markdown."""
    is_inherited: bool
    """Whether the options of another table are described first, of which this is one."""


@dataclass(frozen=True)
class TableDescription:
    """One table of config.toml."""

    header: str
    """Its header in the file without the brackets; `NAME` where the user chooses a name, and `[x]` for a
    table of which there may be several."""
    meaning: str
    """What it is for, in Markdown."""
    options: tuple[Option, ...]
    """Its options, in the schema's order."""


@cache
def tables() -> tuple[TableDescription, ...]:
    """All tables, in the schema's order."""
    return tuple(_table(header, kind) for header, kind in _tables(types.type_info(Config), ""))


@cache
def options(schema: type[msgspec.Struct]) -> dict[str, Option]:
    """The options of one table by name, inherited ones included."""
    info = types.type_info(schema)
    assert isinstance(info, types.StructType)
    own = field_docstrings(schema)
    inherited = {
        name: text
        for base in reversed(schema.__mro__[1:])
        if base is not msgspec.Struct and issubclass(base, msgspec.Struct)
        for name, text in field_docstrings(base).items()
    }
    return {
        field.encode_name: Option(
            name=field.encode_name,
            type=field.type,
            kind=type_in_words(field.type),
            default=_default(field),
            meaning=own.get(field.name) or inherited[field.name],
            is_inherited=field.name not in own,
        )
        for field in info.fields
    }


def _table(header: str, schema: type[msgspec.Struct]) -> TableDescription:
    return TableDescription(header, inspect.cleandoc(schema.__doc__ or ""), tuple(options(schema).values()))


def _tables(table_type: types.Type, path: str) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """The tables below one, each with its header in the file and its schema."""
    assert isinstance(table_type, types.StructType)
    for field in table_type.fields:
        name, kind = path + field.encode_name, field.type
        if isinstance(kind, types.DictType) and isinstance(kind.value_type, types.StructType):
            name, kind = f"{name}.NAME", kind.value_type
        elif isinstance(kind, types.VarTupleType) and isinstance(kind.item_type, types.StructType):
            name, kind = f"[{name}]", kind.item_type
        if isinstance(kind, types.StructType):
            yield name, kind.cls
            yield from _tables(kind, f"{name}.")


def field_docstrings(schema: type) -> dict[str, str]:
    """The string literal under each field that the class itself declares.

    Raises `ValueError` for a field without one.
    """
    definition = ast.parse(textwrap.dedent(inspect.getsource(schema))).body[0]
    assert isinstance(definition, ast.ClassDef)
    found: dict[str, str] = {}
    for statement, following in zip(definition.body, [*definition.body[1:], ast.Pass()], strict=True):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
            case ast.AnnAssign(target=ast.Name(name)), _:
                raise ValueError(f"{schema.__name__}.{name} has no docstring")
    return found


def type_in_words(kind: types.Type) -> str:
    """A type as TOML's users know it, with its range."""
    match kind:
        case types.BoolType():
            return "boolean"
        case types.StrType():
            return "string"
        case types.DateType():
            return "date"
        case types.IntType():
            return "integer" + _range(kind)
        case types.FloatType():
            return "number" + _range(kind)
        case types.LiteralType():
            return ", ".join(f"`{value_in_toml(value)}`" for value in kind.values)
        case types.VarTupleType():
            item = type_in_words(kind.item_type)
            if item.startswith("`"):
                return f"list of {item}"
            noun, comma, limits = item.partition(",")
            return f"list of {noun}s{comma}{limits}"
        case types.DictType() | types.StructType():
            return "table"
        case types.AnyType():
            return "value"
        case types.UnionType():
            return " or ".join(
                type_in_words(one) for one in kind.types if not isinstance(one, types.NoneType)
            )
        case _:
            raise ValueError(f"no words for {kind}")


def choices(kind: types.Type) -> tuple[object, ...]:
    """The values of a type, or of the items of its lists, if there are only a few; empty for others."""
    match kind:
        case types.BoolType():
            return (True, False)
        case types.LiteralType():
            return tuple(kind.values)
        case types.VarTupleType():
            return choices(kind.item_type)
        case types.UnionType():
            parts = [one for one in kind.types if not isinstance(one, types.NoneType)]
            return choices(parts[0]) if len(parts) == 1 else ()
        case _:
            return ()


def _range(kind: types.IntType | types.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f", {kind.ge:,} to {kind.le:,}"
    bounds = ((">", kind.gt), ("≥", kind.ge), ("<", kind.lt), ("≤", kind.le))
    return "".join(f", {sign} {bound:,}" for sign, bound in bounds if bound is not None)


def _default(field: types.Field) -> str:
    if field.required:
        return "required"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None:
        return "not set"
    return "" if isinstance(value, msgspec.Struct) else value_in_toml(value)


def _key_in_toml(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    """A string in TOML, in which what cannot be seen is written as its number."""
    # JSON's spelling of strings is TOML's.
    return "".join(
        one if one.isprintable() else f"\\U{ord(one):08x}" for one in json.dumps(text, ensure_ascii=False)
    )


def value_in_toml(value: object) -> str:
    """A value as in the file, in one line."""
    match value:
        case datetime.date():
            return value.isoformat()
        case dict():
            inner = ", ".join(f"{_key_in_toml(key)} = {value_in_toml(one)}" for key, one in value.items())
            return f"{{ {inner} }}" if inner else "{}"
        case list() | tuple():
            return f"[{', '.join(map(value_in_toml, value))}]"
        case str():
            return _quoted(value)
        case msgspec.Struct():
            return value_in_toml({key: getattr(value, key) for key in value.__struct_fields__})
        case _:
            # JSON's spelling of numbers and booleans is TOML's.
            return json.dumps(value)
