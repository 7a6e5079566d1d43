"""Attempts whose files go through a storage, without an engine."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.jobs.context import CANCEL
from core.pipeline.engines import transfers
from core.pipeline.engines.transfers import Transfers
from core.pipeline.storage.storage import Storage
from tests.support import waiting
from tests.support.records import job_attempts, made_settings


def test_an_attempt_that_ends_while_its_upload_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_asked, may_go_on = threading.Event(), threading.Event()
    size = Storage.size

    def size_later(storage: Storage, name: str) -> int | None:
        is_asked.set()
        may_go_on.wait(waiting.LIMIT_S)
        return size(storage, name)

    monkeypatch.setattr(Storage, "size", size_later)
    monkeypatch.setattr(transfers, "LOOK_S", 0.05)
    workspace = WorkspacePaths(tmp_path)
    folder = job_attempts.attempt(workspace.attempt("recipe-0", 1), [], made_settings.recipe())
    made = Transfers(workspace)
    made.begin(folder, "file:///no-such-folder-here/prefix", "task", "worker")
    assert is_asked.wait(waiting.LIMIT_S)
    (folder / CANCEL).touch()
    assert not made.end(folder)
    may_go_on.set()

    def has_ended() -> bool:
        made.step()
        return made.end(folder)

    waiting.wait_until(has_ended, "the end of the attempt", show=made.problem)
    made.close()
