"""Every model family trains, answers and merges, or is refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.students.compatibility")

from tests.students import compatibility
from tests.students.families import FAMILIES, Family


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.model_type)
def test_family(family: Family, tmp_path: Path) -> None:
    found = compatibility.examine(family, tmp_path)
    print(found.modules, found.refused)
