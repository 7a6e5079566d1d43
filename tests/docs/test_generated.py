"""The generated docs: the committed files are current, and each command and option is described."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from core.config import reference
from docs.generate import ROOT, is_stale, pages
from docs.generator import commands, configuration
from docs.generator.markdown import between, table
from tests.conftest import ROOT as REPOSITORY

PAGES = dict(pages())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_committed_pages_are_current(path: Path) -> None:
    assert not is_stale(path, PAGES[path]), (
        f"run `python docs/generate.py`: {path.relative_to(ROOT)} is stale"
    )


def test_a_changed_or_missing_file_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    assert is_stale(path, "text")
    path.write_text("old text")
    assert is_stale(path, "text")
    path.write_text("text")
    assert not is_stale(path, "text")


def test_every_command_is_documented_with_an_example() -> None:
    sections = commands.page().split("\n## ")[1:]
    assert {"empathy-tui", "empathy-tui run", "empathy-tui batches show"} <= {
        s.splitlines()[0] for s in sections
    }
    for section in sections:
        name = section.splitlines()[0]
        assert f"Usage: {name} " in section
        assert f"  {name}" in section.partition("Example")[2], f"{name} --help has no example"


def test_readme_lists_every_command_once() -> None:
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    assert readme.count(commands.summary()) == 1
    assert "| `cancel JOB` |" in commands.summary()


def test_options_show_their_type_range_default_and_meaning() -> None:
    page = configuration.page()
    assert "| `learning_rate` | number, > 0 | `5e-06` | Peak learning rate. |" in page
    assert "| `top_logprobs` | integer, 2 to 20 | not set |" in page
    assert '| `mode` | `"batch"`, `"live"` | `"live"` |' in page
    for title in ("[slots]", "[teachers.NAME]", "[prices.models.NAME]", "[[comparisons.extra]]", "[app]"):
        assert f"\n## `{title}`\n" in page


class _Undocumented(msgspec.Struct):
    described: int = 1
    """A field."""
    other: int = 2


def test_an_option_without_a_description_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"_Undocumented\.other has no docstring"):
        reference.field_docstrings(_Undocumented)


def test_text_between_markers_is_replaced() -> None:
    text = "before\n<!-- x: begin -->\nold\n<!-- x: end -->\nafter\n"
    new = between(text, "x", "new\n")
    assert new == text.replace("old", "new")
    assert between(new, "x", "new\n") == new


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        "<!-- x: begin -->\n",
        "<!-- x: end -->\n<!-- x: begin -->\n",
        "<!-- x: begin -->\n<!-- x: begin -->\n<!-- x: end -->\n",
    ],
)
def test_missing_or_repeated_markers_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="x: begin"):
        between(text, "x", "new")


def test_tables() -> None:
    assert table(("a", "b"), [("1", "2")]) == "| a | b |\n| --- | --- |\n| 1 | 2 |\n"
