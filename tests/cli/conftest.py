"""The program as a process of its own, on a workspace of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from core.config.workspace import WorkspacePaths
from core.pipeline import launch
from core.store import connections

PROGRAM = (sys.executable, "-m", "tui")
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

    def __call__(self, *words: str | Path, code: int | None = 0, **more: str) -> Finished:
        """Run one command to its end; its exit code must be `code`, unless that is None."""
        ended = subprocess.run(
            self.command(*words),
            cwd=self.root.parent,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=240,
            check=False,
        )
        found = Finished(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert code is None or found.code == code, f"{words}: {found}"
        return found

    def command(self, *words: str | Path) -> list[str]:
        return [*PROGRAM, "--workspace", str(self.root), *map(str, words)]


def end_processes(root: Path) -> None:
    """Kill the supervisors of the workspaces in or below `root`, and their workers."""
    deadline = time.monotonic() + 30
    for lock in root.rglob("supervisor.lock"):
        while (found := launch.is_running(WorkspacePaths(lock.parents[1]))) and found[0]:
            assert time.monotonic() < deadline, f"the supervisor of {lock.parent} does not die"
            if found[1] is not None and psutil.pid_exists(found[1]):
                process = psutil.Process(found[1])
                for member in (process, *process.children(recursive=True)):
                    with suppress(psutil.NoSuchProcess):
                        member.kill()
            time.sleep(0.01)


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
