"""Ten jobs that stream records: what their workers would append to the journals, followed by a supervisor."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

from benchmarks.store import made_records
from core.api import WorkspacePaths
from core.domain.jobs.job import Job
from core.jobs.context import LOCK
from core.jobs.journal import Journal
from core.jobs.records import Answer, Metric, Progress, Record, ResponseRecord
from core.pipeline import launch
from core.store import connections
from core.store.jobs import job_attempts, job_queries

#: So many jobs of each stage stream.
_JOBS = {"sft": 2, "sft-dpo": 3, "respond": 2, "compare": 3}
#: Records a second and job.
_RATE = 50
#: Seconds between a worker's writes.
_WRITE_S = 0.1


@contextmanager
def followed(
    workspace: WorkspacePaths, running: Iterable[Path], write: Callable[..., None], *given: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A supervisor that takes the workers of these attempts' folders for alive; `write(*given, stop)` writes
    their journals meanwhile, in a process of its own."""
    with ExitStack() as stack:
        for folder in running:
            lock = stack.enter_context((folder / LOCK).open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        log = stack.enter_context(workspace.supervisor_log.open("ab"))
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "core.pipeline.supervision.supervisor", str(workspace.root)],
            stdout=log,
            stderr=log,
        )
        context = multiprocessing.get_context("spawn")
        stop = context.Event()
        writer = context.Process(target=write, args=(*given, stop), daemon=True)
        writer.start()
        try:
            while not launch.is_running(workspace)[0]:
                if supervisor.poll() is not None:
                    raise SystemExit(f"the supervisor ended:\n{workspace.supervisor_log.read_text()}")
                time.sleep(0.05)
            yield supervisor
        finally:
            stop.set()
            writer.join()
            supervisor.kill()
            supervisor.wait()


@contextmanager
def streamed(workspace: WorkspacePaths) -> Iterator[None]:
    """Ten of the running jobs write their journals meanwhile, and a supervisor follows all that run."""
    with closing(connections.reader(workspace.state)) as connection:
        attempts = job_attempts.attempts(connection, state="running")
    folders = [workspace.root / attempt.folder for attempt in attempts]
    with followed(workspace, folders, _write, workspace.root):
        before, began = stored(workspace), time.monotonic()
        yield
        rate = (stored(workspace) - before) / (time.monotonic() - began)
        print(f"{rate:.0f} records a second came into the store meanwhile")


def stored(workspace: WorkspacePaths) -> int:
    """How many records of all journals are in the store."""
    with closing(connections.reader(workspace.state)) as connection:
        return int(connection.execute("SELECT sum(seq) FROM attempts").fetchone()[0])


def _write(root: Path, stop: Event) -> None:
    """Append to the journals until it is requested to stop."""
    workspace = WorkspacePaths(root)
    with closing(connections.reader(workspace.state)) as connection:
        running = [job for job in job_queries.jobs(connection).values() if job.state == "running"]
        chosen = [
            job
            for stage, count in _JOBS.items()
            for job in [job for job in running if job.stage == stage][:count]
        ]
        test = [
            row["dialog_id"]
            for row in connection.execute("SELECT dialog_id FROM dialogues WHERE split = 'test'")
        ]
        streams = [_records(connection, job, test) for job in chosen]
        folders = {
            attempt.job: root / attempt.folder
            for attempt in job_attempts.attempts(connection, state="running")
        }
    journals = [Journal(folders[job.id]) for job in chosen]
    logs = [(folders[job.id] / "log.txt").open("a") for job in chosen]
    began, written = time.monotonic(), 0
    while not stop.wait(_WRITE_S):
        due = int((time.monotonic() - began) * _RATE) - written
        written += due
        for job, journal, log, stream in zip(chosen, journals, logs, streams, strict=True):
            journal.write(*(next(stream) for _ in range(due)))
            log.write(made_records.log_lines(job.name, 1))
            log.flush()


def _records(connection: sqlite3.Connection, job: Job, test: Sequence[str]) -> Iterator[Record]:
    """What a job goes on with, without an end: every other record brings it forward."""
    row = connection.execute("SELECT done, total FROM jobs WHERE id = ?", (job.id,)).fetchone()
    if job.stage in ("sft", "sft-dpo"):
        return steps(job.id, row["done"], row["total"], dpo=job.stage == "sft-dpo")
    if job.stage == "respond":
        return _responses(row["done"], row["total"], test)
    token = connection.execute("SELECT token FROM submissions WHERE job = ?", (job.id,)).fetchone()[0]
    return _answers(token, row["done"], row["total"], test)


def steps(job: str, done: int, total: int, *, dpo: bool) -> Iterator[Record]:
    """What training reports, step by step."""
    rows = made_records.metric_rows(job, 1_000_000, 0.0, 0.0, dpo=dpo)
    for _, step, _, metrics in rows:
        yield Metric(done + step, json.loads(metrics))
        yield Progress(min(done + step, total), total, 3600.0)


def _responses(done: int, total: int, test: Sequence[str]) -> Iterator[Record]:
    """Round and round over the dialogues that have none yet, so that the job never ends."""
    draw, number = random.Random(0), 0
    while True:
        yield ResponseRecord(test[done + number % (total - done)], made_records.text(draw, "proud"), "stop")
        yield Progress(done + number % (total - done), total, 60.0)
        number += 1


def _answers(token: str, done: int, total: int, test: Sequence[str]) -> Iterator[Record]:
    number = 0
    while True:
        key = f"{number:032x}"
        yield Answer(token, key, 1, test[number % len(test)], "ok", "1", None, 330, 0, 1, 0.00002)
        yield Progress(done + number % (total - done), total, 60.0)
        number += 1
