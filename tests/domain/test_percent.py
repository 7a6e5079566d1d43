"""A share in percent is spelled in one way, by one function."""

from __future__ import annotations

import ast
from pathlib import Path

import core
import tui
from core.domain.percent import percent


def test_a_share_is_a_number_of_percent() -> None:
    assert (percent(0.574), percent(0.574, 1), percent(1)) == ("57 %", "57.4 %", "100 %")


def test_no_text_is_formatted_in_percent_by_other_means() -> None:
    for package in (core, tui):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
                    assert not ast.unparse(node.format_spec).rstrip("'\"").endswith("%"), (path, node.lineno)
