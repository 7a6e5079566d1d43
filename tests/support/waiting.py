"""Waiting for progress instead of waiting for the clock.

A busy machine may take any time, so a wait never has a total time that could pass. It ends when its condition
holds, and it fails when a process that it depends on has ended, or when nothing has changed for a long while.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, AnyStr, Protocol, TypeAlias, TypeVar

import psutil

T = TypeVar("T")

#: Seconds without any change after which a wait fails.
STALL_S = 300.0
#: Seconds after which a wait fails even while things change: a guard against endless loops that no wait
#: comes near, on however slow a machine.
LIMIT_S = 3600.0
#: The most seconds that count between two looks: while this process does not run, because the machine is
#: suspended or has other work, nobody else can be expected to run.
_LONGEST_STEP_S = 1.0
#: Seconds between two looks at what has progressed, which may cost more than the condition itself.
_PROGRESS_EVERY_S = 0.5
#: Seconds of CPU time that count as progress.
_CPU_STEP_S = 0.5


class StartedProcess(Protocol):
    """A process that this one started, as `subprocess.Popen` is one."""

    returncode: Any

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


Process: TypeAlias = StartedProcess | psutil.Process
Progress = Callable[[], object]


class StalledError(AssertionError):
    """A wait is in vain: nothing changes any more, or the process that should change it has ended."""


class Patience:
    """Keeps the time since anything changed.

    `progress` returns something that differs whenever there was progress. `processes` are those without which
    the wait is in vain. `show` returns what to report when the wait fails.
    """

    def __init__(
        self,
        what: str,
        *,
        progress: Progress | None = None,
        processes: Sequence[Process] = (),
        show: Callable[[], object] | None = None,
        stall_s: float = STALL_S,
    ) -> None:
        self._what = what
        self._progress = progress or cpu_time(*processes)
        self._processes = processes
        self._show = show
        self._stall_s = stall_s
        self._seen: object = None
        self._stalled_s = 0.0
        self._waited_s = 0.0
        self._looked_at = self._progress_at = time.monotonic()

    def ended(self) -> str | None:
        """Which process has ended, if any has; to be called before the condition is looked at, as a process
        may end right after it has brought the condition about."""
        for process in self._processes:
            if not is_running(process):
                code = "an unknown code" if isinstance(process, psutil.Process) else process.returncode
                return f"process {process.pid} has ended with {code}"
        return None

    def check(self, ended: str | None = None) -> None:
        """Note what has changed since the last check.

        Raises:
            StalledError: Nothing has changed for too long, or a process had `ended`.
        """
        now = time.monotonic()
        step_s = min(now - self._looked_at, _LONGEST_STEP_S)
        self._looked_at = now
        self._stalled_s += step_s
        self._waited_s += step_s
        if ended is not None:
            self._fail(ended)
        if now - self._progress_at >= _PROGRESS_EVERY_S:
            self._progress_at = now
            seen = self._progress()
            if seen != self._seen:
                self._seen, self._stalled_s = seen, 0.0
        if self._stalled_s > self._stall_s:
            self._fail(f"nothing has changed for {self._stall_s:.0f} s")
        if self._waited_s > LIMIT_S:
            self._fail(f"it has taken {LIMIT_S:.0f} s")

    def _fail(self, why: str) -> None:
        shown = "" if self._show is None else f"\n{self._show()}"
        raise StalledError(f"waiting for {self._what}: {why}; last progress: {self._seen!r}{shown}")


def wait_until(
    holds: Callable[[], T | None],
    what: str,
    *,
    progress: Progress | None = None,
    processes: Sequence[Process] = (),
    show: Callable[[], object] | None = None,
    pause_s: float = 0.01,
) -> T:
    """Wait until `holds()` is true, and return its value.

    Without `progress` the CPU time of the `processes` is observed.

    Raises:
        StalledError: Nothing has changed for too long, or one of the processes has ended.
    """
    patience = Patience(what, progress=progress, processes=processes, show=show)
    while True:
        ended = patience.ended()
        if found := holds():
            return found
        patience.check(ended)
        time.sleep(pause_s)


async def wait_until_async(
    holds: Callable[[], T | None],
    what: str,
    *,
    progress: Progress | None = None,
    processes: Sequence[Process] = (),
    show: Callable[[], object] | None = None,
    pause: Callable[[], Awaitable[None]] | None = None,
) -> T:
    """`wait_until` for code in an event loop, which runs while `pause` is awaited."""
    patience = Patience(what, progress=progress, processes=processes, show=show)
    while True:
        ended = patience.ended()
        if found := holds():
            return found
        patience.check(ended)
        await (asyncio.sleep(0.02) if pause is None else pause())


async def result_of(
    awaitable: Awaitable[T],
    what: str,
    *,
    progress: Progress | None = None,
    processes: Sequence[Process] = (),
    show: Callable[[], object] | None = None,
) -> T:
    """Await something that may never come.

    Without `progress` or `processes` it has to come without any progress in between.

    Raises:
        StalledError: Nothing has changed for too long, or one of the processes has ended.
    """
    patience = Patience(what, progress=progress, processes=processes, show=show)
    task = asyncio.ensure_future(awaitable)
    try:
        while True:
            ended = patience.ended()
            done, _ = await asyncio.wait({task}, timeout=0.1)
            if done:
                return task.result()
            patience.check(ended)
    finally:
        task.cancel()
        with suppress(BaseException):
            await task


def wait_for_exit(
    process: StartedProcess,
    *,
    progress: Progress | None = None,
    show: Callable[[], object] | None = None,
) -> int:
    """Wait for a process to end; its exit code. Without `progress` its CPU time is observed.

    Raises:
        StalledError: Nothing has changed for too long.
    """
    patience = Patience("a process to end", progress=progress or cpu_time(process), show=show)
    while True:
        try:
            return process.wait(0.1)
        except subprocess.TimeoutExpired:
            patience.check()


def communicate(
    process: subprocess.Popen[AnyStr], *, progress: Progress | None = None
) -> tuple[AnyStr, AnyStr]:
    """`Popen.communicate` for as long as there is progress, by default in the process's CPU time.

    Raises:
        StalledError: Nothing has changed for too long.
    """
    patience = Patience("a process to end", progress=progress or cpu_time(process))
    while True:
        try:
            return process.communicate(timeout=0.1)
        except subprocess.TimeoutExpired:
            patience.check()


def read_line(process: subprocess.Popen[str]) -> str:
    """The next line that a process prints to its stdout; empty at the end.

    Raises:
        StalledError: It printed none, and used no CPU time for too long.
    """
    out = process.stdout
    assert out is not None
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.append(out.readline()), daemon=True)
    reader.start()
    patience = Patience("a line of a process's output", progress=cpu_time(process))
    while reader.is_alive():
        patience.check()
        reader.join(0.02)
    return lines[0]


@dataclass(frozen=True)
class Ended:
    """A process that has ended."""

    code: int
    """Its exit code; negative for a signal."""
    out: bytes
    """What it wrote to stdout."""
    err: bytes
    """What it wrote to stderr."""


def run(command: Sequence[str], *, env: dict[str, str] | None = None, cwd: Path | None = None) -> Ended:
    """Run a command to its end, for as long as it or its children use CPU time.

    Raises:
        StalledError: They used none for too long.
    """
    process = subprocess.Popen(
        command,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        out, err = communicate(process)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return Ended(process.returncode, out, err)


def is_running(process: Process) -> bool:
    """Whether it has not ended yet; a process that nobody has waited for has ended as well."""
    if not isinstance(process, psutil.Process):
        return process.poll() is None
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def cpu_time(*processes: Process, children_only: bool = False) -> Progress:
    """Observes the CPU time of processes and all their descendants, in steps of half a second.

    With `children_only` their own is left out: that of a supervisor, which looks around for ever, is no
    progress.
    """

    def seen() -> object:
        found: dict[int, int] = {}
        for process in processes:
            with suppress(psutil.Error):
                own = psutil.Process(process.pid)
                for one in (*(() if children_only else (own,)), *own.children(recursive=True)):
                    with suppress(psutil.Error):
                        times = one.cpu_times()
                        found[one.pid] = int((times.user + times.system) / _CPU_STEP_S)
        return found

    return seen


def file_sizes(*roots: Path) -> Progress:
    """Observes the size and the time of change of all files in folders: stores, journals and logs."""

    def seen() -> object:
        found: dict[str, tuple[int, int]] = {}
        for root in roots:
            for folder, _, names in os.walk(root):
                for name in names:
                    path = os.path.join(folder, name)  # noqa: PTH118 - thousands of files
                    with suppress(OSError):
                        status = os.stat(path)  # noqa: PTH116
                        found[path] = (status.st_size, status.st_mtime_ns)
        return hash(frozenset(found.items())), len(found)

    return seen


def any_of(*progress: Progress) -> Progress:
    """Observes several things at once."""
    return lambda: tuple(one() for one in progress)
