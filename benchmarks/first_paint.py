"""How long until the first screen is painted, beside an empty Textual app, in fresh processes.

    python -m benchmarks.first_paint [--runs N] [--folder DIR] [--limit RATIO] [--limit-big SECONDS]

Each program starts in a terminal of its own (a pseudo-terminal). What is timed is process start to
the first frame's bytes: the first output that holds a cell of the screen, marked by the text
that each program paints. Empty app and program alternate, so a busy machine slows both. The big workspace
has a store of a million records (`benchmarks.store.big_store`, made in DIR unless it is there).
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from pathlib import Path

from benchmarks.store import big_store

EMPTY_APP = """
from textual.app import App
from textual.widgets import Static

class Empty(App[None]):
    def compose(self):
        yield Static("painted")

Empty().run()
"""

WAIT_S = 30.0


def first_paint(command: list[str], mark: bytes) -> float:
    """Seconds from starting `command` in an 80×24 terminal until it has written `mark`."""
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "xterm-256color"
        os.execv(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    seen = b""
    try:
        while mark not in seen:
            left = began + WAIT_S - time.perf_counter()
            if left <= 0 or not select.select([terminal], [], [], left)[0]:
                raise SystemExit(f"{command} painted nothing in {WAIT_S:.0f} s: {seen[-500:]!r}")
            seen += os.read(terminal, 65536)
        return time.perf_counter() - began
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="runs of each program")
    parser.add_argument("--folder", type=Path, default=big_store.FOLDER, help="the big workspace")
    parser.add_argument("--limit", type=float, help="exit with 1 above this ratio")
    parser.add_argument("--limit-big", type=float, help="and when the big store takes so many seconds more")
    options = parser.parse_args()
    big = big_store.made(options.folder.resolve())
    with tempfile.TemporaryDirectory() as folder, big_store.supervised(big):
        # All programs start from bytecode, as an installed program does; the first round writes it.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = str(Path(folder) / "bytecode")
        empty, full = Path(folder) / "empty", Path(folder) / "full"
        empty.mkdir()
        _fill(full)
        program = [sys.executable, "-m", "tui", "--workspace"]
        programs = {
            "empty Textual app": ([sys.executable, "-c", EMPTY_APP], b"painted"),
            "empty workspace": ([*program, str(empty)], b"pipeline"),
            "filled workspace": ([*program, str(full)], b"pipeline"),
            "big workspace": ([*program, str(big.root)], b"pipeline"),
        }
        times: dict[str, list[float]] = {name: [] for name in programs}
        for run in range(options.runs + 1):
            for name, (command, mark) in programs.items():
                seconds = first_paint(command, mark)
                if run:
                    times[name].append(seconds)
    medians = {name: statistics.median(found) for name, found in times.items()}
    base = medians["empty Textual app"]
    for name, median in medians.items():
        print(f"{name:<18} {median:6.3f} s   {median / base:5.2f} ×")
    worst, more = max(medians.values()) / base, medians["big workspace"] - medians["filled workspace"]
    print(f"the big store adds {more:6.3f} s")
    if options.limit is not None and worst > options.limit:
        sys.exit(
            f"the first screen takes {worst:.2f} times an empty app's time; the limit is {options.limit}"
        )
    if options.limit_big is not None and more > options.limit_big:
        sys.exit(f"the big store adds {more:.3f} s to the first screen; the limit is {options.limit_big}")


def _fill(root: Path) -> None:
    """A workspace with the bundled sample imported."""
    from core.api import SAMPLE, create_workspace, open_workspace

    os.environ["EMPATHY_SUPERVISOR_IDLE_S"] = "0"
    commands = open_workspace(create_workspace(root)).commands
    commands.wait(commands.apply_import(commands.plan_import(SAMPLE)))


if __name__ == "__main__":
    main()
