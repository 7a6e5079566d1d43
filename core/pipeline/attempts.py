"""Starting a worker for a job, and telling whether it lives.

A worker holds an exclusive lock on `worker.lock` in its folder through a file descriptor that it
inherits already locked. The lock goes when the process does, whoever is its parent then, so a
supervisor can tell the life of workers that another one started.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

from core.errors import UserError
from core.pipeline.job import Spec, write_spec
from core.store import jobs
from core.store.jobs import Attempt, StoredJob
from core.workspace import Workspace

LOCK = "worker.lock"


class MissingOutputError(Exception):
    """What a job reads is not there: `producer` must run again, or None where the data is gone."""

    def __init__(self, producer: str | None, path: str) -> None:
        super().__init__(f"{path} is missing")
        self.producer = producer


def resolve_inputs(connection: sqlite3.Connection, workspace: Workspace, job: StoredJob) -> dict[str, str]:
    """The absolute paths of a job's inputs. Raises `MissingOutputError`."""
    paths = {}
    for name, ref in job.inputs.items():
        if ref.startswith("data:"):
            producer, path = None, workspace.dialogues(ref.removeprefix("data:"))
        else:
            producer, _, artifact = ref.partition("/")
            relative = jobs.artifact(connection, producer, artifact)
            if relative is None:
                raise MissingOutputError(producer, f"output {artifact} of {producer}")
            path = workspace.root / relative
        if not path.exists():
            raise MissingOutputError(producer, str(path))
        paths[name] = str(path)
    return paths


def prepare(
    workspace: Workspace, job: StoredJob, inputs: dict[str, str], prior: Sequence[str], threads: int
) -> Path:
    """Make the folder of the job's next attempt, with its spec.json."""
    number = job.attempt + 1
    folder = workspace.attempt(job.id, number)
    folder.mkdir(parents=True, exist_ok=True)
    spec = Spec(
        job=job.id,
        stage=job.stage,
        name=job.name,
        attempt=number,
        fingerprint=job.fingerprint,
        settings=job.settings,
        inputs=inputs,
        prior=[str(workspace.root / folder) for folder in prior],
        threads=threads,
    )
    try:
        write_spec(folder, spec)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def spawn(workspace: Workspace, folder: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a worker on a prepared folder, in a session of its own."""
    with (folder / LOCK).open("w") as lock, (folder / "log.txt").open("ab") as log:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return subprocess.Popen(
            [*command, str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=workspace.root,
            start_new_session=True,
            pass_fds=[lock.fileno()],
        )


def is_alive(folder: Path) -> bool:
    """Whether a worker holds this attempt's lock."""
    try:
        lock = (folder / LOCK).open("r")
    except FileNotFoundError:
        return False
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def send(workspace: Workspace, attempt: Attempt, number: signal.Signals) -> bool:
    """Signal an attempt's worker and its children; False when it cannot be (not here, not up, gone)."""
    if attempt.pid is None or attempt.host != socket.gethostname():
        return False
    if not is_alive(workspace.root / attempt.folder):
        return False
    try:
        os.killpg(attempt.pid, number)
    except ProcessLookupError:
        return False
    return True
