"""A state.db that no process has open is read without leaving a file beside it."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.services.workspace import Workspace, open_workspace
from core.store import connections, resting, schema, workspace_settings
from core.store.connections import transaction
from core.store.jobs import job_events
from tests.support.workspaces.filled_workspace import fill

#: More than SQLite's cache of pages has room for, so that they are read from the file.
_ROWS = 3000


@pytest.fixture
def study(tmp_path: Path) -> WorkspacePaths:
    return fill(tmp_path / "study")


@pytest.fixture
def watched(study: WorkspacePaths) -> Iterator[Workspace]:
    with open_workspace(WorkspacePaths(study.root, read_only=True)) as workspace:
        yield workspace


def write(connection: sqlite3.Connection, value: str) -> None:
    """Give every row the same value."""
    with transaction(connection):
        connection.executemany(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)",
            [(f"row {n:04}", value * 500) for n in range(_ROWS)],
        )


def values(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT value FROM meta WHERE key LIKE 'row %'")
    return {value[0] for (value,) in rows}


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_nothing_is_left_behind(study: WorkspacePaths) -> None:
    before = names(study.root)
    with open_workspace(study) as workspace:
        assert workspace.pipeline.snapshot().dialogues.total
        assert names(study.root) == before
    assert names(study.root) == before


def test_a_writer_is_seen_from_its_start(study: WorkspacePaths, watched: Workspace) -> None:
    assert not watched.pipeline.snapshot().paused
    version = watched.pipeline.version()
    with closing(connections.writer(study.state)) as writer:
        assert watched.pipeline.version() != version
        for value in ("1", None, "1"):
            version = watched.pipeline.version()
            with transaction(writer):
                workspace_settings.set_setting(writer, "paused", value)
            assert watched.pipeline.version() != version
            assert watched.pipeline.snapshot().paused is (value is not None)


def test_a_link_is_at_rest_when_its_file_is(tmp_path: Path, study: WorkspacePaths) -> None:
    link = tmp_path / "state.db"
    link.symlink_to(study.state)
    assert resting.is_at_rest(link)
    with closing(connections.writer(study.state)) as writer:
        assert not resting.is_at_rest(link)
        with transaction(writer):
            workspace_settings.set_setting(writer, "paused", "1")
        with closing(connections.reader(link)) as reader:
            assert workspace_settings.setting(reader, "paused") == "1"


def test_a_writer_that_came_and_went_is_seen(study: WorkspacePaths, watched: Workspace) -> None:
    before = watched.pipeline.snapshot()
    with closing(connections.writer(study.state)) as writer, transaction(writer):
        job_events.add_event(writer, "of no job")
    assert watched.pipeline.snapshot() != before
    assert watched.pipeline.events(limit=1)[0].text == "of no job"
    assert names(study.root) == names(study.root) - {"state.db-wal", "state.db-shm"}


def test_what_was_begun_at_rest_is_read_as_it_was(study: WorkspacePaths) -> None:
    with closing(connections.writer(study.state)) as writer:
        write(writer, "a")
    with closing(connections.reader(study.state)) as reader:
        rows = iter(reader.execute("SELECT value FROM meta WHERE key LIKE 'row %' ORDER BY key"))
        read = [next(rows)]
        with closing(connections.writer(study.state)) as writer:
            # So much would be moved to the file.
            writer.execute("PRAGMA wal_autocheckpoint = 0")
            write(writer, "b")
            read += rows
            assert {value[0] for (value,) in read} == {"a"}
            assert len(read) == _ROWS
            assert values(reader) == {"a"}


def test_what_was_written_meanwhile_does_not_count(study: WorkspacePaths) -> None:
    with closing(connections.writer(study.state)) as writer:
        write(writer, "a")
    with closing(connections.reader(study.state)) as reader:
        rows = iter(reader.execute("SELECT value FROM meta WHERE key LIKE 'row %' ORDER BY key"))
        next(rows)
        with closing(connections.writer(study.state)) as writer:
            write(writer, "b")
        with pytest.raises(resting.StoreChangedError, match="was written while it was read: try again"):
            list(rows)
        for read in ("fetchone", "fetchall", "fetchmany"):
            with pytest.raises(resting.StoreChangedError):
                getattr(reader.cursor(), read)()


def test_it_is_read_again(study: WorkspacePaths, watched: Workspace) -> None:
    calls = 0

    def query(workspace: Workspace) -> bool:
        nonlocal calls
        calls += 1
        before = workspace.pipeline.version()
        if calls == 1:
            with closing(connections.writer(study.state)) as writer, transaction(writer):
                workspace_settings.set_setting(writer, "paused", "1")
            # Of the old connection.
            workspace._state._connection.execute("SELECT 1").fetchone()  # type: ignore[union-attr]
        return bool(before) and workspace.pipeline.snapshot().paused

    assert watched.read(query)
    assert calls == 2


def _write_until(path: Path, turns: int) -> None:
    for turn in range(turns):
        with closing(connections.writer(path)) as writer:
            write(writer, "ab"[turn % 2])


def test_no_row_of_another_time_is_read_while_writers_come_and_go(study: WorkspacePaths) -> None:
    """Each writer ends with a checkpoint, in which the pages of the file change one by one."""
    _write_until(study.state, 1)
    process = multiprocessing.get_context("spawn").Process(target=_write_until, args=(study.state, 30))
    process.start()
    seen: set[str] = set()

    def read() -> set[str]:
        with closing(connections.reader(study.state)) as reader:
            return values(reader)

    while process.is_alive():
        try:
            found = read()
        except resting.StoreChangedError:
            continue
        assert len(found) == 1
        seen |= found
    process.join()
    assert process.exitcode == 0
    assert seen == {"a", "b"}
    assert read() == {"b"}


@pytest.mark.parametrize("at_rest", [True, False])
def test_a_newer_schema_is_noticed_while_it_is_watched(
    study: WorkspacePaths, watched: Workspace, at_rest: bool
) -> None:
    with closing(connections.writer(study.state)) as other:
        if at_rest:
            other.close()
        watched.pipeline.snapshot()
        with closing(sqlite3.connect(study.state)) as newer:
            newer.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
        for _ in range(2):
            with pytest.raises(UserError, match=f"has schema version {schema.VERSION + 1}, and this program"):
                watched.pipeline.version()
        with closing(sqlite3.connect(study.state)) as newer:
            newer.execute(f"PRAGMA user_version = {schema.VERSION}")
        assert watched.pipeline.snapshot().dialogues.total
