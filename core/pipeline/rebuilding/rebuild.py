"""Making state.db again from the folders of all attempts, which hold everything that jobs have done, and from
the history, which holds what else was requested.

What nobody recorded outside of the old file is read from it, as far as it can be read: what no supervisor has
carried out yet, and the votes, settings, imports and requests of workspaces that older versions of the
program worked in.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from core.config.workspace import WorkspacePaths
from core.dialogues.files import records
from core.dialogues.importing import staging
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.jobs import files, journal
from core.pipeline import launch
from core.pipeline.rebuilding.attempt_folders import Attempts, attempt_folders, first_record_at
from core.pipeline.rebuilding.job_rows import add_job, add_requested
from core.pipeline.rebuilding.recorded_outside import RecordedOutside, read_recorded
from core.pipeline.supervision import job_starter, supervisor
from core.pipeline.supervision.history import Imported, Requested
from core.store import connections, intents, workspace_settings
from core.store.connections import transaction
from core.store.dialogues import dialogues
from core.store.evaluation import votes
from core.store.jobs import jobs, run_notes


@dataclass(frozen=True)
class Rebuilt:
    """What was made again."""

    jobs: int
    """Jobs with at least one attempt."""
    requested: int
    """Jobs that were requested and had not begun."""
    attempts: int
    """Their attempts."""
    records: int
    """Records of their journals."""
    votes: int
    """Votes of people."""
    dialogues: int
    """Imported dialogues; 0 where none were found."""
    set_aside: Path | None
    """Where the old state.db is now; None if there was none."""
    problems: tuple[str, ...]
    """What could not be read, in sentences."""


def rebuild(workspace: WorkspacePaths) -> Rebuilt:
    """Make state.db again, and set the old one aside.

    Raises `UserError` if the workspace may not be changed, a supervisor runs, or there is nothing to make it
    from.
    """
    workspace.check_writable()
    if workspace.state.is_file():
        # What is damaged is of no version.
        with suppress(sqlite3.DatabaseError):
            connections.check_released(workspace.state)
    lock = supervisor.acquire(workspace)
    if lock is None:
        _, pid = launch.is_running(workspace)
        stop = "" if pid is None else f", or stop it with `kill {pid}`"
        raise UserError(
            f"a supervisor is running, and writes to state.db: wait until it has ended{stop}, then try again"
        )
    with lock:
        problems: list[str] = []
        found = read_recorded(workspace, problems)
        aside = workspace.state.with_name(f".{workspace.state.name}.rebuilt")
        _remove(aside)
        try:
            with closing(connections.writer(aside, rebuilds=True)) as connection:
                made = _fill(connection, workspace, found, problems)
            _check(aside)
            set_aside = _replace(workspace, aside)
        finally:
            _remove(aside)
    return replace(made, set_aside=set_aside, problems=tuple(problems))


def _fill(
    connection: sqlite3.Connection, workspace: WorkspacePaths, found: RecordedOutside, problems: list[str]
) -> Rebuilt:
    folders = attempt_folders(workspace, problems)
    count = _import(connection, workspace, found, problems)
    with transaction(connection):
        for key, value in found.settings.items():
            workspace_settings.set_setting(connection, key, value)
        for entry in found.votes:
            (votes.remove if entry.is_withdrawn else votes.put)(connection, entry.vote)
        given = int(connection.execute("SELECT count(*) FROM votes").fetchone()[0])
    jobs_folder = workspace.artifacts / "jobs"
    begun = found.jobs | {
        job
        for job, request in found.requested.items()
        if request.attempt or any((jobs_folder / job).glob(f"*/{journal.NAME}"))
    }
    lost = begun.difference(folders)
    total = count_of_jobs = count_requested = attempts = 0
    for job in _in_order(folders, found.requested):
        its_attempts, request = folders.get(job, []), found.requested.get(job)
        try:
            if its_attempts:
                total += add_job(connection, workspace, job, its_attempts, found.ends, request, problems)
                count_of_jobs += 1
                attempts += len(its_attempts)
            elif request is not None and job not in lost:
                add_requested(connection, request)
                count_requested += 1
        except sqlite3.IntegrityError as error:
            problems.append(f"left out, because it is no job of this workspace: {job} ({error})")
    if lost:
        problems.append(
            f"left out, because they have no folder in {jobs_folder} that can be read: jobs that had begun "
            f"({len(lost)}, such as {min(lost)}); put their folders back, and rebuild again"
        )
    if blocked := jobs.waiting_for_unknown(connection):
        problems.append(
            f"they wait for jobs that are not known any more: {len(blocked)} jobs, such as {blocked[0]}; "
            "`empathy-tui run` requests those too"
        )
    job_starter.make_ready(connection)
    intents.put_pending(connection, found.pending)
    with transaction(connection):
        for job, noted in found.notes.items():
            if jobs.get(connection, job) is not None:
                run_notes.put(connection, job, noted)
    return Rebuilt(count_of_jobs, count_requested, attempts, total, given, count, None, ())


def _in_order(folders: Mapping[str, Attempts], requested: Mapping[str, Requested]) -> list[str]:
    """All jobs in the order of their requests; of their first records where those are not known."""
    at = {job: first_record_at(attempts[0][1]) for job, attempts in folders.items()}
    at |= {job: request.requested_at for job, request in requested.items()}
    names = dict.fromkeys((*requested, *folders))
    return sorted(names, key=at.__getitem__)


def _import(
    connection: sqlite3.Connection, workspace: WorkspacePaths, found: RecordedOutside, problems: list[str]
) -> int:
    """Import the newest data again; returns the number of dialogues."""
    imported = found.imported or _staged(workspace)
    if not imported:
        return 0
    with transaction(connection):
        for entry in imported[:-1]:
            connection.execute(
                "INSERT INTO imports (at, file, sha256, data) VALUES (?, ?, ?, ?)",
                (entry.at, entry.data.file, entry.data.file_sha256, entry.data.data),
            )
        path = workspace.dialogues(imported[-1].data.data)
        if not path.exists() or files.sha256(path) != imported[-1].data.data:
            problems.append(f"{path} is missing or damaged: import {imported[-1].data.file} again")
            return 0
        dialogues.replace(connection, imported[-1].data, records.read(path))
        connection.execute(
            "UPDATE imports SET at = ? WHERE id = (SELECT max(id) FROM imports)", (imported[-1].at,)
        )
        return dialogues.counts(connection).total


def _staged(workspace: WorkspacePaths) -> list[Imported]:
    """The newest staged data, of a workspace without a history."""
    staged = sorted(
        (workspace.artifacts / "data").glob("*/dialogues.jsonl"), key=lambda path: path.stat().st_mtime
    )
    if not staged:
        return []
    data: ImportedData = staging.describe(records.read(staged[-1]), "dialogues.jsonl", staged[-1].parent.name)
    return [Imported(at=staged[-1].stat().st_mtime, data=data)]


def _check(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (found,) = connection.execute("PRAGMA integrity_check").fetchone()
    if found != "ok":
        raise UserError(f"the rebuilt state.db is damaged: {found}; check the disk of {path.parent}")
    files.sync_folder(path)


def _replace(workspace: WorkspacePaths, made: Path) -> Path | None:
    """Put the new file in the place of the old one, which is kept beside it."""
    kept = None
    if workspace.state.exists() or workspace.state.is_symlink():
        kept = workspace.state.with_name(f"{workspace.state.name}.{time.strftime('%Y%m%d-%H%M%S')}.old")
    for suffix in ("-wal", "-shm"):
        beside = workspace.state.with_name(workspace.state.name + suffix)
        if kept is not None and beside.exists():
            beside.replace(kept.with_name(kept.name + suffix))
        else:
            beside.unlink(missing_ok=True)
    if kept is not None:
        workspace.state.replace(kept)
    made.replace(workspace.state)
    files.sync_folder(workspace.root)
    return kept


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
