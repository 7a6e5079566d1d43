"""state.db: made once by whoever comes first, refused when it is not ours, written all or nothing."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from core.domain import troubles
from core.domain.errors import UserError
from core.store import connections, intents, schema
from tests.support import open_files, waiting


def make(path: Path) -> None:
    connections.writer(path).close()


def test_a_new_file_gets_all_tables_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "state.db"
    assert not connections.is_ready(path)
    make(path)
    assert connections.is_ready(path)
    with closing(connections.reader(path)) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone()[0] == 0
    with closing(connections.writer(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_making_it_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make(path)
    with closing(connections.writer(path)) as connection:
        intents.add(connection, intents.Pause())
    schema.migrate(path)
    with closing(connections.reader(path)) as connection:
        assert len(intents.pending(connection)) == 1


def test_four_processes_make_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    script = (
        "import sys; from pathlib import Path; from core.store import connections, intents;"
        "connection = connections.writer(Path(sys.argv[1])); intents.add(connection, intents.Pause())"
    )
    processes = [subprocess.Popen([sys.executable, "-c", script, str(path)]) for _ in range(4)]
    assert [waiting.wait_for_exit(process) for process in processes] == [0] * 4
    with closing(connections.reader(path)) as connection:
        assert [intent.id for intent in intents.pending(connection)] == [1, 2, 3, 4]


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    for opened in (connections.reader, connections.writer):
        with pytest.raises(UserError, match=f"schema version {schema.VERSION + 1}"):
            opened(path)


@pytest.mark.parametrize("kind", ["text", "folder"])
def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "state.db"
    if kind == "folder":
        path.mkdir()
    else:
        path.write_text("this is not a database\n" * 100)
    for opened in (connections.reader, connections.writer):
        with pytest.raises(UserError, match=str(path)):
            opened(path)
    assert path.is_dir() or path.read_text().startswith("this is not")


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be opened"):
        connections.reader(tmp_path / "state.db")


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.db"

    def fail() -> None:
        with connections.transaction(connection):
            connection.execute("INSERT INTO meta VALUES ('a', '1')")
            raise ZeroDivisionError

    with closing(connections.writer(path)) as connection:
        with pytest.raises(ZeroDivisionError):
            fail()
        assert connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 0
        with connections.transaction(connection):
            connection.execute("INSERT INTO meta VALUES ('a', '1')")
    with closing(connections.reader(path)) as connection:
        assert connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 1


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path: Path) -> None:
    def fail() -> None:
        with connections.transaction(connection):
            connection.execute("PRAGMA defer_foreign_keys = ON")
            connection.execute("INSERT INTO ratings VALUES ('no dialogue', 'human', 'text', 1)")

    with closing(connections.writer(tmp_path / "state.db")) as connection:
        with pytest.raises(sqlite3.IntegrityError):
            fail()
        with connections.transaction(connection):
            connection.execute("INSERT INTO meta VALUES ('a', '1')")


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make(path)
    with (
        closing(connections.reader(path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("INSERT INTO meta VALUES ('a', '1')")


def test_a_snapshot_sees_one_moment_and_the_version_moves_after_it(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(connections.writer(path)) as writer, closing(connections.reader(path)) as reader:
        before = connections.data_version(reader)
        with connections.snapshot(reader):
            assert intents.pending(reader) == []
            intents.add(writer, intents.Pause())
            assert intents.pending(reader) == []
        assert len(intents.pending(reader)) == 1
        assert connections.data_version(reader) != before


def test_a_reader_reads_what_a_killed_writer_left(tmp_path: Path) -> None:
    """The write-ahead log is still there, and nobody has closed it."""
    path = tmp_path / "state.db"
    script = (
        "import os, signal, sys; from pathlib import Path; from core.store import connections, intents;"
        "connection = connections.writer(Path(sys.argv[1])); intents.add(connection, intents.Pause());"
        "connection.execute('BEGIN IMMEDIATE');"
        "connection.execute(\"INSERT INTO meta VALUES ('a', '1')\");"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    with closing(connections.reader(path)) as connection:
        assert len(intents.pending(connection)) == 1
        assert connection.execute("SELECT count(*) FROM meta").fetchone()[0] == 0


def test_a_log_that_was_removed_in_use_is_distinguished_from_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(connections.writer(path)) as writer, closing(connections.reader(path)) as reader:
        with connections.transaction(writer):
            writer.executemany("INSERT INTO meta VALUES (?, ?)", [(f"{n}", "x" * 3000) for n in range(50)])
        reader.execute("SELECT count(*) FROM meta").fetchone()
        path.with_name("state.db-wal").unlink()
        # Another process: this one still has the log open.
        asked = "import sys; from pathlib import Path; from core.store import connections"
        asked += "; connections.reader(Path(sys.argv[1]))"
        found = subprocess.run([sys.executable, "-c", asked, str(path)], capture_output=True, text=True)
    assert "its -wal file was removed or cut while it was in use" in found.stderr
    assert "empathy-tui rebuild" in found.stderr


def test_a_log_that_was_removed_as_soon_as_it_was_open_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(connections.writer(path)) as writer:
        path.with_name("state.db-wal").unlink()
        opened = connections.OpenFile(writer, path)
        with pytest.raises(UserError, match=r"state\.db-wal was removed or replaced while it was in use"):
            opened.check()
        with closing(connections.writer(path)), pytest.raises(UserError, match="was removed or replaced"):
            opened.check()


def test_what_a_removed_log_lacks_is_no_trouble_that_passes(tmp_path: Path) -> None:
    """Another process has made a log of its own, which is longer than the one that this one has open."""
    path = tmp_path / "state.db"
    script = (
        "import sys; from pathlib import Path; from core.store import connections\n"
        "connection = connections.writer(Path(sys.argv[1]))\n"
        "with connections.transaction(connection):\n"
        "    rows = [(str(n), 'x' * 3000) for n in range(500)]\n"
        "    connection.executemany('INSERT INTO meta VALUES (?, ?)', rows)\n"
        "import os; os._exit(0)\n"
    )
    with closing(connections.writer(path)) as writer:
        path.with_name("state.db-wal").unlink()
        subprocess.run([sys.executable, "-c", script, str(path)], check=True)
        with pytest.raises(sqlite3.OperationalError) as found:
            writer.execute("SELECT sum(length(value)) FROM meta").fetchone()
    assert not troubles.is_of_machine(found.value)
    assert "empathy-tui rebuild" in str(troubles.trouble_in_words(found.value))


def test_too_many_open_files_are_among_the_reasons(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make(path)
    with open_files.exhausted(), pytest.raises(UserError, match="not too many files are open"):
        connections.writer(path)


def test_a_damaged_page_is_reported_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    make(path)
    pages = 3
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(18)[16:], "big")
        file.seek(pages * size)
        file.write(b"\xff" * 3 * size)
    with closing(connections.writer(path)) as connection, pytest.raises(UserError, match=r"is damaged") as e:
        connections.check_sound(connection, path)
    assert "\n" not in str(e.value)
    assert "`empathy-tui rebuild`" in str(e.value)
