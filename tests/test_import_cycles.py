"""No module and no package imports itself, whatever the way round: type-only imports count."""

from __future__ import annotations

from collections.abc import Callable

import grimp
import networkx as nx
import pytest

#: Packages whose own packages are compared with one another.
GROUPS = ("core", "tui", "tui.screens")


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


def test_no_modules_import_one_another(imports: grimp.ImportGraph) -> None:
    assert cycles(imports, lambda module: module) == []


@pytest.mark.parametrize("group", GROUPS)
def test_no_packages_import_one_another(imports: grimp.ImportGraph, group: str) -> None:
    depth = group.count(".") + 2

    def package(module: str) -> str | None:
        return ".".join(module.split(".")[:depth]) if module.startswith(f"{group}.") else None

    assert cycles(imports, package) == []


def test_a_cycle_would_be_found() -> None:
    graph = grimp.ImportGraph()
    for name in ("core", "core.a", "core.a.x", "core.b", "core.b.y"):
        graph.add_module(name)
    graph.add_import(importer="core.a.x", imported="core.b")
    graph.add_import(importer="core.b.y", imported="core.a.x")
    assert cycles(graph, lambda module: module) == []
    assert cycles(graph, lambda module: ".".join(module.split(".")[:2])) == [["core.a", "core.b"]]
