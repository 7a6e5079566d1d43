"""Jobs that record for a long time: what the supervisor's ingestion takes of memory, files and disk.

    python -m benchmarks.long_run [--jobs 50] [--records 10000000] [--minutes 60]

A process writes the journals of all jobs, as workers do, and this one takes them into a store, as the
supervisor does. Without `--minutes` they are written as fast as possible; with it they are spread over that
time, and the app shows the store meanwhile, one screen after the other. Printed for each tenth: records,
records a second, memory of this process, its open files, the size of the store by record, and of the
journals; with the app also its memory and open files, and the milliseconds from a key press to its effect
on the screen. Memory, files, the size by record and the time of keys must stay the same however long it
goes on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import psutil

from benchmarks.keys import CURSOR, MOVES, Hand, p95, program, started
from benchmarks.terminal import Terminal
from core.config.workspace import WorkspacePaths
from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import Metric, Progress, Record, VerdictRecord
from core.pipeline.supervision import ingest
from core.store import connections
from core.store.jobs import job_attempts, jobs
from tests.support.records.made_settings import planned
from tui.navigation.bindings import SCREENS

#: Records that a job writes at once.
_PART = 500
#: The same where they are spread over a time.
_SPREAD_PART = 20
#: Seconds on each screen of the app, and keys pressed on it.
_STAY_S, _PRESSES = 5.0, 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--minutes", type=float, help="spread the records over this time, and open the app")
    given = parser.parse_args()
    seconds = None if given.minutes is None else given.minutes * 60
    each = given.records // given.jobs
    with tempfile.TemporaryDirectory() as folder:
        workspace = WorkspacePaths(Path(folder))
        names = [f"judge-{number}" for number in range(given.jobs)]
        with closing(connections.writer(workspace.state)) as connection:
            with connections.transaction(connection):
                jobs.put(connection, [planned(name) for name in names])
                for name in names:
                    job_attempts.begin_attempt(connection, name, 1, f"artifacts/jobs/{name}/1")
            for name in names:
                workspace.attempt(name, 1).mkdir(parents=True)
            process = multiprocessing.get_context("spawn").Process(
                target=write, args=(workspace.root, names, each, seconds)
            )
            with watched(workspace) if seconds is not None else nullcontext() as app:
                process.start()
                take_in(connection, workspace, each * given.jobs, app)
            process.join()
    return 0


def write(root: Path, names: list[str], each: int, seconds: float | None) -> None:
    """Write the journals, a part of each in turn, as fast as possible or spread over `seconds`."""
    workspace = WorkspacePaths(root)
    journals = [Journal(workspace.attempt(name, 1)) for name in names]
    part, began = (_PART if seconds is None else _SPREAD_PART), time.monotonic()
    for start in range(0, each, part):
        if seconds is not None:
            time.sleep(max(0.0, began + seconds * start / each - time.monotonic()))
        for one in journals:
            one.write(*(_record(number) for number in range(start, min(start + part, each))))


@dataclass
class App:
    """The app in a terminal of its own, that somebody uses."""

    process: psutil.Process
    key_s: list[float] = field(default_factory=list)
    """Seconds of the keys pressed since the last row."""

    def row(self) -> str:
        """The columns of a table's row, and those of the next one begin."""
        key_s, self.key_s = self.key_s, []
        of_keys = "—"
        if key_s:
            of_keys = f"{statistics.median(key_s) * 1e3:.0f} / {p95(key_s):.0f} / {max(key_s) * 1e3:.0f}"
        memory = self.process.memory_full_info().uss / 1e6
        return f" {memory:.0f} | {self.process.num_fds()} | {of_keys} |"


@contextmanager
def watched(workspace: WorkspacePaths) -> Iterator[App]:
    """The app shows the workspace meanwhile, and goes from screen to screen."""
    with Terminal(program(workspace)) as terminal:
        started(terminal, "home")
        app, stop = App(psutil.Process(terminal.pid)), Event()
        person = Thread(target=_use, args=(terminal, app, stop))
        person.start()
        try:
            yield app
        finally:
            stop.set()
            person.join()


def _use(terminal: Terminal, app: App, stop: Event) -> None:
    """Open one screen after the other, and press what moves there."""
    while True:
        for name, key, _ in SCREENS:
            terminal.press(key)
            if stop.wait(_STAY_S):
                return
            times: dict[str, list[float]] = {"move": []}
            Hand(terminal, CURSOR, times).move("move", MOVES.get(name, ("j", "k")), _PRESSES)
            app.key_s += times["move"]


def _record(number: int) -> Record:
    match number % 10:
        case 0:
            return Progress(number, 10**9)
        case 1 | 2 | 3:
            return Metric(number, {"loss": 1.0 / (number + 1), "grad_norm": 1.5})
        case _:
            return VerdictRecord(f"dialogue-{number}", "ab", "a", "1")


def take_in(connection: sqlite3.Connection, workspace: WorkspacePaths, wanted: int, app: App | None) -> None:
    """Take in all records, and print what that takes."""
    this = psutil.Process()
    columns = ["records", "records/s", "memory, MB", "open files", "store, bytes/record", "journals, MB"]
    if app is not None:
        columns += ["app: memory, MB", "open files", "key, ms: median / p95 / max"]
    print(f"| {' | '.join(columns)} |")
    print("|" + " ---: |" * len(columns))
    began = last_at = time.perf_counter()
    done = last = 0
    while done < wanted:
        found = 0
        for attempt in job_attempts.attempts(connection, state="running"):
            new = ingest.ingest(connection, workspace.root, attempt).records
            found, done = found + new, done + new
            if done - last >= wanted // 10 or (new and done == wanted):
                now = time.perf_counter()
                store = sum(path.stat().st_size for path in workspace.root.glob("state.db*"))
                journals = workspace.artifacts.glob(f"jobs/*/*/{journal.NAME}")
                written = sum(path.stat().st_size for path in journals)
                print(
                    f"| {done:,} | {(done - last) / (now - last_at):,.0f} | "
                    f"{this.memory_info().rss / 1e6:.0f} | "
                    f"{this.num_fds()} | {store / done:.0f} | {written / 1e6:.0f} |"
                    + ("" if app is None else app.row()),
                    flush=True,
                )
                last, last_at = done, now
        if not found:
            time.sleep(0.05)
    print(f"{done:,} records in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
