"""Each field of a public record says what it is: a docstring follows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

CORE = Path(__file__).parents[1] / "core"
#: In the names of the bases and decorators that make a class a record.
_RECORD = ("Struct", "NamedTuple", "Record", "Settings", "Result", "ConfigTable", "dataclass")


def undocumented(source: str) -> Iterator[str]:
    """Fields of the public records in a module's source that have no docstring."""
    for record in ast.parse(source).body:
        if not isinstance(record, ast.ClassDef) or record.name.startswith("_") or not _is_record(record):
            continue
        for field, after in zip(record.body, [*record.body[1:], None], strict=True):
            match field, after:
                case ast.AnnAssign(), ast.Expr(value=ast.Constant(value=str())):
                    pass
                case ast.AnnAssign(target=ast.Name(id=name), annotation=type), _:
                    if not name.startswith("_") and "ClassVar" not in ast.unparse(type):
                        yield f"{record.name}.{name}"


def _is_record(found: ast.ClassDef) -> bool:
    kinds = (ast.unparse(kind) for kind in (*found.bases, *found.decorator_list))
    return any(word in kind for kind in kinds for word in _RECORD)


def test_every_field_of_a_public_record_is_documented() -> None:
    modules = sorted(CORE.rglob("*.py"))
    assert modules
    found = [
        f"{path.relative_to(CORE)}: {name}" for path in modules for name in undocumented(path.read_text())
    ]
    assert found == []


def test_a_field_without_a_docstring_would_be_found() -> None:
    source = '''
@dataclass(frozen=True)
class Pair:
    """Two responses."""

    a: str
    b: str
    """The other one."""
    _seen: int = 0


class _Private(NamedTuple):
    c: str
'''
    assert list(undocumented(source)) == ["Pair.a"]
