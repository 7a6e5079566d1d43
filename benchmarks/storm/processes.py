"""The processes of a round: supervisors, their workers, commands, and the app in a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.terminal import Terminal
from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.pipeline.workers import worker
from tests.cli import forked_program
from tests.loopback import KEY
from tests.support.processes import supervising
from tests.support.processes.forking import ForkedProcess, preload
from tests.support.workspaces import teacher_workspace

preload(
    # With what the libraries of providers load.
    teacher_workspace.__name__,
    "benchmarks.storm.stacks",
    "core.judging.compare_job",
    "core.judging.validate_job",
    "core.responding.respond_job",
    # What jobs and commands load where they use it.
    "scipy.optimize",
    "scipy.sparse.csgraph",
    "scipy.stats",
    "sqlite_utils",
    "statsmodels.genmod.families",
    "statsmodels.genmod.generalized_linear_model",
)
#: What the jobs of a study with models need, and what takes seconds to load.
MODELS = (
    "core.judging.embedded.fit_job",
    "core.responding.student_job",
    "core.training.training_job",
    "sklearn.linear_model",
    "sklearn.model_selection",
    "trl",
)
#: Seconds for which an idle supervisor stays.
_IDLE_S = "0.5"
#: Seconds that processes have to end by themselves when all is done.
_END_S = 15.0

Started = ForkedProcess | subprocess.Popen[bytes]


@dataclass
class Command:
    """A command of the program that was started."""

    words: tuple[str, ...]
    process: ForkedProcess
    out: Path
    is_hit: bool = False
    """Whether the storm has killed it."""

    def text(self) -> str:
        """What it has printed."""
        with suppress(OSError):
            return self.out.read_text(encoding="utf-8", errors="replace")
        return ""


@dataclass
class Processes:
    """Starts and finds the processes of one workspace.

    `as_program`: supervisors and workers are started by commands, as the program does it, so that workers may
    wait for further jobs. Otherwise they are forked with their libraries loaded, which takes a tenth of the
    time.
    """

    workspace: WorkspacePaths
    logs: Path
    as_program: bool = False
    supervisors: list[Started] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    app: Terminal | None = None
    app_is_hit: bool = False

    def environment(self) -> dict[str, str]:
        return os.environ | {
            "OPENAI_API_KEY": KEY,
            "EMPATHY_SUPERVISOR_IDLE_S": _IDLE_S,
            "OMP_NUM_THREADS": "1",
            "PYTHONFAULTHANDLER": "1",
        }

    def supervise(self) -> Started:
        """Start a supervisor, whether there is one or not."""
        self.workspace.artifacts.mkdir(parents=True, exist_ok=True)
        log = self.logs / "supervisor.log"
        if self.as_program:
            with log.open("ab") as out:
                process: Started = subprocess.Popen(
                    [
                        sys.executable,
                        "-P",
                        "-m",
                        "core.pipeline.supervision.supervisor",
                        str(self.workspace.root),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env=self.environment(),
                    start_new_session=True,
                )
        else:
            process = ForkedProcess(
                supervising.supervise, self.workspace, worker.main, out=log, environment=self.environment()
            )
        self.supervisors.append(process)
        return process

    def is_supervised(self) -> bool:
        """Whether a supervisor runs, or is about to."""
        self.supervisors = [one for one in self.supervisors if one.poll() is None]
        return bool(self.supervisors) or launch.is_running(self.workspace)[0]

    def command(self, *words: str) -> Command:
        """Start a command of the program."""
        out = self.logs / f"command-{len(self.commands)}.txt"
        process = ForkedProcess(
            forked_program.work,
            ("--workspace", str(self.workspace.root), *words),
            self.logs,
            out=out,
            environment=self.environment() | {"NO_COLOR": "1", "COLUMNS": "100"},
        )
        self.commands.append(Command(words, process, out))
        return self.commands[-1]

    def open_app(self) -> None:
        os.environ.update(self.environment())
        self.app = Terminal([sys.executable, "-m", "tui", "--workspace", str(self.workspace.root)])
        self.app_is_hit = False

    def close_app(self) -> str:
        """End the app; what its screen shows, and whether it had ended before."""
        if self.app is None:
            return ""
        for _ in self.app.draw():
            pass
        with self.app as app:
            text = app.text()
        self.app = None
        return text

    def supervisor_pids(self) -> list[int]:
        found = {one.pid for one in self.supervisors if one.poll() is None}
        is_running, pid = launch.is_running(self.workspace)
        if is_running and pid is not None:
            found.add(pid)
        return sorted(found)

    def worker_pids(self) -> list[int]:
        """The processes that work in the workspace's folder, but for supervisors."""
        return sorted(self._inside() - set(self.supervisor_pids()))

    def _inside(self) -> set[int]:
        """The processes whose folder is the workspace's, zombies aside."""
        found = set()
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                with suppress(OSError):
                    folder = (entry / "cwd").readlink()
                    if str(folder).removesuffix(" (deleted)") == str(self.workspace.root):
                        found.add(int(entry.name))
        return found

    def left(self) -> list[str]:
        """What still runs although all is done: nothing may, after some seconds."""
        deadline = time.monotonic() + _END_S
        while (self._inside() or self.is_supervised()) and time.monotonic() < deadline:
            time.sleep(0.05)
        found = self._inside() | set(self.supervisor_pids())
        return [f"{pid}: {_command_line(pid)}" for pid in sorted(found)]

    def end(self) -> None:
        """Kill whatever is left, its own processes alone."""
        for process in (*self.supervisors, *(command.process for command in self.commands)):
            if process.poll() is None:
                process.kill()
                process.wait()
        self.close_app()
        while pids := self._inside():
            for pid in pids:
                send(pid, signal.SIGKILL)
            time.sleep(0.02)


def send(pid: int, number: signal.Signals) -> bool:
    """Send a signal; whether the process was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return "ended"
