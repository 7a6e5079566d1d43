"""Code blocks of the pages: what stands in a block of a language can be parsed as that language."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec.yaml
import pytest

from tests.conftest import ROOT

PARSERS: dict[str, Callable[[str], object]] = {
    "toml": tomllib.loads,
    "yaml": msgspec.yaml.decode,
    "json": json.loads,
    "python": ast.parse,
}
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[Path, int, str, str]]:
    """Returns page, line, language and text of each block that has a parser here."""
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return [
        (page.relative_to(ROOT), text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for page in pages
        for text in [page.read_text()]
        for found in BLOCK.finditer(text)
        if found[1] in PARSERS
    ]


@pytest.mark.parametrize(("page", "line", "language", "text"), blocks(), ids=lambda value: str(value)[:40])
def test_block_is_valid(page: Path, line: int, language: str, text: str) -> None:
    try:
        PARSERS[language](text)
    except (ValueError, SyntaxError) as error:
        pytest.fail(f"{page}:{line}: not valid {language}: {error}")


def test_layers_are_drawn_one_a_line() -> None:
    drawing = BLOCK.search((ROOT / "ARCHITECTURE.md").read_text().replace("```\ntui", "```text\ntui"))
    assert drawing is not None
    lines = drawing[2].splitlines()
    for package in (
        "web",
        "dialogs",
        "components",
        "reports",
        "services",
        "publishing",
        "students",
        "domain",
    ):
        assert sum(line[7:].split(" ")[0] == package for line in lines) == 1, package
