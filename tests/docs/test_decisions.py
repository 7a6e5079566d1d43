"""The index of decisions: each file once, in order, under its own title."""

from __future__ import annotations

from tests.conftest import ROOT


def test_each_decision_is_listed_once_in_order() -> None:
    folder = ROOT / "docs/decisions"
    files = sorted(path for path in folder.glob("*.md") if path.name != "README.md")
    titles = [path.read_text().splitlines()[0].removeprefix("# ") for path in files]
    rows = [line for line in (folder / "README.md").read_text().splitlines() if line.startswith("- ")]
    assert rows == [f"- [{title}]({path.name})" for title, path in zip(titles, files, strict=True)]
