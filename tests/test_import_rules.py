"""Rules about imports that no contract expresses; type-only imports count."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import grimp
import networkx as nx
import pytest

#: What a report says is what the services say, so that a screen and a report never differ.
REPORTS_READ = {"core.config", "core.dialogues", "core.domain", "core.jobs", "core.reports", "core.services"}


@pytest.fixture(scope="module")
def imports() -> grimp.ImportGraph:
    return grimp.build_graph("core", "tui", exclude_type_checking_imports=False)


def cycles(imports: grimp.ImportGraph, place: Callable[[str], str | None]) -> list[list[str]]:
    """Groups of places that import one another; `place` says where a module is, None to leave it out."""
    graph = nx.DiGraph()
    for importer in imports.modules:
        for imported in imports.find_modules_directly_imported_by(importer):
            ends = place(importer), place(imported)
            if ends[0] is not None and ends[1] is not None and ends[0] != ends[1]:
                graph.add_edge(*ends)
    return [sorted(found) for found in nx.strongly_connected_components(graph) if len(found) > 1]


def child_of(package: str, module: str) -> str | None:
    """The child of `package` that `module` is or is in; None if it is outside of the package."""
    depth = package.count(".") + 2
    return ".".join(module.split(".")[:depth]) if module.startswith(f"{package}.") else None


def test_no_modules_import_one_another(imports: grimp.ImportGraph) -> None:
    assert cycles(imports, lambda module: module) == []


def test_no_packages_import_one_another(imports: grimp.ImportGraph) -> None:
    """The packages and modules in each package are compared with one another."""
    for group in sorted(name for name in imports.modules if imports.find_children(name)):
        found = cycles(imports, partial(child_of, group))
        assert found == [], f"in {group}"


def test_reports_read_a_workspace_through_its_services_alone(imports: grimp.ImportGraph) -> None:
    modules = imports.find_descendants("core.reports")
    assert modules
    read = {
        child_of("core", imported)
        for module in modules
        for imported in imports.find_modules_directly_imported_by(module)
    }
    assert read <= REPORTS_READ


def test_a_cycle_would_be_found() -> None:
    graph = grimp.ImportGraph()
    for name in ("core", "core.a", "core.a.x", "core.b", "core.b.y"):
        graph.add_module(name)
    graph.add_import(importer="core.a.x", imported="core.b")
    graph.add_import(importer="core.b.y", imported="core.a.x")
    assert cycles(graph, lambda module: module) == []
    assert cycles(graph, partial(child_of, "core")) == [["core.a", "core.b"]]
