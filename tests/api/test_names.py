"""core.api: its stub is the one list of its names, for Python and for type checkers."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import itertools
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

import msgspec
import pytest

import core.api
import core.domain
import core.jobs.records
import core.jobs.settings
import tui.cli.output.json
import tui.cli.output.workspace.config

ROOT = Path(__file__).resolve().parents[2]
STUB = Path(core.api.__file__).with_suffix(".pyi")

PREAMBLE = "from core.api import Workspace\n\n\n"


def exported() -> list[tuple[str, str, str]]:
    """Module, name there, and name in core.api, of every import in the stub."""
    return [
        (f"core.{node.module}", alias.name, alias.asname or "")
        for node in ast.parse(STUB.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]


def test_the_stub_names_each_thing_once_and_as_it_is_called_where_it_is_defined() -> None:
    assert all(name == known for _, name, known in exported())
    assert sorted(name for _, name, _ in exported()) == sorted(vars(core.api)["__all__"])
    assert len(set(vars(core.api)["__all__"])) == len(vars(core.api)["__all__"])


@pytest.mark.parametrize(("module", "name", "known"), exported(), ids=lambda part: str(part))
def test_every_name_of_the_stub_is_there(module: str, name: str, known: str) -> None:
    assert getattr(core.api, known) is getattr(sys.modules[module], name)


def test_a_wrong_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        core.api.no_such_name  # type: ignore[attr-defined]  # noqa: B018


def test_a_type_checker_knows_every_name(tmp_path: Path) -> None:
    right = f"""{PREAMBLE}def show(workspace: Workspace) -> None:
    for rate in workspace.evaluation.win_rates():
        print(rate.a, rate.b, rate.win_rate_b)
    print(workspace.pipeline.snapshot().jobs, workspace.data.imported(), workspace.spending.summary().usd)
    print(workspace.training.samples("job"), workspace.commands.start(["compare"]), workspace.paths.root)
"""
    wrong = {
        "from core.api import NoSuchName\n": 'Module "core.api" has no attribute "NoSuchName"',
        "import core.api\n\ncore.api.no_such_name\n": 'Module has no attribute "no_such_name"',
        f"{PREAMBLE}def show(workspace: Workspace) -> None:\n    workspace.evaluation.no_such()\n": (
            '"EvaluationReader" has no attribute "no_such"'
        ),
        f"{PREAMBLE}def show(workspace: Workspace) -> None:\n    workspace.no_such_part\n": (
            '"Workspace" has no attribute "no_such_part"'
        ),
        f"{PREAMBLE}def show(workspace: Workspace) -> str:\n    return workspace.evaluation.win_rates()\n": (
            "Incompatible return value type"
        ),
        f"{PREAMBLE}def show(workspace: Workspace) -> None:\n    workspace.pipeline.events(job=1)\n": (
            'Argument "job" to "events" of "PipelineReader" has incompatible type "int"'
        ),
    }
    (tmp_path / "right.py").write_text(right)
    for number, code in enumerate(wrong):
        (tmp_path / f"wrong_{number}.py").write_text(code)
    ended = subprocess.run(
        [
            # As strict as the project's own check, whose cache it can use by that.
            *(sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")),
            *("--no-error-summary", "--show-absolute-path", "--hide-error-codes"),
            *("--cache-dir", str(ROOT / ".mypy_cache"), *map(str, sorted(tmp_path.glob("*.py")))),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    problems = ended.stdout.splitlines()
    assert not [line for line in problems if "right.py" in line], ended.stdout
    for number, expected in enumerate(wrong.values()):
        of_this = [line for line in problems if f"wrong_{number}.py" in line]
        assert any(expected in line for line in of_this), (expected, ended.stdout, ended.stderr)
    assert len(problems) == len(wrong), ended.stdout


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """All modules in a package."""
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)


def records() -> list[type]:
    """The records that core.api exports, those of spec and journal, and those of the commands' JSON."""
    found = [getattr(core.api, name) for name in vars(core.api)["__all__"]]
    for module in (core.jobs.settings, core.jobs.records, *modules(tui.cli.output)):
        found += [
            value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__
        ]
    return [
        one
        for one in found
        if inspect.isclass(one) and (dataclasses.is_dataclass(one) or issubclass(one, msgspec.Struct))
    ]


def fields_without_docstring(record: type) -> list[str]:
    """The public fields that `record` declares itself, and no base of it, without a docstring below."""
    of_bases = {name for base in record.__mro__[1:] for name in inspect.get_annotations(base)}
    source = ast.parse(Path(inspect.getfile(record)).read_text())
    (declared,) = (
        node for node in source.body if isinstance(node, ast.ClassDef) and node.name == record.__name__
    )
    found = []
    for field, below in itertools.zip_longest(declared.body, declared.body[1:]):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        is_documented = isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
        if not is_documented and not field.target.id.startswith("_") and field.target.id not in of_bases:
            found.append(field.target.id)
    return found


def test_each_field_of_a_public_record_has_a_docstring() -> None:
    found = records()
    expected = (
        core.api.Job,
        core.jobs.settings.SftSettings,
        core.jobs.records.Answer,
        tui.cli.output.json.JobRecord,
        tui.cli.output.workspace.config.ConfigReport,
    )
    assert set(expected) <= set(found)
    assert not {one.__name__: names for one in found if (names := fields_without_docstring(one))}


def public_values() -> Iterator[tuple[str, object]]:
    """The names of core.api, and all that the modules of core.domain and core.jobs define."""
    for name in vars(core.api)["__all__"]:
        yield name, getattr(core.api, name)
    for package in (core.domain, core.jobs):
        for module in modules(package):
            for name, value in vars(module).items():
                if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__:
                    yield f"{module.__name__}.{name}", value


def signatures(name: str, value: object) -> Iterator[tuple[str, str]]:
    """The signature of a function; of a class those of its public methods and properties, and its fields."""
    if inspect.isfunction(value):
        yield name, str(inspect.signature(value))
    elif inspect.isclass(value):
        for member, type_ in inspect.get_annotations(value).items():
            yield f"{name}.{member}", str(type_)
        for member, made in inspect.getmembers_static(value):
            match made:
                case property(fget=function) | cached_property(func=function):
                    pass
                case _:
                    function = getattr(made, "__func__", made)
            if not member.startswith("_") and inspect.isfunction(function):
                yield f"{name}.{member}", str(inspect.signature(function))


def test_no_public_signature_hides_a_type() -> None:
    """`Any` in one would turn the type checker off."""
    found = {own: shown for name, value in public_values() for own, shown in signatures(name, value)}
    assert {"Workspace.pipeline", "core.jobs.locks.is_held", "core.domain.jobs.job.Job.state"} <= found.keys()
    assert not [name for name, shown in found.items() if re.search(r"\bAny\b", shown)]
