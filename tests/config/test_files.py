"""Files of a workspace that are none: they are named, and nobody waits for a pipe."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.config.load import load_config
from core.config.schema import Definition
from core.config.workspace import Appearance, WorkspacePaths
from core.domain.errors import UserError
from core.prompts import templates
from core.recipes import own_strategies, strategies
from core.services.workspace import open_workspace

KINDS = ("pipe", "folder", "loop")


def make(path: Path, kind: str) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    if kind == "loop":
        path.symlink_to(path.name)
    else:
        (os.mkfifo if kind == "pipe" else os.mkdir)(path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_config_toml(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "config.toml"
    make(path, kind)
    with pytest.raises(UserError, match=r"config\.toml is a .*: move it away, and create one"):
        load_config(path)
    assert WorkspacePaths(tmp_path).appearance() == Appearance()
    with open_workspace(tmp_path) as workspace:
        assert "move it away" in str(workspace.pipeline.snapshot().config_error)


@pytest.mark.parametrize("kind", KINDS)
def test_prompts(tmp_path: Path, kind: str) -> None:
    own = next(iter(strategies.STRATEGIES))
    make(tmp_path / f"{own}.txt", kind)
    make(own_strategies.file(tmp_path, "mine"), kind)
    if kind != "loop":
        # A link to nothing is no override.
        with pytest.raises(UserError, match=r"\.txt is a .*, not a file: move it away"):
            templates.load(own, tmp_path)
    with pytest.raises(UserError, match=r"mine\.txt is a .*: move it away"):
        own_strategies.load(tmp_path, "mine", Definition())
