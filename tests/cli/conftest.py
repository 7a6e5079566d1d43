"""The program as a process of its own, on a workspace of its own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.store import connections
from tests.cli import forked_program
from tests.support import waiting
from tests.support.processes.forking import Loaded

PROGRAM = (sys.executable, "-m", "tui")
#: The command that loads PyTorch, whatever the workspace.
DOCTOR = "doctor"
#: Variables that an interpreter, or a library that is loaded, reads when it starts.
READ_AT_START = ("HF_", "LANG", "LC_", "PYTHON")
ROOT = Path(__file__).resolve().parents[2]

#: Its recipe is a light job; its student is not there, so whatever needs it fails.
LIGHT = """
[students.tiny]
model = "./no-such-student"
[recipes]
train = ["direct/chatgpt"]
[runs]
stages = ["sft"]
device = "cpu"
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would change the output; the project can be imported."""
    gone = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "EMPATHY_WORKSPACE", "TTY_COMPATIBLE")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "LANG": "C.UTF-8"} | more


@dataclass(frozen=True)
class Finished:
    """What a process left."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """Runs commands on one workspace."""

    root: Path
    loaded: Loaded = "program"
    """What its commands need: most of them no models."""

    def __call__(self, *words: str | Path, code: int | None = 0, **more: str) -> Finished:
        """Run one command to its end; its exit code must be `code`, unless that is None."""
        if any(name.startswith(READ_AT_START) for name in more):
            ended = waiting.run(self.command(*words), cwd=self.root.parent, env=environment(**more))
        else:
            loaded: Loaded = "models" if DOCTOR in words else self.loaded
            ended = forked_program.run(self.command(*words), self.root.parent, environment(**more), loaded)
        found = Finished(ended.code, ended.out.decode(), ended.err.decode())
        assert code is None or found.code == code, f"{words}: {found}"
        return found

    def command(self, *words: str | Path) -> list[str]:
        return [*PROGRAM, "--workspace", str(self.root), *map(str, words)]


def end_processes(root: Path) -> None:
    """Kill the supervisors of the workspaces in or below `root`, and their workers."""
    for lock in root.rglob("supervisor.lock"):
        workspace = WorkspacePaths(lock.parents[1])
        waiting.wait_until(partial(_is_ended, workspace), f"the end of the supervisor of {workspace.root}")


def _is_ended(workspace: WorkspacePaths) -> bool:
    """Kill a workspace's supervisor and its workers; whether there is none any more."""
    is_running, pid = launch.is_running(workspace)
    # One that has just ended is no process any more.
    with suppress(psutil.NoSuchProcess):
        if pid is not None and is_running:
            process = psutil.Process(pid)
            for member in (process, *process.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    member.kill()
    return not is_running


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state.db without data: making one takes longer than any command."""
    path = tmp_path_factory.mktemp("empty") / "state.db"
    connections.writer(path).close()
    return path


@pytest.fixture
def program(tmp_path: Path, empty_store: Path) -> Iterator[Program]:
    """The program on a folder with LIGHT as its configuration, and no data yet."""
    made = make_program(tmp_path / "work")
    shutil.copy(empty_store, made.root)
    yield made
    end_processes(tmp_path)


def make_program(root: Path, config: str = LIGHT) -> Program:
    root.mkdir()
    (root / "config.toml").write_text(config)
    return Program(root)


@pytest.fixture
def changed() -> Callable[[Path, str, str], Path]:
    """A function that writes a copy of a file in which one text stands for another."""

    def change(path: Path, old: str, new: str) -> Path:
        text = path.read_text(encoding="utf-8")
        assert old in text
        copy = path.with_name(f"changed-{path.name}")
        copy.write_text(text.replace(old, new, 1), encoding="utf-8")
        return copy

    return change
