"""The folder of a running attempt removed: its worker ends, the supervisor goes on, nobody works twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from core.jobs import processes
from core.pipeline.engines.local import LocalEngine
from core.store import connections, intents
from core.store.connections import transaction
from core.store.jobs import job_attempts, jobs
from tests.support.processes.removing import remove_folder
from tests.support.records import made_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.pipeline.conftest import SupervisedWorkspace

NAME = "recipe:direct/chatgpt"


@pytest.mark.parametrize("is_adopted", [False, True])
@pytest.mark.parametrize("is_deaf", [False, True])
def test_a_removed_attempt_is_done_again_by_one_worker_at_a_time(
    supervised: SupervisedWorkspace, is_adopted: bool, is_deaf: bool
) -> None:
    supervised.set_plan(**{"lost_deaf" if is_deaf else "hold": [NAME]})
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    (worker,) = [one for one in supervised.workers() if one.pid != supervisor.pid]
    if is_adopted:
        supervisor.kill()
        supervisor.wait()
    remove_folder(supervised.workspace.attempt(supervised.id(NAME), 1))
    if is_adopted:
        supervisor = supervised.supervise()
    if is_deaf:
        # The worker knows nothing of it for as long as it likes: nothing is started beside it, and the
        # supervisor does all else.
        answer = supervised.answer(supervised.ask(intents.Pause()))
        assert answer.state == "done", supervised.story()
        assert supervised.answer(supervised.ask(intents.Resume())).state == "done"
        assert supervised.attempts(NAME) == [(1, "running")]
        assert worker.is_running()
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.attempts(NAME) == [(1, "lost"), (2, "done")]
    assert [attempt for _, _, attempt, what in supervised.notes() if what == "begin"] == [1, 2]


def test_an_input_that_is_removed_under_a_job_is_made_again_by_a_retry(
    supervised: SupervisedWorkspace,
) -> None:
    name = "sft:tiny/direct/chatgpt/sft"
    supervised.set_plan(lose=[name])
    supervised.ask(intents.Start(targets=("sft",)))
    assert supervised.finish() == 0, supervised.story()
    error = supervised.error(name)
    assert error is not None
    assert "was removed while the job ran: retry the job" in error
    supervised.ask(intents.Retry(supervised.id(name)))
    assert supervised.finish() == 0, supervised.story()
    assert supervised.attempts(name) == [(1, "failed"), (2, "done")]
    assert supervised.attempts(NAME) == [(1, "done"), (2, "done")]


def test_a_job_whose_folder_was_removed_can_be_cancelled(supervised: SupervisedWorkspace) -> None:
    supervised.set_plan(lost_deaf=[NAME])
    supervised.ask(intents.Start(targets=("recipe",)))
    supervisor = supervised.supervise()
    supervised.until(lambda: bool(supervised.notes()))
    remove_folder(supervised.workspace.attempt(supervised.id(NAME), 1))
    assert supervised.answer(supervised.ask(intents.Cancel(supervised.id(NAME)))).state == "done"
    (supervised.workspace.root / "go").touch()
    assert supervised.wait(supervisor) == 0, supervised.story()
    assert supervised.states()[NAME] == "cancelled"


@pytest.mark.parametrize("recorded", ["another", None])
def test_a_process_that_got_a_workers_id_is_left_alone(
    imported_workspace: Path, supervised: SupervisedWorkspace, recorded: str | None
) -> None:
    """The lock of the old attempt is held, and its process id belongs to a bystander by now."""
    connection = connections.writer(supervised.workspace.state)
    workers = LocalEngine(supervised.workspace)
    bystander = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        folder = supervised.workspace.attempt("judge-1", 1)
        folder.mkdir(parents=True)
        relative = folder.relative_to(supervised.workspace.root).as_posix()
        with transaction(connection):
            jobs.put(connection, [made_settings.planned("judge-1")])
            attempt = job_attempts.begin_attempt(connection, "judge-1", 1, relative)
            host = os.uname().nodename
            job_attempts.set_process(connection, attempt, bystander.pid, host, recorded and f"{recorded}:1")
        (attempt,) = job_attempts.attempts(connection, job="judge-1")
        holder = subprocess.Popen(
            ["flock", "-x", str(folder / "worker.lock"), "-c", "echo held; read line"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        assert not workers.cancel(attempt)
        assert not workers.kill(attempt)
        assert bystander.poll() is None
        holder.communicate(b"\n")
    finally:
        bystander.kill()
        bystander.communicate()
        connection.close()


def test_a_process_is_distinguished_from_another_with_its_id() -> None:
    mine = processes.identity(os.getpid())
    assert mine is not None
    assert mine == processes.identity(os.getpid())
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    its = processes.identity(child.pid)
    assert its is not None
    assert its != mine
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert processes.identity(child.pid) is None
