"""Paths from files stay in their folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.paths import is_inside

parts = st.sampled_from(["..", ".", "a", "", "/", "\\", "C:", "\0", "b.csv", "~"])


@given(st.lists(parts, max_size=6).map("/".join) | st.lists(parts, max_size=6).map("".join) | st.text())
def test_what_is_inside_resolves_inside(name: str) -> None:
    if is_inside(name):
        root = Path("/there/is/none")
        assert (root / name).resolve().is_relative_to(root)


@pytest.mark.parametrize("name", ["a", "a/b.csv", "artifacts/jobs/x/1", "..a", "a..b"])
def test_usual_names_are_inside(name: str) -> None:
    assert is_inside(name)


@pytest.mark.parametrize(
    "name", ["", "..", "a/../b", "/a", "C:\\x", "C:x", "\\\\host\\x", "a\\..\\..\\b", "a\0"]
)
def test_others_are_refused(name: str, tmp_path: Path) -> None:
    assert not is_inside(name)
    with pytest.raises(UserError, match="not in the workspace"):
        WorkspacePaths(tmp_path).inside(name)


@pytest.mark.parametrize("name", ["..", "../../x", "a/../../../x", "a\0"])
def test_no_job_and_no_data_is_elsewhere(name: str, tmp_path: Path) -> None:
    workspace = WorkspacePaths(tmp_path)
    with pytest.raises(UserError, match="not in the workspace"):
        workspace.attempt(name, 1)
    with pytest.raises(UserError, match="not in the workspace"):
        workspace.dialogues(name)
