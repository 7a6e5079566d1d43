"""What is kept of a round that ended wrong: its files, and the processes of one that is stuck."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.storm.faults import Scene
from benchmarks.storm.processes import send

#: Larger files are left out: weights, and what fills a disk.
_MAX_BYTES = 16 << 20
#: Seconds that processes have to write their stacks, and to end.
_END_S = 10.0
_OF_PROCESS = ("status", "wchan", "syscall", "stack", "limits")
_OF_THREAD = ("comm", "stat", "wchan", "syscall", "stack")


def keep_processes(scene: Scene, folder: Path) -> None:
    """Write the state of a round's processes, each with its threads, its open files and its locks, and end
    them all: each writes the Python stacks of its threads, to its log or the terminal."""
    folder.mkdir(parents=True)
    found = _processes(scene)
    lines = []
    for process in found:
        with suppress(psutil.Error):
            cpu_s = sum(process.cpu_times()[:2])
            waits = _read(Path(f"/proc/{process.pid}/wchan"))
            lines.append(
                f"{process.pid} of {process.ppid()}, {process.status()}, {cpu_s:.1f} s of the processor, "
                f"at {waits}: {' '.join(process.cmdline())}"
            )
        (folder / f"{process.pid}.txt").write_text(_described(Path(f"/proc/{process.pid}")))
    (folder / "all.txt").write_text("\n".join([f"load {os.getloadavg()}", *lines]) + "\n")
    (folder / "locks.txt").write_text(_read(Path("/proc/locks")))
    # At once: a supervisor would start other workers.
    for number in (signal.SIGABRT, signal.SIGCONT):
        for process in found:
            send(process.pid, number)
    psutil.wait_procs(found, _END_S)


def keep_files(scene: Scene, folder: Path) -> None:
    """Copy a round's workspace, and what its processes have printed."""
    for source in (scene.workspace.root, scene.processes.logs):
        # What goes away meanwhile is not in the copy.
        with suppress(shutil.Error):
            shutil.copytree(source, folder / source.name, symlinks=True, ignore=_large, dirs_exist_ok=True)


def _large(folder: str, names: list[str]) -> Iterable[str]:
    for name in names:
        with suppress(OSError):
            if Path(folder, name).lstat().st_size > _MAX_BYTES:
                yield name


def _processes(scene: Scene) -> list[psutil.Process]:
    """Supervisors, workers, running commands, the app, and all that they have started."""
    running = [command.process for command in scene.processes.commands if command.process.poll() is None]
    app = scene.processes.app
    pids = {
        *scene.processes.supervisor_pids(),
        *scene.processes.worker_pids(),
        *(process.pid for process in running),
        *(() if app is None or scene.processes.app_is_hit else (app.pid,)),
    }
    found: dict[int, psutil.Process] = {}
    for pid in sorted(pids):
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            found |= {one.pid: one for one in (process, *process.children(recursive=True))}
    return list(found.values())


def _described(process: Path) -> str:
    parts = [f"== {name}\n{_read(process / name)}" for name in _OF_PROCESS]
    for thread in _entries(process / "task"):
        parts += [f"== thread {thread.name}, {name}\n{_read(thread / name)}" for name in _OF_THREAD]
    for descriptor in _entries(process / "fd"):
        with suppress(OSError):
            parts.append(f"== descriptor {descriptor.name}: {descriptor.readlink()}")
            parts.append(_read(process / "fdinfo" / descriptor.name))
    return "\n".join(parts)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=lambda entry: int(entry.name))
    except OSError:
        return []


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace").replace("\0", " ").rstrip()
    except OSError as error:
        return f"({error.strerror})"
