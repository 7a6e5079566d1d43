"""Text from outside in Markdown: none of it is markup."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

from core.domain.text import visible


def escaped(text: str) -> str:
    """Text without line breaks in which Markdown has no markup."""
    return re.sub(r"([\\`*_{}\[\]<>#!|~&])", r"\\\1", visible(" ".join(text.split())))


def code(text: str) -> str:
    """A code span: its fence is longer than any run of backticks in the text."""
    text = visible(" ".join(text.split()))
    fence = "`" * (_longest_run_of_backticks(text) + 1)
    padding = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def code_block(text: str, language: str = "") -> str:
    """A fenced code block: its fence is longer than any run of backticks in the text."""
    text = visible(text, lines=True)
    fence = "`" * max(3, _longest_run_of_backticks(text) + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def settings_table(title: str, rows: Mapping[str, object]) -> str:
    """A table of names and values, which are shown as JSON."""
    return table((title, "value"), [(key, in_table(code(json.dumps(value)))) for key, value in rows.items()])


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are Markdown already, as `in_table` makes code spans fit for it."""
    lines = (titles, ["---"] * len(titles), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def in_table(span: str) -> str:
    """A code span as a table's cell: a bar would end the cell."""
    return span.replace("|", "\\|")


def _longest_run_of_backticks(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
