"""The journals of many attempts land in the store together, and none costs another a record."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import Done, Progress, ResponseRecord, Warned
from core.pipeline.supervision import ingest
from core.pipeline.supervision.ingest import Ingested
from core.store import connections
from core.store.connections import transaction
from core.store.jobs import job_attempts, jobs
from tests.support.processes.forking import ForkedProcess, preload
from tests.support.records import made_results, made_settings

preload(__name__)

DONE = Done(made_results.judge())
#: What the store of these tests does not take, by a trigger.
UNFIT = ResponseRecord("d2", "unfit", "stop")


class Together:
    """A store with running attempts, each with a journal."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.connection = connections.writer(root / "state.db")
        self.connection.execute(
            "CREATE TRIGGER IF NOT EXISTS unfit BEFORE INSERT ON responses WHEN NEW.text = 'unfit'"
            " BEGIN SELECT RAISE(ABORT, 'it does not fit'); END"
        )

    def add(self, job: str) -> Journal:
        folder = f"artifacts/jobs/{job}/1"
        (self.root / folder).mkdir(parents=True)
        with transaction(self.connection):
            jobs.put(self.connection, [made_settings.planned(job)])
            job_attempts.begin_attempt(self.connection, job, 1, folder)
        return Journal(self.root / folder)

    def ingest(self) -> Iterator[tuple[str, Ingested]]:
        running = job_attempts.attempts(self.connection, state="running")
        for attempt, ingested in ingest.ingest_all(self.connection, self.root, running):
            yield attempt.job, ingested

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        queries = {
            "jobs": "SELECT id, state, done, error, result FROM jobs ORDER BY id",
            "attempts": "SELECT job, state, seq, offset, error FROM attempts ORDER BY job",
            "responses": "SELECT * FROM responses ORDER BY 1, 2",
            "warnings": "SELECT job, text, times FROM warnings ORDER BY 1, 2",
            "events": "SELECT job, attempt, text FROM events ORDER BY job, id",
        }
        return {name: [tuple(row) for row in self.connection.execute(sql)] for name, sql in queries.items()}


@pytest.fixture
def together(imported_workspace: Path, tmp_path: Path) -> Iterator[Together]:
    shutil.copyfile(imported_workspace / "state.db", tmp_path / "state.db")
    made = Together(tmp_path)
    with closing(made.connection):
        yield made


def _write_all(together: Together) -> None:
    """Attempts that end, go on, have a record that does not fit, and have a line that is none."""
    for job in ("a", "e"):
        together.add(job).write(ResponseRecord("d1", job, "stop"), Warned("twice"), Warned("twice"), DONE)
    together.add("b").write(ResponseRecord("d1", "b", "stop"), Warned("once"), UNFIT, DONE)
    damaged = together.add("c")
    damaged.write(ResponseRecord("d1", "c", "stop"))
    with (together.root / "artifacts/jobs/c/1" / journal.NAME).open("ab") as file:
        file.write(b"nothing\n")
    together.add("d").write(*(ResponseRecord(f"d{n}", "d", "stop") for n in range(6)))


def test_a_bad_attempt_loses_nothing_of_the_others(together: Together) -> None:
    """All are written by one transaction."""
    _write_all(together)
    together.add("f")
    path = together.root / "artifacts/jobs/f/1" / journal.NAME
    path.unlink()
    path.symlink_to(path)
    statements: list[str] = []
    together.connection.set_trace_callback(statements.append)
    found = dict(together.ingest())
    together.connection.set_trace_callback(None)

    assert statements.count("COMMIT") == 1
    assert found["a"] == found["e"] == Ingested(4, DONE)
    assert found["d"] == Ingested(6)
    assert (found["b"].records, found["b"].damaged) == (2, True)
    assert (found["c"].records, found["c"].damaged) == (1, True)
    assert found["f"].unreadable is not None
    assert found["f"].unreadable.errno == errno.ELOOP
    rows = together.rows()
    assert [row[:2] for row in rows["jobs"]] == [
        ("a", "done"),
        ("b", "failed"),
        ("c", "failed"),
        ("d", "running"),
        ("e", "done"),
        ("f", "running"),
    ]
    assert [row[:2] for row in rows["responses"]] == [
        *((job, "d1") for job in "abc"),
        *(("d", f"d{n}") for n in range(6)),
        ("e", "d1"),
    ]
    assert rows["warnings"] == [("a", "twice", 2), ("b", "once", 1), ("e", "twice", 2)]
    errors = {job: error for job, _, _, error, _ in rows["jobs"]}
    assert "b/1/journal.jsonl, line 3, cannot be stored: IntegrityError: it does not fit" in errors["b"]
    assert "c/1/journal.jsonl, line 2, is damaged" in errors["c"]
    assert dict(together.ingest())["d"] == Ingested(0)
    assert together.rows() == rows


