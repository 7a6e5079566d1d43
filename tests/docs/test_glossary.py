"""The glossary: one definition a term, in alphabetical order."""

from __future__ import annotations

from itertools import pairwise

from tests.conftest import ROOT


def test_each_term_has_one_definition_in_order() -> None:
    rows = [line for line in (ROOT / "docs/glossary.md").read_text().splitlines() if line.startswith("| ")][
        1:
    ]
    terms = [row.split(" | ")[0].removeprefix("| ").casefold() for row in rows if not row.startswith("| ---")]
    assert len(terms) > 100
    assert not [(one, other) for one, other in pairwise(terms) if one >= other]
