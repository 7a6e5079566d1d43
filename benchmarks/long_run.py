"""Jobs that record as fast as they can: what the supervisor's ingestion takes of memory, files and disk.

    python -m benchmarks.long_run [--jobs 50] [--records 10000000]

A process writes the journals of all jobs, as workers do, and this one takes them into a store, as the
supervisor does. Printed for each tenth: records, records a second, memory of this process, its open files,
the size of the store by record, and of the journals. Memory, files and the size by record must stay the same
however long it goes on.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import psutil

from core.config.workspace import WorkspacePaths
from core.jobs import journal
from core.jobs.journal import Journal
from core.jobs.records import Metric, Progress, Record, VerdictRecord
from core.pipeline.supervision import ingest
from core.store import connections
from core.store.jobs import job_attempts, jobs
from tests.support.records.made_settings import planned

#: Records that a job writes at once.
_PART = 500


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=50)
    parser.add_argument("--records", type=int, default=10_000_000)
    given = parser.parse_args()
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
                target=write, args=(workspace.root, names, given.records // given.jobs)
            )
            process.start()
            take_in(connection, workspace, given.records // given.jobs * given.jobs)
            process.join()
    return 0


def write(root: Path, names: list[str], each: int) -> None:
    """Write the journals, a part of each in turn."""
    workspace = WorkspacePaths(root)
    journals = [Journal(workspace.attempt(name, 1)) for name in names]
    for start in range(0, each, _PART):
        for one in journals:
            one.write(*(_record(number) for number in range(start, min(start + _PART, each))))


def _record(number: int) -> Record:
    match number % 10:
        case 0:
            return Progress(number, 10**9)
        case 1 | 2 | 3:
            return Metric(number, {"loss": 1.0 / (number + 1), "grad_norm": 1.5})
        case _:
            return VerdictRecord(f"dialogue-{number}", "ab", "a", "1")


def take_in(connection: sqlite3.Connection, workspace: WorkspacePaths, wanted: int) -> None:
    """Take in all records, and print what that takes."""
    this = psutil.Process()
    print("| records | records/s | memory, MB | open files | store, bytes/record | journals, MB |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
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
                    f"{this.num_fds()} | {store / done:.0f} | {written / 1e6:.0f} |",
                    flush=True,
                )
                last, last_at = done, now
        if not found:
            time.sleep(0.05)
    print(f"{done:,} records in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