def _ingest_and_die(root: Path, kill_at: int) -> int:
    """Ingest in transactions of four records; SIGKILL before the `kill_at`-th statement."""
    ingest.BATCH = 4
    statements = count(1)

    def die(statement: str) -> None:
        if next(statements) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with closing(connections.writer(root / "state.db")) as connection:
        running = job_attempts.attempts(connection, state="running")
        connection.set_trace_callback(die)
        for _ in ingest.ingest_all(connection, root, running):
            pass
        connection.set_trace_callback(None)
    return 0


def test_a_kill_between_any_two_statements_loses_and_doubles_nothing(
    together: Together, tmp_path: Path
) -> None:
    _write_all(together)
    together.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def life(kill_at: int) -> tuple[int, dict[str, list[tuple[Any, ...]]]]:
        root = tmp_path / f"killed{kill_at}"
        shutil.copytree(tmp_path / "artifacts", root / "artifacts")
        shutil.copyfile(tmp_path / "state.db", root / "state.db")
        code = ForkedProcess(_ingest_and_die, root, kill_at, out=tmp_path / "out").wait()
        again = Together(root)
        with closing(again.connection):
            for _ in again.ingest():
                pass
            return code, again.rows()

    code, expected = life(0)
    assert code == 0, (tmp_path / "out").read_text()
    assert len(expected["responses"]) == 10
    with ThreadPoolExecutor(4) as pool:
        for first in count(1, 16):
            lives = list(pool.map(life, range(first, first + 16)))
            assert all(rows == expected for _, rows in lives)
            if any(code == 0 for code, _ in lives):
                break
            assert {code for code, _ in lives} == {-signal.SIGKILL}


def test_what_a_full_disk_has_undone_is_ingested_later(
    together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed before is known before the disk is full."""
    monkeypatch.setattr(ingest, "BATCH", 4)
    together.add("a").write(ResponseRecord("d1", "a", "stop"), Progress(1, 2), Progress(2, 2), DONE)
    for job in ("b", "c"):
        together.add(job).write(ResponseRecord("d1", "long" * 50_000, "stop"), DONE)
    together.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (pages,) = together.connection.execute("PRAGMA page_count").fetchone()
    together.connection.execute(f"PRAGMA max_page_count = {pages + 60}")
    found: list[tuple[str, Ingested]] = []
    with pytest.raises(sqlite3.OperationalError, match="full"):
        found.extend(together.ingest())
    assert [job for job, *_ in together.rows()["responses"]] == ["a"]

    together.connection.execute(f"PRAGMA max_page_count = {pages * 100}")
    assert dict(together.ingest()) == {"b": Ingested(2, DONE), "c": Ingested(2, DONE)}
    assert [job for job, *_ in together.rows()["responses"]] == ["a", "b", "c"]


def test_a_long_journal_does_not_hold_the_others_up(
    together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "BATCH", 4)
    together.add("a").write(*(Progress(n, 20) for n in range(20)))
    together.add("b").write(Progress(1, 2))
    assert list(together.ingest()) == [("b", Ingested(1)), ("a", Ingested(20))]


def test_lines_with_the_same_number_are_one_record(
    together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More of them than fit into a transaction: the journal has an end nevertheless."""
    monkeypatch.setattr(ingest, "BATCH", 4)
    written = together.add("a")
    written.write(Progress(1, 2))
    path = together.root / "artifacts/jobs/a/1" / journal.NAME
    path.write_bytes(path.read_bytes() * 9)
    assert list(together.ingest()) == [("a", Ingested(1))]
