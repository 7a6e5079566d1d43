"""A workspace with comparisons in every state."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from tests.support.workspaces import win_rate_workspace


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: its results take seconds."""
    return win_rate_workspace.make(tmp_path_factory.mktemp("judged") / "study").root


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WorkspacePaths:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copytree(made, tmp_path / "study")
    return WorkspacePaths(tmp_path / "study")
