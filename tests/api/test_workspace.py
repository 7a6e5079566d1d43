"""The facade: how a workspace is opened, read from several threads, and closed."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from core.api import Snapshot, UserError, WorkspacePaths, create_workspace, open_workspace
from core.store import connections, workspace_settings


@pytest.fixture
def made(tmp_path: Path) -> WorkspacePaths:
    return create_workspace(tmp_path / "study")


def test_a_folder_by_path_by_text_and_by_the_current_one(
    made: WorkspacePaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.root)
    for folder in (made.root, str(made.root), made, None):
        with open_workspace(folder) as workspace:
            assert workspace.paths == made
            assert workspace.pipeline.snapshot().workspace == str(made.root)


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="init"):
        open_workspace(tmp_path / "absent")


def test_read_only_stays_read_only(made: WorkspacePaths) -> None:
    with open_workspace(made.root, read_only=True) as watched, open_workspace(watched.paths) as again:
        assert again.paths.read_only
        with pytest.raises(UserError, match="read-only"):
            again.commands.pause()


def test_a_request_that_was_lost_with_state_db_is_not_waited_for(made: WorkspacePaths) -> None:
    with open_workspace(made) as workspace, pytest.raises(UserError, match="does not have this request"):
        workspace.commands.wait(1)


def test_each_thread_opens_its_own(made: WorkspacePaths) -> None:
    found: list[Snapshot] = []

    def look() -> None:
        with open_workspace(workspace.paths) as own:
            found.append(own.pipeline.snapshot())

    with open_workspace(made) as workspace:
        here = workspace.pipeline.snapshot()
        thread = threading.Thread(target=look)
        thread.start()
        thread.join()
    assert found == [here]


def test_what_was_closed_can_be_read_again_and_shows_what_changed_meanwhile(made: WorkspacePaths) -> None:
    workspace = open_workspace(made)
    assert not workspace.pipeline.snapshot().paused
    workspace.close()
    with closing(connections.writer(made.state)) as connection:
        workspace_settings.set_setting(connection, "paused", "1")
    assert workspace.pipeline.snapshot().paused
    workspace.close()
