"""A workspace with data, and real supervisors over workers that count their steps."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.config.workspace import WorkspacePaths
from core.dialogues.importing import staging
from core.domain.data.dialogues import Dialogue, RatedResponse, Rating
from core.domain.jobs.events import IntentResult
from core.jobs import journal
from core.pipeline import launch
from core.store import connections, intents
from core.store.dialogues import dialogues as data
from core.store.intents import IntentRequest
from core.store.jobs import job_events
from tests.pipeline.supervision import counting_supervisor
from tests.support import waiting
from tests.support.processes.forking import ForkedProcess

Rows = dict[str, list[tuple[Any, ...]]]

CONFIG = """
[slots]
cpu = 2
[students.tiny]
model = "embedded/smollm2-135m-instruct"
[recipes]
train = ["direct/chatgpt"]
[runs]
device = "cpu"
[judges.embedded]
provider = "embedded"
"""


RATINGS: tuple[Rating, ...] = (1, 2, 3)


def make_dialogues() -> list[Dialogue]:
    """Eight dialogues, of which two are the test split."""
    return [
        Dialogue(
            dialog_id=f"d{n}",
            emotion="joyful",
            sentiment="positive",
            plutchik="joy",
            situation=f"situation {n}",
            utterance=f"utterance {n}",
            split="test" if n % 4 == 3 else "train",
            responses={
                "human": RatedResponse(f"human {n}", RATINGS[n % 3]),
                "chatgpt": RatedResponse(f"chatgpt {n}", 3),
            },
        )
        for n in range(8)
    ]


class SupervisedWorkspace:
    """One workspace under test."""

    def __init__(self, root: Path) -> None:
        self.workspace = WorkspacePaths(root)
        self.processes: list[ForkedProcess] = []

    def set_plan(self, **plan: object) -> None:
        """What the counting stage shall do."""
        aside = self.workspace.root / "plan.json.new"
        aside.write_text(json.dumps(plan))
        aside.replace(self.workspace.root / "plan.json")

    def ask(self, request: IntentRequest) -> int:
        with closing(connections.writer(self.workspace.state)) as connection:
            return intents.add(connection, request)

    def outcome(self, intent: int) -> IntentResult:
        with closing(connections.reader(self.workspace.state)) as connection:
            return intents.outcome(connection, intent)

    def answer(self, intent: int) -> IntentResult:
        """The outcome, once a running supervisor has brought it about."""
        self.until(lambda: self.outcome(intent).state != "pending")
        return self.outcome(intent)

    def supervise(self, *, kill_at: int = 0, grace_s: float = 20, idle_s: float = 0) -> ForkedProcess:
        """Start a supervisor, and return once it holds the lock or has ended."""
        process = counting_supervisor.start(self.workspace, grace_s, kill_at, idle_s)
        self.processes.append(process)
        self.until(lambda: process.poll() is not None or launch.is_running(self.workspace)[0])
        return process

    def kill_supervisor_during(self, job: str) -> None:
        """Have a job begun that waits for the file `go`, and its supervisor die; the worker goes on."""
        self.set_plan(hold=[job])
        self.ask(intents.Start(targets=(job.partition(":")[0],)))
        supervisor = self.supervise()
        self.until(lambda: bool(self.notes()))
        supervisor.kill()
        supervisor.wait()

    def finish(self, **how: Any) -> int:
        """Supervise until idle or killed; the exit code."""
        return self.wait(self.supervise(**how))

    def wait(self, supervisor: ForkedProcess) -> int:
        """Wait for a supervisor to end; its exit code."""
        return waiting.wait_for_exit(supervisor, progress=self.progress(), show=self.story)

    def progress(self) -> waiting.Progress:
        """What is written about jobs, and what workers compute."""
        return waiting.any_of(self._written, waiting.cpu_time(*self.processes, children_only=True))

    def _written(self) -> object:
        """What differs when a job has got on; not when engines and workers only say that they are there, by
        which state.db and the supervisor's output grow too."""
        found: list[object] = []
        with suppress(sqlite3.Error):
            found += self.query("SELECT max(id) FROM events")
            found += self.query("SELECT job, number, queue FROM attempts")
        for path in sorted(self.workspace.root.rglob("*")):
            with suppress(OSError):
                if path.name == journal.NAME:
                    found.append(sum(b'"heartbeat"' not in line for line in path.read_bytes().splitlines()))
                elif not path.name.startswith((self.workspace.state.name, "supervisor.out")):
                    found.append((path, path.stat().st_size))
        return hash(tuple(found))

    def query(self, sql: str, *arguments: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"{self.workspace.state.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, arguments).fetchall()

    def states(self) -> dict[str, str]:
        """The state of every job by `stage:name`."""
        return dict(self.query("SELECT stage || ':' || name, state FROM jobs ORDER BY rowid"))

    def id(self, name: str) -> str:
        return str(self.query("SELECT id FROM jobs WHERE stage || ':' || name = ?", name)[0][0])

    def error(self, name: str) -> str | None:
        found: str | None = self.query("SELECT error FROM jobs WHERE id = ?", self.id(name))[0][0]
        return found

    def attempts(self, name: str) -> list[tuple[int, str]]:
        """(number, state) of a job's attempts, oldest first."""
        state = "iif(is_preempted, 'preempted', state)"
        return self.query(
            f"SELECT number, {state} FROM attempts WHERE job = ? ORDER BY number", self.id(name)
        )

    def rows(self) -> Rows:
        """All that the journals brought, without times, places and attempts."""
        return {
            "jobs": self.query("SELECT id, state, done, total, error, result FROM jobs ORDER BY id"),
            "metrics": self.query("SELECT job, step, metrics_json FROM metrics ORDER BY 1, 2"),
            "samples": self.query("SELECT * FROM samples ORDER BY 1, 2, 3"),
            "responses": self.query("SELECT * FROM responses ORDER BY 1, 2"),
            "verdicts": self.query("SELECT * FROM verdicts ORDER BY 1, 2, 3"),
            "artifacts": self.query("SELECT job, name, sha256, bytes FROM artifacts ORDER BY 1, 2"),
        }

    def notes(self) -> list[tuple[float, str, int, str]]:
        """(time, job, attempt, what) of everything that workers really did."""
        path = self.workspace.root / "done.log"
        return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []

    def steps(self) -> Counter[tuple[str, str]]:
        """How often each step of each job was really done."""
        return Counter((job, what) for _, job, _, what in self.notes() if what.startswith("d"))

    def assert_journals_are_in(self) -> None:
        """Every whole line of every attempt's journal was taken in, up to its last."""
        for folder, seq in self.query("SELECT folder, seq FROM attempts"):
            entries = [entry for entry, _ in journal.read(self.workspace.root / folder)]
            assert seq == (entries[-1].seq if entries else 0), folder

    def until(self, holds: Callable[[], bool]) -> None:
        waiting.wait_until(holds, "the work to go on", progress=self.progress(), show=self.story)

    def until_state(self, name: str, *states: str) -> None:
        self.until(lambda: self.states().get(name) in states)

    def story(self) -> str:
        out = self.workspace.root / "supervisor.out"
        return f"{self.states()}\n{out.read_text() if out.exists() else ''}"

    def workers(self) -> list[psutil.Process]:
        """This workspace's worker processes that live."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()) == self.workspace.root:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        for worker in self.workers():
            with suppress(psutil.NoSuchProcess):
                worker.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=False).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(place: Path) -> Path:
    """Fill a file system; returns the file that does."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return filler


@pytest.fixture(scope="session")
def imported_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with config.toml and imported data, to be copied."""
    return import_into(tmp_path_factory.mktemp("imported_workspace"), make_dialogues())


def import_into(root: Path, dialogues: list[Dialogue]) -> Path:
    """Make a workspace with these dialogues in a folder, which is returned."""
    workspace = WorkspacePaths(root)
    workspace.config.write_text(CONFIG)
    imported = staging.describe(dialogues, "some.csv", "0" * 64)
    staging.stage(workspace, dialogues, imported)
    with closing(connections.writer(workspace.state)) as connection, connections.transaction(connection):
        data.replace(connection, imported, dialogues)
        job_events.add_event(connection, "imported_workspace")
    return root


@contextmanager
def _supervised_workspaces(
    imported_workspace: Path, place: Path
) -> Iterator[Callable[[], SupervisedWorkspace]]:
    made: list[SupervisedWorkspace] = []
    numbers = count()

    def make() -> SupervisedWorkspace:
        root = place / f"supervised{next(numbers)}"
        shutil.copytree(imported_workspace, root)
        supervised = SupervisedWorkspace(root)
        supervised.set_plan()
        made.append(supervised)
        return supervised

    try:
        yield make
    finally:
        for supervised in made:
            supervised.close()


@pytest.fixture
def make_supervised(imported_workspace: Path, tmp_path: Path) -> Iterator[Callable[[], SupervisedWorkspace]]:
    """Makes fresh workspaces with data, from any thread; ends their processes afterwards."""
    with _supervised_workspaces(imported_workspace, tmp_path) as make:
        yield make


@pytest.fixture
def supervised(make_supervised: Callable[[], SupervisedWorkspace]) -> SupervisedWorkspace:
    return make_supervised()


@pytest.fixture(scope="session")
def undisturbed_rows(imported_workspace: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The rows of the whole graph when nothing dies."""
    with _supervised_workspaces(imported_workspace, tmp_path_factory.mktemp("undisturbed_rows")) as make:
        supervised = make()
        supervised.ask(intents.Start())
        assert supervised.finish() == 0, supervised.story()
        assert set(supervised.states().values()) == {"done"}
        assert set(supervised.steps().values()) == {1}
        supervised.assert_journals_are_in()
        return supervised.rows()
