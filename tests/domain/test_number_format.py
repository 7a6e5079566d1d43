"""Shares, intervals and p-values are written in one way, by one function each."""

from __future__ import annotations

import ast
from pathlib import Path

import core
import tui
from core.domain.number_format import difference_interval, p_value, percent, percent_interval


def test_a_share_is_a_number_of_percent() -> None:
    assert (percent(0.574), percent(0.574, 1), percent(1)) == ("57 %", "57.4 %", "100 %")


def test_intervals_are_in_percent_and_in_points() -> None:
    assert percent_interval(0.42, 0.8904) == "42.0–89.0"
    # No minus before a zero.
    assert difference_interval(-0.0001, 0.051) == "+0.0 to +5.1"


def test_a_small_p_value_is_a_bound() -> None:
    assert (p_value(0.0429), p_value(0.0009), p_value(0.001)) == ("0.043", "< 0.001", "0.001")


def test_no_text_is_formatted_in_percent_by_other_means() -> None:
    for package in (core, tui):
        for path in Path(package.__path__[0]).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FormattedValue) and node.format_spec is not None:
                    assert not ast.unparse(node.format_spec).rstrip("'\"").endswith("%"), (path, node.lineno)
