"""Every model family trains, answers and merges, or is refused, as docs/compatibility.md says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import PeftModel
from trl.trainer.base_trainer import _BaseTrainer

from docs.generator import compatibility as page
from tests.conftest import ROOT
from tests.students import compatibility, families, unusable
from tests.students.chat import chat_tokenizers
from tests.students.families import FAMILIES, Family

TEMPLATES = chat_tokenizers.trl_templates() | unusable.TEMPLATES
PAGE = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8").splitlines()


@pytest.fixture(autouse=True)
def _no_model_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    """PEFT and TRL write one with each checkpoint, from a template that they compile each time."""
    monkeypatch.setattr(PeftModel, "create_or_update_model_card", lambda *_, **__: None)
    monkeypatch.setattr(_BaseTrainer, "create_model_card", lambda *_, **__: None)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return families.load(FAMILIES[0], tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_family(family: Family, tmp_path: Path) -> None:
    outcome = compatibility.examine_family(family, tmp_path)
    _check(page.family_row(outcome))


@pytest.mark.parametrize("name", TEMPLATES)
def test_template(name: str, tmp_path: Path, model: Any) -> None:
    outcome = compatibility.examine_template(name, TEMPLATES[name], tmp_path, model)
    _check(page.template_row(outcome))


@pytest.mark.parametrize("name", unusable.DAMAGES)
def test_damage(name: str, tmp_path: Path) -> None:
    message = compatibility.examine_damage(name, tmp_path)
    assert message is not None
    _check(page.refused_row(name, message))


def _check(row: tuple[str, ...]) -> None:
    if page.line(row) not in PAGE:
        pytest.fail(f"run `python docs/generate.py`: docs/compatibility.md has not {page.line(row)}")


def test_the_page_has_a_row_for_each_and_no_other() -> None:
    of_models = PAGE[: PAGE.index("## Published folders")]
    rows = [line for line in of_models if line.startswith("| ")]
    heads = [line for line in of_models if line.startswith("| --- ")]
    assert len(rows) - 2 * len(heads) == len(FAMILIES) + len(TEMPLATES) + len(unusable.DAMAGES)
