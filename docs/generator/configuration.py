"""docs/configuration.md: every option of config.toml, from the schema and the docstrings in it."""

from __future__ import annotations

import ast
import datetime
import inspect
import json
import textwrap
from collections.abc import Iterator

import msgspec
from msgspec import inspect as types

from core.config.schema import Config
from docs.generator.markdown import NOTE, cell, table

_INTRODUCTION = f"""# Configuration

{NOTE}

`config.toml` in the workspace says what to do. Every option has a default unless it is marked as required.
`empathy-tui init` writes a commented file to start from, and `empathy-tui doctor` checks it. API keys come
from environment variables, never from this file.
"""


def page() -> str:
    """The page, with a section for each table of the file."""
    return _INTRODUCTION + "".join(
        _section(f"[{name}]", kind) for name, kind in _tables(types.type_info(Config), "")
    )


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


def _section(title: str, schema: type[msgspec.Struct]) -> str:
    """One table of the file: what it is for, and its own options; inherited ones stand with its base."""
    info = types.type_info(schema)
    assert isinstance(info, types.StructType)
    meanings = field_docstrings(schema)
    rows = [
        (
            f"`{field.encode_name}`",
            cell(_type(field.type)),
            cell(_default(field)),
            cell(meanings[field.name]),
        )
        for field in info.fields
        if field.name in meanings
    ]
    purpose = inspect.cleandoc(schema.__doc__ or "")
    return f"\n## `{title}`\n\n{purpose}\n\n{table(('option', 'type', 'default', 'meaning'), rows)}"


def field_docstrings(schema: type[msgspec.Struct]) -> dict[str, str]:
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


def _type(kind: types.Type) -> str:
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
            return ", ".join(f"`{_toml(value)}`" for value in kind.values)
        case types.VarTupleType():
            item = _type(kind.item_type)
            return f"list of {item}" if item.startswith("`") else f"list of {item}s"
        case types.DictType() | types.StructType():
            return "table"
        case types.UnionType():
            return " or ".join(_type(one) for one in kind.types if not isinstance(one, types.NoneType))
        case _:
            raise ValueError(f"no words for {kind}")


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
    return "" if isinstance(value, msgspec.Struct) else f"`{_toml(value)}`"


def _toml(value: object) -> str:
    """A value as in the file; JSON's spelling of all but dates is TOML's."""
    return value.isoformat() if isinstance(value, datetime.date) else json.dumps(value)
