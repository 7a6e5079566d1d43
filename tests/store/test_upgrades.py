"""A state.db of each schema version that was ever released is upgraded with all its rows, after a backup."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.pipeline.rebuilding import rebuild
from core.services.workspace import open_workspace
from core.store import backups, connections, schema
from core.store.jobs import job_queries
from tests.store import dump_schema
from tests.store.test_migrations import shape
from tests.support.records import made_results

#: 0.2.0 had 3. Every version since has a file, today's included.
VERSIONS = range(3, schema.VERSION + 1)
OLDER = VERSIONS[:-1]


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """All rows of all tables but SQLite's and the migrations' own, by column."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        names = [
            row["name"]
            for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not row["name"].startswith(("sqlite_", "_sqlite_"))
        ]
        return {name: [dict(row) for row in connection.execute(f"SELECT * FROM {name}")] for name in names}


def test_every_row_of_every_column_is_kept(tmp_path: Path, version: int) -> None:
    state = dump_schema.load(version, tmp_path / "state.db")
    before = rows(state)
    assert all(before.values())
    connections.writer(state).close()
    after = rows(state)
    for table, found in before.items():
        assert [{name: row[name] for name in found[0]} for row in after[table]] == found, table
    connections.writer(tmp_path / "new.db").close()
    assert shape(state) == shape(tmp_path / "new.db")
    with closing(sqlite3.connect(state)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_metrics_that_had_other_names_are_kept(tmp_path: Path) -> None:
    state = dump_schema.load(13, tmp_path / "state.db")
    result = made_results.compared(lc_differs=True, probability_win_rate_b=0.6)
    text = msgspec.json.encode(result).decode()
    for now, before in made_results.FORMER_NAMES.items():
        text = text.replace(f'"{now}":', f'"{before}":')
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("UPDATE jobs SET stage = 'compare', state = 'done', result = ?", (text,))
        connection.commit()
    with closing(connections.writer(state)) as connection:
        assert job_queries.results(connection, ["sft-1"]) == {"sft-1": result}


def test_each_version_has_a_migration() -> None:
    numbers = [int(file.name.partition("_")[0]) for file in sorted(schema.MIGRATIONS.iterdir())]
    assert numbers == list(range(1, schema.VERSION + 1))


@pytest.mark.parametrize("version", OLDER)
def test_it_is_readable_and_backed_up(tmp_path: Path, version: int) -> None:
    state = dump_schema.load(version, tmp_path / "state.db")
    before = rows(state), shape(state)
    with open_workspace(WorkspacePaths(tmp_path)) as workspace:
        found = workspace.pipeline.jobs(["sft-1"])
    assert [(job.id, job.state) for job in found] == [("sft-1", "failed")]
    kept = backups.backup_path(state, version)
    assert (rows(kept), shape(kept)) == before
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version
    # It is a state.db like any other: put back, it is upgraded again.
    for path in tmp_path.glob("state.db-*"):
        path.unlink()
    shutil.copyfile(kept, state)
    connections.writer(state).close()
    assert connections.is_ready(state)


def test_a_migration_that_was_cut_short_keeps_its_backup(tmp_path: Path) -> None:
    state = dump_schema.load(OLDER[0], tmp_path / "state.db")
    before = shape(state)
    connections.writer(state).close()
    with closing(sqlite3.connect(state)) as connection:
        connection.execute(f"PRAGMA user_version = {OLDER[0]}")
    connections.writer(state).close()
    assert connections.is_ready(state)
    assert shape(backups.backup_path(state, OLDER[0])) == before


def test_without_room_for_a_backup_nothing_is_migrated(tmp_path: Path) -> None:
    state = dump_schema.load(OLDER[0], tmp_path / "state.db")
    before = rows(state), shape(state)
    # As a full disk, or a folder of somebody else, would: the backup cannot be written.
    (tmp_path / f".{backups.backup_path(state, OLDER[0]).name}").mkdir()
    with pytest.raises(UserError, match=str(state)):
        connections.writer(state)
    assert (rows(state), shape(state)) == before


@pytest.mark.parametrize("column", ["settings", "result"])
def test_a_version_that_was_never_released_is_refused_and_left_alone(tmp_path: Path, column: str) -> None:
    """0.1.0 had the schema of 0.2.0, and nothing in the JSON of its jobs named the stage."""
    state = dump_schema.load(OLDER[0], tmp_path / "state.db")
    with closing(sqlite3.connect(state)) as connection:
        connection.execute(f"UPDATE jobs SET {column} = ?", ('{"n": 16}',))
        connection.commit()
    before = state.read_bytes()
    paths = WorkspacePaths(tmp_path)

    def look(read_only: bool) -> object:
        with open_workspace(paths, read_only=read_only) as workspace:
            return workspace.pipeline.snapshot()

    opening: tuple[Callable[[], object], ...] = (
        lambda: connections.writer(state),
        lambda: connections.upgrade(state),
        lambda: look(read_only=False),
        lambda: look(read_only=True),
        lambda: rebuild.rebuild(paths),
    )
    for opened in opening:
        with pytest.raises(UserError, match=r"written by version 0\.1\.0, .* `empathy-tui init`"):
            opened()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"state.db": before}


@pytest.mark.parametrize("newer", [schema.VERSION + 1, 99, 2**31 - 1])
def test_a_newer_version_is_refused_and_left_alone(tmp_path: Path, newer: int) -> None:
    state = dump_schema.load(VERSIONS[-1], tmp_path / "state.db")
    with closing(sqlite3.connect(state)) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    before = state.read_bytes()
    for opened in (connections.writer, connections.reader):
        with pytest.raises(UserError, match=f"has schema version {newer}, and this program knows"):
            opened(state)
    assert state.read_bytes() == before


def test_a_fresh_file_and_todays_have_no_backup(tmp_path: Path) -> None:
    connections.writer(tmp_path / "new.db").close()
    connections.writer(dump_schema.load(schema.VERSION, tmp_path / "state.db")).close()
    assert list(tmp_path.glob("*.bak")) == []
