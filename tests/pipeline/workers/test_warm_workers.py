"""Workers that do one job after another, each attempt as if it had a worker of its own."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.config.schema import Responding
from core.config.workspace import WorkspacePaths
from core.jobs.context import LOG, is_held
from core.jobs.settings import JudgeSettings, Settings
from core.pipeline.engines.local import LocalEngine
from core.pipeline.workers import warm_workers
from core.pipeline.workers.warm_workers import Kind, kind
from core.store.jobs.job_attempts import Attempt
from tests.support import waiting
from tests.support.records import made_settings

WORKER = (sys.executable, "-m", "tests.pipeline.workers.serving_worker")
ANSWERS = Kind("cpu", "answers")


class Starter:
    """Starts attempts and waits for them, as the supervisor does."""

    def __init__(self, root: Path) -> None:
        self.workspace = WorkspacePaths(root)
        self.workers = LocalEngine(self.workspace, WORKER)
        self.started: list[Attempt] = []

    def start(self, *plan: str, kind: Kind = ANSWERS) -> Attempt:
        number = len(self.started) + 1
        folder = self.workspace.attempt("job", number)
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(json.dumps(plan))
        started = self.workers.start("job", number, kind)
        relative = folder.relative_to(self.workspace.root).as_posix()
        attempt = Attempt(
            "job", number, relative, "running", started.pid, started.host, 0, 0, process=started.process
        )
        self.started.append(attempt)
        return attempt

    def folder(self, attempt: Attempt) -> Path:
        return self.workspace.root / attempt.folder

    def found(self, attempt: Attempt) -> dict[str, Any]:
        """What the attempt met, once it has begun."""
        path = self.folder(attempt) / "found.json"
        self.until(path.exists)
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def release(self, attempt: Attempt) -> None:
        (self.folder(attempt) / "go").touch()

    def end(self, attempt: Attempt) -> str:
        """How it ended, once it has."""
        self.until(lambda: not self.workers.is_alive(attempt))
        return self.workers.ended(attempt).how

    def done(self, *plan: str, kind: Kind = ANSWERS) -> Attempt:
        """An attempt that has ended."""
        attempt = self.start(*plan, kind=kind)
        self.end(attempt)
        return attempt

    def until(self, holds: Callable[[], bool]) -> None:
        waiting.wait_until(holds, "the worker", progress=waiting.file_sizes(self.workspace.root))

    def runs(self, attempt: Attempt) -> bool:
        """Whether the attempt's process is still there."""
        try:
            return bool(psutil.Process(attempt.pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    made = Starter(tmp_path)
    yield made
    for attempt in made.started:
        if attempt.pid is not None and made.runs(attempt):
            os.killpg(attempt.pid, signal.SIGKILL)


def test_the_next_job_of_its_kind_has_the_same_process(starter: Starter) -> None:
    first = starter.done()
    second = starter.start("hold")
    assert second.pid == first.pid == starter.found(second)["pid"]
    assert (starter.workers.is_alive(first), starter.workers.is_alive(second)) == (False, True)
    assert (is_held(starter.folder(first)), is_held(starter.folder(second))) == (False, True)
    starter.release(second)
    starter.end(second)
    assert starter.done().pid == first.pid
    for attempt in (first, second):
        assert (starter.folder(attempt) / LOG).read_text() == f"attempt in {attempt.number}\n"
        found = starter.found(attempt)
        assert (found["environment"], found["place"]) == (None, str(starter.workspace.root))


@pytest.mark.parametrize("other", [Kind("cpu", "other answers"), Kind("cpu", None)])
def test_a_job_of_another_kind_ends_the_worker_that_waits(starter: Starter, other: Kind) -> None:
    first = starter.done()
    second = starter.start("hold", kind=other)
    assert not starter.runs(first)
    assert second.pid != first.pid


def test_a_worker_in_another_slot_goes_on_waiting(starter: Starter) -> None:
    first = starter.done()
    second = starter.done(kind=Kind("gpu", "answers"))
    assert second.pid != first.pid
    assert starter.done().pid == first.pid


@pytest.mark.parametrize("how", ["fail", "die", "leave", "process"])
def test_it_waits_only_after_a_job_that_succeeded_and_left_nothing(starter: Starter, how: str) -> None:
    first = starter.start(how)
    assert "another job" not in starter.end(first)
    assert not starter.runs(first)
    assert starter.start("hold").pid != first.pid


def test_a_job_that_leaves_a_thread_ends_its_worker(starter: Starter) -> None:
    first = starter.start("thread")
    starter.found(first)
    # Threads that are no daemons keep a process from ending: the supervisor kills it after a while.
    assert starter.workers.kill(first)
    assert starter.end(first).startswith("by SIGKILL")


def test_a_cancelled_job_ends_its_worker(starter: Starter) -> None:
    starter.done()
    second = starter.start("hold")
    starter.found(second)
    assert starter.workers.cancel(second)
    assert starter.end(second) == "by SIGTERM"


def test_a_worker_that_is_killed_in_its_second_job_is_lost(starter: Starter) -> None:
    first = starter.done()
    second = starter.start("hold")
    starter.found(second)
    assert starter.workers.kill(second)
    assert starter.end(second).startswith("by SIGKILL")
    assert starter.start("hold").pid != first.pid


def test_a_worker_that_died_while_it_waited_is_not_given_a_job(starter: Starter) -> None:
    first = starter.done()
    os.kill(first.pid or 0, signal.SIGKILL)
    starter.until(lambda: not starter.runs(first))
    assert starter.start("hold").pid != first.pid


def test_a_worker_waits_no_longer_than_its_supervisor(starter: Starter) -> None:
    first = starter.done()
    busy = starter.start("hold", kind=Kind("gpu", "answers"))
    starter.found(busy)
    # As when the supervisor is killed: its ends of the channels are closed.
    assert starter.workers._warm is not None
    for worker in starter.workers._warm._workers:
        worker.channel.close()
    starter.until(lambda: not starter.runs(first))
    assert starter.workers.is_alive(busy)
    starter.release(busy)
    starter.until(lambda: not starter.runs(busy))
    assert not is_held(starter.folder(busy))


def test_a_worker_does_not_wait_for_ever(starter: Starter) -> None:
    first = starter.done()
    starter.workers.end_waiting(600)
    assert starter.runs(first)
    starter.workers.end_waiting()
    assert not starter.runs(first)


def answering(decoding: Responding | None = None, **student: Any) -> Settings:
    return made_settings.responding(made_settings.student("./a", **student), decoding or Responding())


def test_only_jobs_that_leave_the_process_as_it_was_share_it() -> None:
    assert kind(answering(), "cpu", 1) == kind(answering(), "cpu", 1)
    assert kind(JudgeSettings(), "cpu", 1) == kind(made_settings.compare("a", "b"), "cpu", 1)
    for alone in (made_settings.recipe(), made_settings.sft(), made_settings.generate()):
        assert kind(alone, "cpu", 1).key is None


def test_a_changed_setting_is_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kind(answering(), "cpu", 1)
    assert kind(answering(), "cpu", 2) != first
    assert kind(answering(), "gpu", 1) != first
    assert kind(answering(), "gpu", 1, "GPU-a") != kind(answering(), "gpu", 1, "GPU-b")
    assert kind(answering(source="other weights"), "cpu", 1) != first
    assert kind(answering(dtype="bfloat16"), "cpu", 1) != first
    # How long answers may be does not stay in the process.
    assert kind(answering(Responding(max_new_tokens=7)), "cpu", 1) == first
    monkeypatch.setattr(warm_workers, "_CODE", tmp_path)
    (tmp_path / "code.py").write_text("version = 1")
    before = kind(answering(), "cpu", 1)
    (tmp_path / "code.py").write_text("version = 10")
    assert kind(answering(), "cpu", 1) != before
