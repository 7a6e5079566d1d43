"""Every model family trains, answers and merges, or is refused with the reason, as docs/compatibility.md says."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.students import compatibility, families
from tests.students.families import FAMILIES, Family


@pytest.fixture(autouse=True, scope="module")
def _quick_garbage_collection() -> Iterator[None]:
    """Training collects garbage, which takes long among the objects of many libraries."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return families.load(FAMILIES[0], tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_family(family: Family, tmp_path: Path) -> None:
    print(compatibility.examine_family(family, tmp_path))


@pytest.mark.parametrize("template", families.templates())
def test_template(template: str, tmp_path: Path, model: Any) -> None:
    print(compatibility.examine_template(template, tmp_path, model))
