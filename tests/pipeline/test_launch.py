"""Starting the real supervisor, detached, from as many places at once as there may be."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from core.domain.errors import UserError
from core.domain.jobs.results import RecipeResult
from core.pipeline import launch
from core.pipeline.planning import slots
from core.services.workspace import open_workspace
from core.store import connections, intents
from core.store.jobs import job_queries
from tests.support import waiting

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace


@pytest.fixture
def real(supervised: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[SupervisedWorkspace]:
    """A workspace whose supervisors are real ones with real workers; ended afterwards."""
    monkeypatch.setenv("EMPATHY_SUPERVISOR_IDLE_S", "0.5")
    yield supervised
    for process in supervisors(supervised):
        process.kill()


def supervisors(supervised: SupervisedWorkspace) -> list[psutil.Process]:
    place = str(supervised.workspace.root)
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline()[-2:] == ["core.pipeline.supervision.supervisor", place]:
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_many_at_once_start_one(real: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPATHY_SUPERVISOR_IDLE_S", "60")
    script = (
        "import sys; from pathlib import Path; from core.pipeline import launch;"
        "from core.config.workspace import WorkspacePaths; workspace = WorkspacePaths(Path(sys.argv[1]));"
        "launch.ensure(workspace); print(launch.is_running(workspace)[0])"
    )
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(real.workspace.root)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    assert [waiting.communicate(caller)[0].strip() for caller in callers] == ["True"] * 5
    running, pid = launch.is_running(real.workspace)
    assert running
    # Those that came too late have given up, or are about to.
    real.until(lambda: [process.pid for process in supervisors(real)] == [pid])
    (supervisor,) = supervisors(real)
    assert os.getsid(supervisor.pid) == supervisor.pid


def test_it_leaves_when_idle_and_no_zombie_stays(real: SupervisedWorkspace) -> None:
    launch.ensure(real.workspace)
    assert launch.is_running(real.workspace)[0]
    launch.ensure(real.workspace)
    real.until(lambda: not launch.is_running(real.workspace)[0])
    real.until(lambda: supervisors(real) == [])
    real.until(lambda: all(c.status() != psutil.STATUS_ZOMBIE for c in psutil.Process().children()))


def test_real_workers_make_a_real_recipe(real: SupervisedWorkspace) -> None:
    """From an intent to the rows, with nothing of the tests in between."""
    (real.workspace.root / "json.py").write_text("raise SystemExit('not the standard library')\n")
    intent = real.ask(intents.Start(targets=("recipe",)))
    launch.ensure(real.workspace)
    real.until(lambda: real.states() == {"recipe:direct/chatgpt": "done"})
    assert real.outcome(intent).state == "done"
    with closing(connections.reader(real.workspace.state)) as connection:
        (job,) = job_queries.jobs(connection).values()
        assert job.result is not None
        assert isinstance(job.result, RecipeResult)
        assert job.result.sft_examples > 0
        assert (job.done, job.total) == (job.total, job.total)
        names = connection.execute("SELECT name, path FROM artifacts ORDER BY name").fetchall()
    assert [name for name, _ in names] == ["preferences", "sft"]
    assert all((real.workspace.root / path).stat().st_size for _, path in names)


def test_readers_read_after_everything_was_killed(real: SupervisedWorkspace) -> None:
    launch.ensure(real.workspace)
    real.answer(real.ask(intents.Pause()))
    for process in supervisors(real):
        process.send_signal(signal.SIGKILL)
    real.until(lambda: not launch.is_running(real.workspace)[0])
    with open_workspace(real.workspace) as workspace:
        snapshot = workspace.pipeline.snapshot()
    assert snapshot.paused
    assert not snapshot.supervisor.running


def test_one_that_cannot_work_says_why(real: SupervisedWorkspace) -> None:
    real.workspace.state.write_bytes(b"this is not a database" * 100)
    # It may hold the lock for a moment, which is all that the caller waits for.
    with suppress(UserError):
        launch.ensure(real.workspace)
    real.until(lambda: "is not a state database" in real.workspace.supervisor_log.read_text())
    assert "Traceback" not in real.workspace.supervisor_log.read_text()


def test_one_that_does_not_come_up_shows_its_log(
    real: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONHOME", "/there/is/no/python/here")
    with pytest.raises(UserError, match=r"(?s)the supervisor did not start.*python"):
        launch.ensure(real.workspace)


def test_the_lock_tells_who_runs(supervised: SupervisedWorkspace) -> None:
    assert launch.is_running(supervised.workspace) == (False, None)
    supervised.workspace.lock.write_text("4711")
    assert launch.is_running(supervised.workspace) == (False, None)
    with supervised.workspace.lock.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert launch.is_running(supervised.workspace) == (True, 4711)


def test_a_device_that_is_named_is_taken_at_its_word() -> None:
    assert [slots.local_slot(device) for device in ("cpu", "cuda", "mps")] == ["cpu", "gpu", "gpu"]
    assert slots.local_slot("auto") in ("cpu", "gpu")
