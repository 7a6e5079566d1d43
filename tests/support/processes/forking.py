"""Processes that are forked from a server, which has loaded the libraries once for all of them.

A supervisor spends half a second on imports, a worker with the library of a provider two. Tests that need
many of both have them forked, from one of two servers: with PyTorch and what builds on it in memory, to fork
a process and to end it costs six times as much.

They are processes like any other: each has an id, a session and a log of its own, and can be killed. That the
program starts its own by commands is tested in `tests/pipeline/test_launch.py` and `tests/cli`.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from multiprocessing import connection, forkserver, get_context
from pathlib import Path
from typing import IO, Any, Literal, NoReturn
from unittest.mock import patch

from core.config.workspace import WorkspacePaths
from core.pipeline.engines.local import LocalEngine
from core.pipeline.workers.warm_workers import WorkerProcess
from tests.support import waiting

#: What the server of a process has loaded: the program, or models and their training too.
Loaded = Literal["program", "models"]

_CONTEXT = get_context("forkserver")
_SERVERS: dict[Loaded, forkserver.ForkServer] = {
    "program": forkserver.ForkServer(),
    "models": forkserver.ForkServer(),
}
_MODULES: dict[Loaded, list[str]] = {
    "program": ["core.pipeline.supervision.supervisor", "core.pipeline.workers.worker"],
    "models": [],
}
#: Threads may start and look after processes at the same time; the library's bookkeeping expects one.
_LOCK = threading.Lock()


def preload(*modules: str, into: Loaded = "program") -> None:
    """Have modules loaded for processes; to be called while tests are collected."""
    _MODULES[into].extend(modules)
    program, models = _MODULES["program"], _MODULES["models"]
    _SERVERS["program"].set_forkserver_preload([*program, "tests.support.processes.preloaded"])
    _SERVERS["models"].set_forkserver_preload([*program, *models, "tests.support.processes.preloaded"])


class ForkedProcess:
    """A process that runs a function, with the interface of `subprocess.Popen`."""

    def __init__(
        self,
        run: Callable[..., int],
        *arguments: object,
        out: Path,
        err: Path | None = None,
        environment: Mapping[str, str] | None = None,
        loaded: Loaded = "program",
    ) -> None:
        """Start `run(*arguments)`, which returns the exit code.

        What it prints is appended to `out`; its errors are appended to `err`, where that is another file.
        """
        given = dict(os.environ if environment is None else environment)
        files = out, err or out
        self._process = _CONTEXT.Process(target=_run, args=(run, arguments, files, given), daemon=True)
        connect = _SERVERS[loaded].connect_to_new_process
        # The library knows one server alone.
        with _LOCK, patch.object(forkserver, "connect_to_new_process", connect):
            self._process.start()
        assert self._process.pid is not None
        self.pid: int = self._process.pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        with _LOCK:
            self.returncode = self._process.exitcode
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; its exit code."""
        while self.poll() is None:
            if not connection.wait([self._process.sentinel], timeout) and timeout is not None:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            # Its parent reaps it before the exit code comes.
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def run_to_end(process: ForkedProcess) -> int:
    """Wait for its end; its exit code. It does not outlive the wait.

    Raises:
        StalledError: It used no CPU time for too long.
    """
    try:
        return waiting.wait_for_exit(process)
    finally:
        process.kill()
        process.wait()


def _run(
    run: Callable[..., int],
    arguments: tuple[object, ...],
    files: tuple[Path, Path],
    environment: dict[str, str],
) -> NoReturn:
    out, err = files
    with out.open("ab") as printed, err.open("ab") as errors, Path(os.devnull).open("rb") as nothing:
        _redirect(nothing, printed, errors)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    sys.exit(run(*arguments))


def _redirect(stdin: IO[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> None:
    for descriptor, file in enumerate((stdin, stdout, stderr)):
        os.dup2(file.fileno(), descriptor)


class ForkedWorkers(LocalEngine):
    """Workers that are forked from their supervisor, with the modules that it has loaded."""

    def __init__(self, workspace: WorkspacePaths, run: Callable[[Path], int]) -> None:
        """`run` does what the program of a worker does with its folder, and returns the exit code."""
        super().__init__(workspace, keep_warm=False)
        self._run = run

    def _start_process(self, folder: Path, log: IO[bytes], lock: IO[str], *descriptors: int) -> WorkerProcess:
        sys.audit("subprocess.Popen", "worker", [str(folder)], None, None)
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process == 0:
            _become_worker(self._workspace.root, log, lock.fileno(), lambda: self._run(folder))
        return _Child(process)


class _Child:
    """A child of this process."""

    def __init__(self, process: int) -> None:
        self.pid = process
        self._code: int | None = None

    def poll(self) -> int | None:
        return self._wait(os.WNOHANG)

    def wait(self) -> int:
        code = self._wait(0)
        assert code is not None
        return code

    def _wait(self, options: int) -> int | None:
        if self._code is None:
            process, status = os.waitpid(self.pid, options)
            if process:
                self._code = os.waitstatus_to_exitcode(status)
        return self._code


def _become_worker(root: Path, log: IO[bytes], lock: int, run: Callable[[], int]) -> NoReturn:
    """Leave all that belongs to the supervisor, and work.

    The supervisor's connection to the store is never closed here, as that would write to it.
    """
    code: Any = 1
    try:
        os.setsid()
        os.chdir(root)
        with Path(os.devnull).open("rb") as nothing:
            _redirect(nothing, log, log)
        os.closerange(3, lock)
        os.closerange(lock + 1, os.sysconf("SC_OPEN_MAX"))
        logging.root.handlers.clear()
        random.seed()
        code = run()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as at the end of a program
        traceback.print_exc()
    finally:
        # As an interpreter ends: its threads first.
        threading._shutdown()  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
