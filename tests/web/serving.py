"""The command `serve` as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.cli.conftest import PROGRAM, environment
from tests.support import waiting


@dataclass
class Served:
    """A server that runs, where, and what it has printed."""

    process: subprocess.Popen[str]
    port: int
    printed: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sessions(self) -> list[psutil.Process]:
        """The processes of its tabs."""
        found: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):
            found += psutil.Process(self.process.pid).children(recursive=True)
        return found

    def progress(self) -> object:
        """Observes the CPU time of the server and its tabs."""
        return waiting.cpu_time(self.process)()

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end; its exit code. What it printed is in `printed` then."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.printed += waiting.communicate(self.process)
        return self.process.returncode


@contextmanager
def serving(root: Path, *words: str, command: tuple[str, ...] = PROGRAM, **more: str) -> Iterator[Served]:
    """Serve a workspace on a free port; `more` is the server's environment."""
    process = subprocess.Popen(
        [*command, "--workspace", str(root), "serve", "--port", "0", *words],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        result = ""
        while "Ctrl+C stops the server" not in result:
            line = waiting.read_line(process)
            assert line, process.communicate()
            result += line
        found = re.search(r" at https?://\S+?(?::(\d+))?$", result, re.MULTILINE)
        assert found is not None
        yield Served(process, int(found[1] or 0), [result])
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
