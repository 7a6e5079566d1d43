"""A cluster that is played: it says what a test says of tasks, or runs them as processes of this machine."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.domain import packages
from core.domain.jobs.engines import ResourceUse
from core.pipeline.engines import clusters
from core.pipeline.engines.cluster import RefusedError, Task, TaskState, UnreachableError, exited
from core.pipeline.engines.engines import Engines
from core.pipeline.rebuilding import rebuild
from core.pipeline.supervision.supervisor import Supervisor
from core.store import intents
from tests.pipeline.conftest import CONFIG
from tests.support import waiting

if TYPE_CHECKING:
    from tests.pipeline.conftest import SupervisedWorkspace

ROOT = Path(__file__).parents[3]
RECIPE = "recipe:direct/chatgpt"
#: Runs a command where a folder, the first argument, is empty.
HIDING = ("unshare", "-rm", "/bin/sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"')


def can_hide() -> bool:
    """Whether this machine lets a process have mounts of its own."""
    command = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", "/mnt"]
    return shutil.which("unshare") is not None and not subprocess.run(command, capture_output=True).returncode


class PlayedCluster:
    """A cluster that says what the test says of its first tasks, and runs the others in processes here."""

    poll_s = 0.01

    def __init__(self, *next_states: TaskState) -> None:
        self.next_states = list(next_states)
        self.said: dict[str, TaskState] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        #: Held while a process starts: the engine's thread goes on when its supervisor has ended.
        self._starting = threading.Lock()
        self.tasks: list[Task] = []
        self.stopped: list[str] = []
        self.problem: str | None = None
        self.refusal: str | None = None
        self.asked = threading.Event()
        #: A folder that the nodes do not see.
        self.hidden: Path | None = None

    def submit(self, tasks: Sequence[Task]) -> Iterator[str]:
        self._check()
        for task in tasks:
            if self.refusal is not None:
                raise RefusedError(self.refusal)
            self.tasks.append(task)
            if self.next_states:
                self.said[task.name] = self.next_states.pop(0)
            else:
                command = ["/bin/sh", "-c", task.shell]
                if self.hidden is not None:
                    command = [*HIDING, str(self.hidden), *command]
                with self._starting:
                    self._check()
                    self.processes[task.name] = subprocess.Popen(command, start_new_session=True)
            yield task.name

    def look(self, ids: Collection[str]) -> Mapping[str, TaskState]:
        self._check()
        found = {name: seen for name, seen in self.said.items() if name in ids}
        for name, process in self.processes.items():
            code = process.poll()
            found[name] = TaskState(runs=True, ending=None if code is None else exited(code))
        return found

    def stop(self, task: str) -> None:
        self._check()
        self.stopped.append(task)

    def kill_node(self, task: str) -> None:
        """Kill all processes of a task."""
        os.killpg(self.processes[task].pid, signal.SIGKILL)

    def use(self) -> tuple[ResourceUse, ...]:
        return (ResourceUse("GPU", 3, 8),)

    def lost_nodes(self) -> tuple[str, ...]:
        return ("node-7",)

    def close(self) -> None:
        """End all processes; no other one starts."""
        with self._starting:
            self.problem = "the cluster is closed"
            for process in self.processes.values():
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _check(self) -> None:
        self.asked.set()
        if self.problem is not None:
            raise UnreachableError(self.problem)


class Played:
    """A workspace whose jobs run on a played cluster."""

    def __init__(self, supervised: SupervisedWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
        self.supervised = supervised
        self.cluster = PlayedCluster()
        monkeypatch.setattr(clusters, "connect", lambda *_: self.cluster)
        monkeypatch.setattr(packages, "find_spec", lambda _: True)
        self.configure()
        supervised.ask(intents.Start(targets=("recipe",), engine="far"))
        self.supervisor = self.make_supervisor()

    def configure(self, **options: float | str) -> None:
        lines = "".join(f"{name} = {value!r}\n" for name, value in options.items())
        self.supervised.workspace.config.write_text(
            f'{CONFIG}\n[engines.far]\ntype = "ray"\naddress = "http://far:8265"\n'
            f'env = {{ PYTHONPATH = "{ROOT}" }}\n{lines}'
        )

    def make_supervisor(self) -> Supervisor:
        workspace = self.supervised.workspace
        self.engines = Engines(workspace, worker="tests.pipeline.workers.counting_worker")
        # A busy machine may take any time until a worker has stopped.
        return Supervisor(workspace, self.engines, grace_s=waiting.LIMIT_S)

    def end_supervisor(self) -> None:
        """What is left of it when its process ends: nothing."""
        self.supervisor.connection.close()
        self.engines.configure({})

    def lose_store(self) -> None:
        """Lose state.db while no supervisor runs, make it again, and go on with another supervisor."""
        self.end_supervisor()
        for path in self.supervised.workspace.root.glob("state.db*"):
            path.unlink()
        rebuild.rebuild(self.supervised.workspace)
        self.configure()
        self.supervisor = self.make_supervisor()

    def tick(self) -> bool:
        is_busy = self.supervisor.tick()
        self.cluster.asked.wait(1)
        self.cluster.asked.clear()
        return is_busy

    def until(self, holds: Callable[[], bool]) -> None:
        self.supervised.until(lambda: (self.tick(), holds())[1])

    def finish(self) -> None:
        self.until(lambda: self.supervised.states()[RECIPE] in ("done", "failed", "cancelled"))

    def folder(self, number: int) -> Path:
        return self.supervised.workspace.attempt(self.supervised.id(RECIPE), number)

    def close(self) -> None:
        self.end_supervisor()
        self.cluster.close()
