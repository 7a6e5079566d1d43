"""A workspace that is open read-only: nothing in it changes, and nobody's permission to write is needed."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.pipeline import launch
from core.services.workspace import open_workspace
from core.store import connections, schema
from tests.support.workspaces.filled_workspace import fill

NOBODY = 65534


@pytest.fixture
def others() -> Iterator[Path]:
    """The root of a workspace that anybody may read, and only its owner write."""
    folder = Path(tempfile.mkdtemp())
    try:
        root = fill(folder / "study").root
        folder.chmod(0o755)
        for path in [root, *root.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        yield root
    finally:
        shutil.rmtree(folder)


def as_nobody(look: Callable[[], None]) -> BaseProcess:
    """Start `look` in a process of a user who may write nothing; it ends with 0 when all holds."""

    def run() -> None:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        look()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    return process


def ended_well(process: BaseProcess) -> bool:
    process.join(60)
    return process.exitcode == 0


def files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_without_permission_to_write(others: Path) -> None:
    before = files(others)

    def look() -> None:
        with open_workspace(WorkspacePaths(others, read_only=True)) as workspace:
            assert workspace.pipeline.snapshot().dialogues.total == 48
            assert {job.state for job in workspace.pipeline.snapshot().jobs} >= {"done", "running", "failed"}

    assert ended_well(as_nobody(look))
    assert files(others) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_what_its_owner_writes_meanwhile_is_seen(others: Path) -> None:
    """While the owner has it open, and from one time that nobody has to the next."""
    result, ready = os.pipe(), os.pipe()

    def look() -> None:
        with open_workspace(WorkspacePaths(others, read_only=True)) as workspace:
            assert not workspace.pipeline.snapshot().paused
            version = workspace.pipeline.version()
            os.write(ready[1], b"x")
            os.read(result[0], 1)
            assert workspace.pipeline.version() != version
            assert workspace.pipeline.snapshot().paused
            version = workspace.pipeline.version()
            os.write(ready[1], b"x")
            os.read(result[0], 1)
            assert workspace.pipeline.version() != version
            assert not workspace.pipeline.snapshot().paused

    process = as_nobody(look)
    set_paused = "INSERT OR REPLACE INTO meta VALUES ('paused', '1')"
    os.read(ready[0], 1)
    owner = connections.writer(others / "state.db")
    owner.execute(set_paused)
    os.write(result[1], b"x")
    os.read(ready[0], 1)
    owner.execute("DELETE FROM meta WHERE key = 'paused'")
    owner.close()
    os.write(result[1], b"x")
    assert ended_well(process)


def test_nothing_is_written_or_started(others: Path, tmp_path: Path) -> None:
    before = files(others)
    workspace = WorkspacePaths(others, read_only=True)
    commands = open_workspace(workspace).commands
    reading: tuple[Callable[[], object], ...] = (
        commands.start,
        commands.pause,
        commands.resume,
        commands.ensure_supervisor,
        lambda: commands.cancel("x"),
        lambda: commands.retry("x"),
        lambda: commands.fetch_data(lambda done, total: None),
    )
    for ask in reading:
        with pytest.raises(UserError, match="open read-only: open it with --write"):
            ask()
    with pytest.raises(UserError, match="open read-only"):
        launch.ensure(workspace)
    assert files(others) == before


def test_the_file_of_an_older_program_is_left_alone(others: Path) -> None:
    with closing(sqlite3.connect(others / "state.db")) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION - 1}")
    with (
        open_workspace(WorkspacePaths(others, read_only=True)) as workspace,
        pytest.raises(UserError, match=r"older version: it is migrated when .* with --write"),
    ):
        workspace.pipeline.snapshot()
