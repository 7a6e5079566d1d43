"""Preparing an attempt: the paths of its inputs, its folder and its spec.json."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.domain import troubles
from core.domain.errors import UserError
from core.domain.jobs.job import LOCAL
from core.domain.states import JobState
from core.jobs import files, journal
from core.jobs import spec as specs
from core.jobs.inputs import ImportedDialogues, Input, JobOutput, JobResult, format_input
from core.jobs.journal import DamagedJournalError
from core.jobs.planned_job import PlannedJob
from core.jobs.spec import Spec
from core.pipeline.engines import reads
from core.pipeline.engines.reads import Reads
from core.store.jobs import job_attempts, job_records, jobs
from core.store.jobs.job_attempts import Attempt
from core.store.jobs.jobs import StoredJob

_UNFINISHED: tuple[JobState, ...] = ("waiting", "ready", "running")


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
    found = {name: _resolve(connection, workspace, read) for name, read in job.inputs.items()}
    # What has no result has failed, or was stopped: its reader does without.
    return {name: str(path) for name, path in found.items() if path is not None}


def _resolve(connection: sqlite3.Connection, workspace: WorkspacePaths, read: Input) -> Path | None:
    """The path of an input; None for the result of a job that has none. Raises as `resolve_inputs` does."""
    try:
        return _find(connection, workspace, read)
    except PermissionError as error:
        raise UserError(troubles.trouble_in_words(error) or str(error)) from error


def _find(connection: sqlite3.Connection, workspace: WorkspacePaths, read: Input) -> Path | None:
    match read:
        case ImportedDialogues(sha256):
            path = workspace.dialogues(sha256)
            if not path.exists():
                raise UserError(f"{path} is missing: import the data again, then retry")
        case JobResult(producer):
            done = [one for one in job_attempts.attempts(connection, job=producer) if one.state == "done"]
            if not done:
                return None
            path = workspace.inside(done[0].folder) / journal.NAME
            if not path.exists():
                raise MissingOutputError(producer, path)
        case JobOutput(producer, output):
            found = job_records.artifact(connection, producer, output)
            if found is None:
                raise UserError(
                    f"{producer} ended without the output {output!r}, which is an input of this job"
                )
            relative, size = found
            path = workspace.inside(relative)
            # Hashing large outputs would take minutes; the size detects a truncated or empty file.
            if not path.exists() or files.size(path) != size:
                raise MissingOutputError(producer, path)
    return path


def needed(connection: sqlite3.Connection, workspace: WorkspacePaths) -> Reads:
    """What there is by now of what the jobs read that have not ended."""
    inputs: dict[Input, None] = {}
    paths: list[Path] = []
    prior: list[Path] = []
    for state in _UNFINISHED:
        for job in jobs.slots(connection, state):
            with suppress(UserError):
                stored = jobs.get(connection, job)
                assert stored is not None, "it is in the store"
                inputs |= dict.fromkeys(stored.job.inputs.values())
                paths += reads.of_settings(stored.job.settings)
                past = job_attempts.attempts(connection, job=job)
                prior += [
                    workspace.inside(one.folder)
                    for one in past
                    if one.number > stored.redone_after and one.state != "running"
                ]
    for read in inputs:
        with suppress(UserError, MissingOutputError):
            path = _resolve(connection, workspace, read)
            paths += [] if path is None else [path]
    return Reads(tuple(dict.fromkeys((*paths, *prior))), frozenset(prior))


def prepare(
    workspace: WorkspacePaths,
    stored: StoredJob,
    inputs: dict[str, str],
    prior: Sequence[str],
    threads: int,
    spent_usd: float = 0.0,
    gpu: str | None = None,
    engine: str = LOCAL,
) -> tuple[int, Path]:
    """Make the folder of the job's next attempt, with its spec.json; its number, and the folder.

    `prior` is relative to the workspace. A folder that is there is never used again, whatever the store knows
    of it. Raises `UserError` when it cannot be written.
    """
    job = stored.job
    try:
        number, folder = _new_folder(workspace, job.id, stored.attempt)
    except OSError as error:
        raise UserError(
            f"{workspace.attempt(job.id, stored.attempt + 1)} cannot be written: {error.strerror}"
        ) from error
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
        slot=job.slot,
        reads={name: format_input(read) for name, read in job.inputs.items()},
        depends_on=job.depends_on,
        redone_after=stored.redone_after,
        spent_usd=spent_usd,
        gpu=gpu,
        engine=engine,
        sends_requests=stored.sends_requests,
        ignores_rungs=stored.ignores_rungs,
    )
    try:
        specs.write(folder, spec)
        files.sync_folder(folder.parent)
        files.sync_folder(folder.parent.parent)
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from error
    return number, folder


def _new_folder(workspace: WorkspacePaths, job: str, known: int) -> tuple[int, Path]:
    """Make a folder with a number above those of all attempts that the store or the folder knows."""
    job_folder = workspace.attempt(job, 1).parent
    job_folder.mkdir(parents=True, exist_ok=True)
    there = [int(entry.name) for entry in job_folder.iterdir() if entry.name.isdecimal()]
    number = max([known, *there]) + 1
    folder = workspace.attempt(job, number)
    folder.mkdir()
    return number, folder


def check_known(workspace: WorkspacePaths, job: str, known: Iterable[int]) -> None:
    """Raise `UserError` if the job's folder has attempts that worked and of which the store does not know.

    The store is an older one then, and would have done, and paid, again what they did. Folders from which no
    store could be made again are left out, or the remedy would be advised for ever.
    """
    job_folder = workspace.attempt(job, 1).parent
    numbers = {path.parent.name for path in job_folder.glob(f"*/{journal.NAME}")}
    there = {int(number) for number in numbers if number.isdecimal()}
    for number in sorted(there.difference(known)):
        folder = workspace.attempt(job, number)
        if _has_worked(folder):
            raise _unknown(folder)


def check_all_known(connection: sqlite3.Connection, workspace: WorkspacePaths) -> None:
    """Raise `UserError` if a folder has an attempt that worked, and of which the store does not know.

    Folders from which no store could be made again are left out.
    """
    known = job_attempts.folders(connection)
    for path in workspace.artifacts.glob(f"jobs/*/*/{journal.NAME}"):
        folder = path.parent
        if folder.relative_to(workspace.root).as_posix() not in known and _has_worked(folder):
            raise _unknown(folder)


def _has_worked(folder: Path) -> bool:
    try:
        spec = specs.recover(folder)
        is_own = (spec.job, str(spec.attempt)) == (folder.parent.name, folder.name)
        return is_own and next(journal.read(folder), None) is not None
    except (UserError, DamagedJournalError, OSError):
        return False


def _unknown(folder: Path) -> UserError:
    return UserError(
        f"{folder} has an attempt that is not in state.db: state.db was lost or restored, or its -wal "
        f"file was removed; {troubles.REBUILD}"
    )


def lost_without_progress(history: Sequence[Attempt], *, preempted: bool = False) -> int:
    """How many of the newest attempts in a row were lost without progress beyond all earlier of them.

    Those whose place was taken away died of nothing that they did. They are left out as if there had been
    none, unless `preempted`. `history` is newest first.
    """
    best, count = -1, 0
    lost = takewhile(lambda attempt: attempt.state in ("lost", job_attempts.PREEMPTED), history)
    for attempt in reversed([one for one in lost if preempted or one.state == "lost"]):
        reached = attempt.reached or 0
        best, count = (reached, 1) if reached > best else (best, count + 1)
    return count
