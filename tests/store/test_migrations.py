"""A state.db of an older version becomes today's, with everything in it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlite_utils import Database, Migrations

from core.config.workspace import WorkspacePaths
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.services.workspace import open_workspace
from core.store import connections, schema, workspace_settings
from core.store.connections import transaction
from core.store.dialogues import dialogues
from core.store.jobs import job_attempts, job_queries, jobs
from tests.support import waiting
from tests.support.records import made_results, made_settings
from tests.support.records.made_settings import planned
from tests.support.records.stored_metrics import stored_metrics

RESULT = msgspec.json.encode(made_results.recipe()).decode()
IMPORTED = ImportedData("all", "train", "test", ("chatgpt",), "some.csv", "0" * 64)


def first_version(path: Path) -> Path:
    """A file as the first version made it, with rows in every table."""
    migrations = Migrations("empathy-tui")

    @migrations(name="initial")
    def initial(db: Database) -> None:
        for statement in (schema.MIGRATIONS / "0001_initial.sql").read_text().split(";\n"):
            if statement.strip():
                db.execute(statement)

    database = Database(path)
    database.execute("PRAGMA journal_mode = WAL").fetchone()
    migrations.apply(database)
    database.execute("PRAGMA user_version = 1")
    database.close()
    imported = msgspec.json.encode(IMPORTED).decode()
    rows: dict[str, list[tuple[Any, ...]]] = {
        "meta": [("paused", "1"), ("data", imported)],
        "dialogues": [
            ("d1", 0, "sad", "negative", "sadness", "It rained.", "All day\nlong.", "train"),
            ("d2", 1, "glad", "positive", "joy", "It cleared up.", "At last.", "test"),
        ],
        "ratings": [(d, s, f"{s} to {d}", 3) for d in ("d1", "d2") for s in ("chatgpt", "human")],
        "imports": [(1, 10.0, "some.csv", "0" * 64, IMPORTED.data)],
        # Not in the order of their ids: the order of asking is that of the rows.
        "jobs": [
            (*asked, "{}", *ends)
            for asked, ends in (
                (
                    ("recipe-b", "recipe", "b", "print b", "cpu", "done", '{"stage": "recipe"}'),
                    _ending(None, RESULT),
                ),
                (
                    ("compare-a", "compare", "a", "print a", "api", "failed", '{"stage": "compare"}'),
                    _ending("why", None),
                ),
                (
                    ("sft-c", "sft", "c", "print c", "gpu", "waiting", '{"stage": "sft"}'),
                    ("[]", 2.5, 0, *[None] * 7),
                ),
            )
        ],
        "attempts": [
            ("compare-a", 1, "one", "lost", 7, "here", 2.0, 2.5, 9, 99, 1, None, "died"),
            ("compare-a", 2, "two", "failed", 8, "here", 2.6, 3.0, 3, 33, None, 2.9, "why"),
            ("recipe-b", 1, "three", "done", 9, "here", 2.0, 3.0, 5, 55, 4, None, None),
        ],
        "metrics": [("sft-c", 1, 2.0, '{"loss": 1.5}')],
        "samples": [("sft-c", 1, "d2", "an answer")],
        "responses": [("sft-c", "d2", "an answer\u2028", "stop")],
        "verdicts": [("compare-a", "d2", "ab", "tie", "raw")],
        "artifacts": [("recipe-b", "sft", 1, "artifacts/sft.jsonl", "f" * 64, 12)],
        "events": [(1, 2.0, "recipe-b", 1, "running"), (2, 3.0, None, None, "hello")],
        "intents": [
            (1, "start", '{"targets": []}', 1.0, "done", '{"n": 1}', None, 1.5),
            (2, "pause", "{}", 2.0, "pending", None, None, None),
        ],
    }
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        for table, found in rows.items():
            marks = ", ".join("?" * len(found[0]))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", found)
    return path


def _ending(error: str | None, result: str | None) -> tuple[Any, ...]:
    """A job's columns from `depends_on` on."""
    return ('["recipe-x"]', 1.5, 2, 2.0, 3.0, 1, 9, 5.5, error, result)


