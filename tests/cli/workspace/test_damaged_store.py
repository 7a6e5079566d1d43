"""A state.db that is damaged, lost or another's: one sentence with the remedy, and the remedy helps."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.api import UserError, create_workspace, open_workspace, trouble_in_words
from core.config.workspace import WorkspacePaths
from core.jobs.journal import Journal
from core.jobs.records import Stopped
from core.pipeline.supervision import supervisor
from core.services.doctor import workspace_checks
from tests.cli.conftest import Program


def _middle(path: Path) -> None:
    """Pages of tables overwritten, as a failing disk does it; the header is sound."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xa5" * (len(content) - 4096)
    path.write_bytes(content)


def _empty(path: Path) -> None:
    _remove(path)
    path.touch()


def _remove(path: Path) -> None:
    for one in path.parent.glob("state.db*"):
        one.unlink()


def _dangle(path: Path) -> None:
    _remove(path)
    path.symlink_to(path.with_name("nowhere.db"))


def _noise(path: Path) -> None:
    _remove(path)
    path.write_bytes(os.urandom(9000))


def _other(path: Path) -> None:
    _remove(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 77")
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def _tables_gone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("DROP TABLE jobs")
        connection.commit()


def _pipe(path: Path) -> None:
    _remove(path)
    os.mkfifo(path)


def _socket(path: Path) -> None:
    _remove(path)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(path))


def _folder(path: Path) -> None:
    _remove(path)
    path.mkdir()


def _device(path: Path) -> None:
    _remove(path)
    path.symlink_to("/dev/null")


def _loop(path: Path) -> None:
    _remove(path)
    path.symlink_to(path.name)


@pytest.fixture
def worked(tmp_path: Path) -> WorkspacePaths:
    """A workspace in which a job has worked."""
    paths = create_workspace(tmp_path / "study")
    folder = paths.attempt("judge-0123456789", 1)
    folder.mkdir(parents=True)
    Journal(folder).write(Stopped())
    return paths


@pytest.mark.parametrize(
    "damage",
    [
        *(_middle, _empty, _remove, _dangle, _noise, _other, _newer, _tables_gone),
        *(_pipe, _socket, _folder, _device, _loop),
    ],
)
def test_it_is_said_in_one_sentence_and_mended(
    worked: WorkspacePaths, damage: Callable[[Path], None]
) -> None:
    damage(worked.state)
    remedy = "schema version 99" if damage is _newer else "`empathy-tui rebuild`"

    def look() -> object:
        with open_workspace(worked) as workspace:
            return workspace.pipeline.snapshot()

    with pytest.raises((UserError, sqlite3.DatabaseError)) as caught:
        look()
    assert remedy in (trouble_in_words(caught.value) or str(caught.value))
    # It is not worked on either.
    assert supervisor.main(worked) == 1
    with open_workspace(worked) as workspace:
        made = workspace.commands.rebuild()
    assert (made.set_aside is None) is (damage is _remove)
    look()


def test_what_is_missing_is_named(worked: WorkspacePaths, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(worked.state)) as connection:
        connection.execute("DROP TABLE votes")
        connection.execute("ALTER TABLE jobs DROP COLUMN eta_s")
        connection.execute("DROP INDEX jobs_state")
        connection.commit()
    missing = "lacks column jobs.eta_s, index jobs_state, table votes: rebuild it from artifacts/"
    (check,) = (one for one in workspace_checks.contents(worked) if one.name == "state.db")
    assert check.outcome == "fail"
    assert missing in check.found
    assert supervisor.main(worked) == 1
    assert missing in caplog.text
    with open_workspace(worked) as workspace:
        workspace.commands.rebuild()
    assert {one.outcome for one in workspace_checks.contents(worked)} == {"ok"}


@pytest.mark.parametrize("kind", [_pipe, _folder, _loop])
def test_commands_do_not_wait_for_what_is_no_file(program: Program, kind: Callable[[Path], None]) -> None:
    kind(program.root / "state.db")
    for words in (("status",), ("--read-only", "winrates"), ("pause",), ("run",), ("doctor",)):
        ended = program(*words, code=None)
        said = " ".join((ended.out + ended.err).split())
        assert ended.code == 1, (words, said)
        assert "move it away, and rebuild it from artifacts/ with `empathy-tui rebuild`" in said, words


@pytest.mark.parametrize("kind", [_pipe, _folder, _loop])
@pytest.mark.parametrize("name", ["config.toml", "state.db-wal", "artifacts/supervisor.lock"])
def test_nor_do_they_for_other_files(program: Program, kind: Callable[[Path], None], name: str) -> None:
    path = program.root / name
    path.parent.mkdir(exist_ok=True)
    if path.is_file():
        path.unlink()
    if kind is _loop:
        path.symlink_to(path.name)
    else:
        (os.mkfifo if kind is _pipe else os.mkdir)(path)
    for words in (("--read-only", "status"), ("pause",), ("doctor",)):
        ended = program(*words, code=None)
        assert "Traceback" not in ended.err, words


def test_commands_say_it(program: Program) -> None:
    folder = program.root / "artifacts" / "jobs" / "judge-0123456789" / "1"
    folder.mkdir(parents=True)
    Journal(folder).write(Stopped())
    _middle(program.root / "state.db")
    for words in (("status",), ("winrates",), ("run",), ("doctor",)):
        ended = program(*words, code=None)
        said = ended.out + ended.err
        assert ended.code == 1, (words, said)
        assert "Traceback" not in said, words
        assert "Error:" not in said, words
        assert "`empathy-tui rebuild`" in " ".join(said.split()), (words, said)
    assert "rebuilt" in program("rebuild", "--yes").out
    program("status")


def test_a_new_workspace_is_still_new(tmp_path: Path) -> None:
    with open_workspace(tmp_path) as workspace:
        assert workspace.pipeline.snapshot().jobs == ()
