"""A full disk, a limit of open files, a store that is taken away: said in a sentence, and survived."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from core.domain import troubles
from core.domain.evaluation.votes import Vote
from core.pipeline.engines.engines import Engines
from core.pipeline.engines.local import LocalEngine
from core.pipeline.supervision.supervisor import Supervisor
from core.prompts import templates
from core.store import connections, intents, workspace_settings
from tests.pipeline.conftest import SupervisedWorkspace, fill
from tests.support import open_files

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = "recipe:direct/chatgpt"


def _fill_last_page(path: Path) -> None:
    """Leave no room in the page of a file that is allocated already: on a full disk that room remains."""
    with path.open("ab", buffering=0) as file:
        file.write(b" " * (-path.stat().st_size % 4096))


def test_a_full_disk_fails_what_needs_room_and_a_retry_finishes_it(
    imported_workspace: Path, small_disk: Path
) -> None:
    root = small_disk / "study"
    shutil.copytree(imported_workspace, root)
    supervised = SupervisedWorkspace(root)
    try:
        supervised.set_plan(hold=[RECIPE])
        supervised.ask(intents.Start(targets=("recipe",)))
        supervisor = supervised.supervise()
        supervised.until(lambda: bool(supervised.notes()))
        (root / "plan.json").unlink()
        filler = fill(small_disk)
        # Else a step could be noted there whose record finds no room in the journal, and is done again.
        _fill_last_page(root / "done.log")
        (root / "go").touch()
        # The worker cannot record anything, nor the supervisor what became of it.
        supervised.until(lambda: "the disk is full" in (root / "supervisor.out").read_text())
        assert supervisor.poll() is None
        filler.unlink()
        supervised.set_plan()
        assert supervised.wait(supervisor) == 0, supervised.story()
        assert supervised.states()[RECIPE] == "failed"
        assert "the disk is full: free some space, then retry" in str(supervised.error(RECIPE))
        assert "Traceback" not in (root / "supervisor.out").read_text()
        supervised.ask(intents.Retry(supervised.id(RECIPE)))
        assert supervised.finish() == 0, supervised.story()
        assert supervised.states()[RECIPE] == "done"
        assert set(supervised.steps().values()) == {1}
    finally:
        supervised.close()


def test_too_many_open_files_stop_nothing_for_good(tmp_path: Path, imported_workspace: Path) -> None:
    """Neither commands nor the supervisor print a traceback."""
    root = tmp_path / "study"
    shutil.copytree(imported_workspace, root)
    script = (
        "import os, resource, sys\n"
        "from core.config.workspace import WorkspacePaths\n"
        "from pathlib import Path\n"
        "from core.pipeline.supervision import supervisor\n"
        "os.environ['EMPATHY_SUPERVISOR_IDLE_S'] = '0'\n"
        "held = [os.open('/dev/null', os.O_RDONLY) for _ in range(20)]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1] + 1, 100))\n"
        "sys.exit(supervisor.main(WorkspacePaths(Path(sys.argv[1]))))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(root)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "files are open" in ended.stderr


@pytest.fixture
def boss(supervised: SupervisedWorkspace) -> Iterator[Supervisor]:
    """A supervisor whose workers find the disk full, with a job that is ready, and paused."""
    ending = [sys.executable, "-c", f"raise SystemExit({troubles.exit_code(OSError(errno.ENOSPC, ''))})"]
    workers = LocalEngine(supervised.workspace, ending, keep_warm=False)
    boss = Supervisor(supervised.workspace, Engines(supervised.workspace, workers))
    boss.connection.execute("PRAGMA busy_timeout = 0")
    supervised.ask(intents.Pause())
    supervised.ask(intents.Start(targets=("recipe",)))
    boss.tick()
    assert supervised.states() == {RECIPE: "ready"}
    yield boss
    boss.connection.close()


@contextmanager
def _store_in_use(supervised: SupervisedWorkspace) -> Iterator[None]:
    with closing(connections.writer(supervised.workspace.state)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_what_could_not_be_started_is_started_later(
    boss: Supervisor, supervised: SupervisedWorkspace
) -> None:
    with closing(connections.writer(supervised.workspace.state)) as connection:
        workspace_settings.set_setting(connection, "paused", None)
    with _store_in_use(supervised), pytest.raises(sqlite3.OperationalError):
        boss.tick()
    assert supervised.states() == {RECIPE: "ready"}
    boss.tick()
    assert supervised.states() == {RECIPE: "running"}


def test_why_a_worker_ended_is_recorded_later(boss: Supervisor, supervised: SupervisedWorkspace) -> None:
    with closing(connections.writer(supervised.workspace.state)) as connection:
        workspace_settings.set_setting(connection, "paused", None)
    boss.tick()
    # Nobody has waited for its process yet.
    supervised.until(lambda: any(one.status() == psutil.STATUS_ZOMBIE for one in psutil.Process().children()))
    with _store_in_use(supervised), pytest.raises(sqlite3.OperationalError):
        boss.tick()
    assert supervised.states() == {RECIPE: "running"}
    boss.tick()
    assert supervised.states() == {RECIPE: "failed"}
    assert "the disk is full" in str(supervised.error(RECIPE))


def test_a_config_that_could_not_be_read_is_read_later(
    boss: Supervisor, supervised: SupervisedWorkspace, caplog: pytest.LogCaptureFixture
) -> None:
    supervised.workspace.config.write_text("nonsense =")
    with open_files.exhausted(), pytest.raises(OSError, match="Too many open files"):
        boss.tick()
    boss.tick()
    assert "slots and engines are unchanged" in caplog.text


@contextmanager
def _prompts_cannot_be_opened(number: int = errno.EMFILE) -> Iterator[None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(templates, "not_a_file", fail)
        yield


@pytest.mark.parametrize("trouble", [open_files.exhausted, _prompts_cannot_be_opened])
def test_a_request_for_which_a_file_could_not_be_opened_is_carried_out_later(
    boss: Supervisor, supervised: SupervisedWorkspace, trouble: Callable[[], AbstractContextManager[None]]
) -> None:
    request = supervised.ask(intents.Start())
    with trouble(), pytest.raises(OSError, match="Too many open files"):
        boss.tick()
    assert supervised.outcome(request).state == "pending"
    boss.tick()
    assert supervised.outcome(request).state == "done"


def test_a_request_whose_file_cannot_be_read_is_refused(
    boss: Supervisor, supervised: SupervisedWorkspace
) -> None:
    """Else no other request would be carried out."""
    request, other = supervised.ask(intents.Start()), supervised.ask(intents.Resume())
    with _prompts_cannot_be_opened(errno.EIO):
        boss.tick()
    assert supervised.outcome(request).state == "failed"
    assert supervised.outcome(other).state == "done"


def _remove(state: Path) -> None:
    state.unlink()


def _remove_log(state: Path) -> None:
    state.with_name("state.db-wal").unlink()


def _remove_lock(state: Path) -> None:
    (state.parent / "artifacts" / "supervisor.lock").unlink()


def _replace(state: Path) -> None:
    shutil.copyfile(state, state.with_name("copy"))
    state.with_name("copy").replace(state)


def _upgrade(state: Path) -> None:
    with closing(connections.writer(state)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_remove, "was removed or replaced while it was in use"),
        (_replace, "was removed or replaced while it was in use"),
        (_upgrade, "has schema version 99"),
        (_remove_log, "state.db-wal was removed or replaced while it was in use"),
        (_remove_lock, "another supervisor may be at work"),
    ],
)
def test_a_supervisor_stops_writing_to_what_is_no_longer_the_store(
    supervised: SupervisedWorkspace, change: Callable[[Path], None], said: str
) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    process = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    workers = [one for one in supervised.workers() if one.pid != process.pid]
    change(supervised.workspace.state)
    assert supervised.wait(process) != 0
    assert said in (supervised.workspace.root / "supervisor.out").read_text()
    # Its worker goes on, for the next supervisor.
    assert [one.is_running() for one in workers] == [True]


def test_a_store_without_its_log_runs_nothing_twice(supervised: SupervisedWorkspace) -> None:
    """The -wal file was lost: the store does not know of an attempt that worked."""
    before = supervised.workspace.state.read_bytes()
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() == 0
    steps = supervised.steps()
    for path in supervised.workspace.root.glob("state.db*"):
        path.unlink()
    supervised.workspace.state.write_bytes(before)
    supervised.ask(intents.Start(targets=("recipe",)))
    assert supervised.finish() != 0
    said = (supervised.workspace.root / "supervisor.out").read_text()
    assert "has an attempt that is not in state.db" in said
    assert "`empathy-tui rebuild`" in said
    assert supervised.steps() == steps


def test_a_request_that_meets_a_damaged_store_is_refused_with_the_remedy(
    supervised: SupervisedWorkspace,
) -> None:
    supervised.set_plan(hold=[RECIPE])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    with closing(sqlite3.connect(supervised.workspace.state)) as connection:
        connection.execute("DROP TABLE votes")
    vote = Vote("me", "d", "a" * 64, "b" * 64, "human", "chatgpt", "ab", "a", 1.0)
    request = supervised.ask(intents.CastVote(vote))
    error = supervised.answer(request).error
    assert error is not None
    assert error.startswith("state.db lacks a table or column (no such table: ")
    assert "`empathy-tui rebuild`" in error