def tables(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables but SQLite's and the migrations' own."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
            if not name.startswith(("sqlite_", "_sqlite_"))
        ]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def shape(path: Path) -> set[tuple[str, str]]:
    """(name, SQL) of every table and index, white space and quotes aside."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    return {(name, " ".join(sql.replace('"', "").split())) for name, sql in found}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return first_version(tmp_path / "state.db")


def test_every_row_is_kept(old: Path) -> None:
    before = tables(old)
    assert all(before.values())
    assert not connections.is_ready(old)
    connections.writer(old).close()
    assert connections.is_ready(old)
    after = tables(old)
    new = set(after) - set(before)
    assert new == {"submissions", "submission_states", "answers", "votes", "warnings", "run_notes", "engines"}
    assert not any(after[name] for name in new)
    before["jobs"] = [(*row, None) for row in before["jobs"]]
    before["verdicts"] = [(*row[:3], 1, *row[3:], *[None] * 4) for row in before["verdicts"]]
    before["attempts"] = [(*row, None) for row in before["attempts"]]
    before["jobs"] = [(*row, 0, 1, 0, None, 0) for row in before["jobs"]]
    before["attempts"] = [(*row, None, 0, "local", None, 1) for row in before["attempts"]]
    assert {name: after[name] for name in before} == before


def test_it_ends_as_a_new_file_begins(old: Path, tmp_path: Path) -> None:
    connections.writer(old).close()
    connections.writer(tmp_path / "new.db").close()
    assert shape(old) == shape(tmp_path / "new.db")


def test_foreign_keys_hold_and_are_those_of_the_new_table(old: Path) -> None:
    with closing(connections.writer(old)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for table in ("attempts", "metrics", "samples", "responses", "verdicts", "artifacts", "submissions"):
            (found,) = connection.execute(f"PRAGMA foreign_key_list({table})").fetchall()
            assert found["table"] == "jobs"
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO metrics VALUES ('nobody', 1, 1.0, '{}')")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("DELETE FROM jobs WHERE id = 'sft-c'")


def test_what_was_there_is_read_as_before(old: Path) -> None:
    with closing(connections.writer(old)) as connection:
        assert dialogues.imported(connection) == IMPORTED
        assert list(job_queries.jobs(connection)) == ["recipe-b", "compare-a", "sft-c"]
        job = job_queries.jobs(connection)["compare-a"]
        assert (job.state, job.error, job.attempt, job.done, job.total) == ("failed", "why", 2, 1, 9)
        assert [a.number for a in job_attempts.attempts(connection, job="compare-a")] == [2, 1]
        assert list(stored_metrics(connection, "sft-c").values()) == [{"loss": 1.5}]
        assert workspace_settings.setting(connection, "paused") == "1"


def test_a_job_that_waits_for_batches_can_be_put(old: Path) -> None:
    new = planned("generate-d", "recipe-b", settings=made_settings.generate(), slot="batch")
    with closing(connections.writer(old)) as connection:
        with transaction(connection):
            assert jobs.put(connection, [new]) == ["generate-d"]
        found = jobs.get(connection, "generate-d")
        assert found is not None
        assert found.job.slot == "batch"
        assert jobs.released(connection) == ["sft-c", "generate-d"]
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("UPDATE jobs SET slot = 'tpu'")


def test_whoever_only_reads_sees_it_too(old: Path) -> None:
    """A reader that took an older file for an empty one would show no data where there is some."""
    with open_workspace(WorkspacePaths(old.parent)) as workspace:
        snapshot = workspace.pipeline.snapshot()
        assert snapshot.dialogues.total == 2
        assert snapshot.paused
        assert [job.id for job in workspace.pipeline.jobs(["recipe-b"])] == ["recipe-b"]


def test_a_migration_that_fails_leaves_the_file_as_it_was(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("CREATE TABLE answers (theirs TEXT)")
    before = tables(old), shape(old)
    for opened in (connections.writer, connections.upgrade):
        with pytest.raises(UserError, match=str(old)):
            opened(old)
    assert (tables(old), shape(old)) == before
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 1
        connection.execute("DROP TABLE answers")
    connections.writer(old).close()
    assert connections.is_ready(old)


def test_killed_between_the_tables_and_the_version(old: Path) -> None:
    connections.writer(old).close()
    before = tables(old)
    with closing(sqlite3.connect(old)) as connection:
        connection.execute("PRAGMA user_version = 1")
    connections.writer(old).close()
    assert connections.is_ready(old)
    assert tables(old) == before


def test_several_processes_upgrade_at_once(old: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from core.store import connections, intents;"
        "connection = connections.writer(Path(sys.argv[1])); intents.add(connection, intents.Resume())"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(old)]) for _ in range(3)]
    assert [waiting.wait_for_exit(process) for process in processes] == [0] * 3
    assert len(tables(old)["intents"]) == 5
    assert len(tables(old)["jobs"]) == 3
