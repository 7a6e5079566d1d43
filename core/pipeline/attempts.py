"""Preparing an attempt: the paths of its inputs, its folder and its spec.json."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.jobs import files
from core.jobs import spec as specs
from core.jobs.inputs import ImportedDialogues, JobOutput
from core.jobs.planned_job import PlannedJob
from core.jobs.spec import Spec
from core.store import job_records
from core.store.jobs import Attempt, StoredJob


class MissingOutputError(Exception):
    """An input of a job is missing or damaged, although the job `producer` that wrote it is done."""

    def __init__(self, producer: str, path: Path) -> None:
        super().__init__(f"{path} is missing or incomplete")
        self.producer = producer


def resolve_inputs(
    connection: sqlite3.Connection, workspace: WorkspacePaths, job: PlannedJob
) -> dict[str, str]:
    """The absolute paths of a job's inputs.

    Raises `MissingOutputError` when another job can write the input again, `UserError` when only
    the user can restore it.
    """
    paths = {}
    for name, read in job.inputs.items():
        match read:
            case ImportedDialogues(sha256):
                path = workspace.dialogues(sha256)
                if not path.exists():
                    raise UserError(f"{path} is missing: import the data again, then retry")
            case JobOutput(producer, output):
                found = job_records.artifact(connection, producer, output)
                if found is None:
                    raise UserError(
                        f"{producer} ended without the output {output!r}, which is an input of this job"
                    )
                relative, size = found
                path = workspace.root / relative
                # Hashing large outputs would take minutes; the size detects a truncated or empty file.
                if not path.exists() or files.size(path) != size:
                    raise MissingOutputError(producer, path)
        paths[name] = str(path)
    return paths


def prepare(
    workspace: WorkspacePaths, stored: StoredJob, inputs: dict[str, str], prior: Sequence[str], threads: int
) -> Path:
    """Make the folder of the job's next attempt, with its spec.json. `prior` is relative to the workspace.

    Raises `UserError` when it cannot be written.
    """
    job, number = stored.job, stored.attempt + 1
    folder = workspace.attempt(job.id, number)
    spec = Spec(
        job=job.id,
        name=job.name,
        attempt=number,
        fingerprint=job.fingerprint,
        settings=job.settings,
        inputs=inputs,
        prior=tuple(str(workspace.root / earlier) for earlier in prior),
        threads=threads,
        cache=str(workspace.cache),
        sends_requests=stored.sends_requests,
    )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        specs.write(folder, spec)
        files.sync_folder(folder.parent)
        files.sync_folder(folder.parent.parent)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return folder


def deaths_without_progress(history: Sequence[Attempt]) -> int:
    """How many of the newest attempts in a row were lost without progress beyond all earlier attempts.

    `history` is newest first.
    """
    best, deaths = -1, 0
    for attempt in reversed(list(takewhile(lambda attempt: attempt.state == "lost", history))):
        reached = attempt.reached or 0
        best, deaths = (reached, 1) if reached > best else (best, deaths + 1)
    return deaths
