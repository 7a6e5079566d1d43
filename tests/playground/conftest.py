from __future__ import annotations

from collections.abc import Iterator

import pytest

from core.config.workspace import WorkspacePaths
from tests.support.processes.playing import playing
from tests.support.workspaces import playground_workspace


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkspacePaths]:
    """One workspace for a module's tests, with a process that has loaded PyTorch."""
    workspace = playground_workspace.make(tmp_path_factory.mktemp("made") / "study")
    with playing(workspace):
        yield workspace
    playground_workspace.end(workspace)
