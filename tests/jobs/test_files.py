"""Files are as private as the folder of their workspace."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.jobs import files
from core.services.creation.workspace_creation import create_workspace


@pytest.fixture(autouse=True)
def _same_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o022, 0o644), (0o027, 0o640)])
def test_the_umask_holds(tmp_path: Path, umask: int, mode: int) -> None:
    os.umask(umask)
    files.write_bytes(tmp_path / "x", b"")
    assert _mode(tmp_path / "x") == mode


@pytest.mark.parametrize(("folder", "mode"), [(0o700, 0o600), (0o755, 0o644), (0o750, 0o640)])
def test_a_workspaces_folder_says_how_private_its_files_are(tmp_path: Path, folder: int, mode: int) -> None:
    tmp_path.chmod(folder)
    files.keep_private(tmp_path)
    files.write_bytes(tmp_path / "x", b"")
    assert _mode(tmp_path / "x") == mode


def test_a_new_workspace_is_private(tmp_path: Path) -> None:
    paths = create_workspace(tmp_path / "study")
    assert _mode(paths.root) == 0o700
    assert {_mode(path) for path in paths.root.iterdir() if path.is_file()} <= {0o600}
