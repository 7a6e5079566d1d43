"""config.toml: what ships holds, and what does not hold is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core import config
from core.commands import TEMPLATES
from core.errors import UserError
from tests.conftest import ROOT


@pytest.mark.parametrize(
    "path", [*TEMPLATES.glob("*.toml"), ROOT / "config.toml"], ids=lambda path: path.name
)
def test_what_ships_holds(path: Path) -> None:
    assert config.load(path).students


def test_the_default_templates_values_are_the_defaults() -> None:
    template = config.load(TEMPLATES / "default.toml")
    assert (template.sft, template.dpo, template.lora) == (config.Training(), config.Dpo(), config.Lora())
    assert (template.slots, template.responding) == (config.Slots(), config.Responding())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[sft]\nbeta = 1", "sft: .*unknown field `beta`"),
        ("[sft]\nlearning_rate = 0", "sft.learning_rate"),
        ("[recipes]\npairing = 'loose'", "recipes.pairing.*'loose'"),
        ("[students.a]\n", "students.*`model`"),
        ("[students.'a/b']\nmodel = 'x'", "a name is made of letters"),
        ("[runs]\nstages = ['sft-dpo']", "goes on from 'sft'"),
        ("x =", "not valid TOML"),
    ],
)
def test_what_does_not_hold_is_named(text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        config.parse(text)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="empathy-tui init"):
        config.load(tmp_path / "config.toml")
