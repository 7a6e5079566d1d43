"""Making state.db again from the folders of all attempts, which hold everything that jobs have done.

What nobody recorded outside of the old file is read from it, as far as it can be read: the votes, settings
and imports of workspaces that older versions of the program worked in. Jobs that had not started are not
known, and are requested again by `empathy-tui run`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import get_args

import msgspec

from core.config.workspace import WorkspacePaths
from core.dialogues.files import records
from core.dialogues.importing import staging
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.runs import RunNotes
from core.domain.states import JobState
from core.jobs import context, files, journal
from core.jobs import spec as specs
from core.jobs.journal import DamagedJournalError
from core.jobs.planned_job import PlannedJob, places
from core.jobs.settings import Settings
from core.jobs.spec import Spec
from core.pipeline.engines import remote
from core.pipeline.rebuilding import spec_inputs
from core.pipeline.supervision import history, ingest, supervisor
from core.pipeline.supervision.history import (
    AttemptEnded,
    Imported,
    JobsDeleted,
    RunNoted,
    SettingChanged,
    Voted,
)
from core.store import connections, dialogues, jobs, run_notes, votes
from core.store.connections import transaction
from core.store.jobs import Attempt

#: The states of jobs, by what histories call them.
_STATES: dict[str, JobState] = {state: state for state in get_args(JobState)}


@dataclass(frozen=True)
class Rebuilt:
    """What was made again."""

    jobs: int
    """Jobs with at least one attempt."""
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


@dataclass
class _Found:
    """What is known from outside the attempts' folders."""

    imported: list[Imported] = field(default_factory=list)
    votes: list[Voted] = field(default_factory=list)
    settings: dict[str, str | None] = field(default_factory=dict)
    ends: dict[tuple[str, int], AttemptEnded] = field(default_factory=dict)
    notes: dict[str, RunNotes] = field(default_factory=dict)


def rebuild(workspace: WorkspacePaths) -> Rebuilt:
    """Make state.db again, and set the old one aside.

    Raises `UserError` if the workspace may not be changed, a supervisor runs, or there is nothing to make it
    from.
    """
    workspace.check_writable()
    lock = supervisor.acquire(workspace)
    if lock is None:
        raise UserError(
            "a supervisor is running, and writes to state.db: wait until it has ended, or stop it, then try "
            "again"
        )
    with lock:
        problems: list[str] = []
        found = _gather(workspace, problems)
        aside = workspace.state.with_name(f".{workspace.state.name}.rebuilt")
        _remove(aside)
        try:
            with closing(connections.writer(aside, anew=True)) as connection:
                made = _fill(connection, workspace, found, problems)
            _check(aside)
            set_aside = _replace(workspace, aside)
        finally:
            _remove(aside)
    return replace(made, set_aside=set_aside, problems=tuple(problems))


def _gather(workspace: WorkspacePaths, problems: list[str]) -> _Found:
    """What the history says, after what can be read from the old store."""
    found = _from_old_store(workspace)
    imported: list[Imported] = []
    damaged = 0
    for entry in history.read(workspace):
        match entry:
            case None:
                damaged += 1
            case Imported():
                imported.append(entry)
            case Voted():
                found.votes.append(entry)
            case SettingChanged(key=key, value=value):
                found.settings[key] = value
            case RunNoted(job=job, notes=noted):
                found.notes[job] = noted
            case JobsDeleted(jobs=deleted):
                found.notes = {job: noted for job, noted in found.notes.items() if job not in deleted}
                found.ends = {key: end for key, end in found.ends.items() if key[0] not in deleted}
            case AttemptEnded():
                found.ends[entry.job, entry.number] = entry
    found.imported = imported or found.imported
    if damaged:
        problems.append(f"{damaged} lines of {workspace.history} are damaged and left out")
    return found


def _from_old_store(workspace: WorkspacePaths) -> _Found:
    found = _Found()
    if not workspace.state.is_file():
        return found
    # Whatever is wrong with it: what can be read is used.
    try:
        connection = connections.reader(workspace.state)
    except UserError:
        return found
    with closing(connection):
        with suppress(sqlite3.DatabaseError, TypeError):
            found.votes = [
                Voted(at=vote.at, vote=vote, is_withdrawn=False) for vote in votes.votes(connection)
            ]
        with suppress(sqlite3.DatabaseError):
            rows = connection.execute("SELECT key, value FROM meta").fetchall()
            found.settings = {row["key"]: row["value"] for row in rows if row["key"] != "data"}
        with suppress(sqlite3.DatabaseError, msgspec.DecodeError):
            imported = dialogues.imported(connection)
            if imported is not None:
                found.imported.append(Imported(at=time.time(), data=imported))
    return found


def _fill(
    connection: sqlite3.Connection, workspace: WorkspacePaths, found: _Found, problems: list[str]
) -> Rebuilt:
    folders = _attempt_folders(workspace, problems)
    count = _import(connection, workspace, found, problems)
    with transaction(connection):
        for key, value in found.settings.items():
            jobs.set_setting(connection, key, value)
        for entry in found.votes:
            (votes.remove if entry.is_withdrawn else votes.put)(connection, entry.vote)
        given = int(connection.execute("SELECT count(*) FROM votes").fetchone()[0])
    total = attempts = 0
    for job, its_attempts in folders.items():
        total += _add_job(connection, workspace, job, its_attempts, found.ends, problems)
        attempts += len(its_attempts)
    with transaction(connection):
        for job, noted in found.notes.items():
            if job in folders:
                run_notes.put(connection, job, noted)
    return Rebuilt(len(folders), attempts, total, given, count, None, ())


def _attempt_folders(
    workspace: WorkspacePaths, problems: list[str]
) -> dict[str, list[tuple[int, Path, Spec[Settings]]]]:
    """Job → its attempts that can be read, oldest first; the jobs in the order of their first attempts.

    One without a spec, in its journal either, has that of another attempt at its job, which says the same.
    """
    found: dict[str, list[tuple[int, Path, Spec[Settings]]]] = {}
    unread: list[tuple[str, Path, Exception]] = []
    for job_folder in sorted((workspace.artifacts / "jobs").glob("*/")):
        for folder in job_folder.iterdir():
            if not folder.name.isdecimal() or not folder.is_dir():
                continue
            try:
                spec = specs.recover(folder)
            except (UserError, OSError) as error:
                unread.append((job_folder.name, folder, error))
                continue
            if (spec.job, spec.attempt) != (job_folder.name, int(folder.name)):
                problems.append(f"left out, because it was copied from elsewhere: {folder}")
                continue
            found.setdefault(spec.job, []).append((spec.attempt, folder, spec))
    for job, folder, reason in unread:
        if job in found and _has_records(folder):
            spec = msgspec.structs.replace(found[job][0][2], attempt=int(folder.name))
            found[job].append((spec.attempt, folder, spec))
        else:
            problems.append(f"left out, because its spec.json cannot be read: {reason}")
    for attempts in found.values():
        attempts.sort(key=lambda attempt: attempt[0])
    return dict(sorted(found.items(), key=lambda item: (_begun(item[1][0][1]), item[0])))


def _has_records(folder: Path) -> bool:
    with suppress(DamagedJournalError, OSError):
        return next(journal.read(folder), None) is not None
    return False


def _begun(folder: Path) -> float:
    with suppress(DamagedJournalError, OSError):
        for entry, _ in journal.read(folder):
            return entry.at
    return (folder / specs.NAME).stat().st_mtime


def _import(
    connection: sqlite3.Connection, workspace: WorkspacePaths, found: _Found, problems: list[str]
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


def _add_job(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    job: str,
    attempts: Sequence[tuple[int, Path, Spec[Settings]]],
    ends: dict[tuple[str, int], AttemptEnded],
    problems: list[str],
) -> int:
    """Add a job with all its attempts; returns the number of records."""
    newest = attempts[-1][2]
    planned = PlannedJob(
        id=job,
        name=newest.name,
        fingerprint=newest.fingerprint,
        slot=newest.slot,
        settings=newest.settings,
        inputs=spec_inputs.inputs(newest, workspace),
        depends_on=newest.depends_on or spec_inputs.producers(newest, workspace),
    )
    with transaction(connection):
        jobs.put(connection, [planned])
        connection.execute("UPDATE jobs SET requested_at = ? WHERE id = ?", (_begun(attempts[0][1]), job))
    total = 0
    for number, folder, spec in attempts:
        total += _add_attempt(
            connection, workspace, folder, spec, ends.get((job, number)), is_newest=spec is newest
        )
    return total


def _add_attempt(
    connection: sqlite3.Connection,
    workspace: WorkspacePaths,
    folder: Path,
    spec: Spec[Settings],
    end: AttemptEnded | None,
    *,
    is_newest: bool,
) -> int:
    relative = folder.relative_to(workspace.root).as_posix()
    first_event = _last_event(connection)
    with transaction(connection):
        connection.execute(
            "UPDATE jobs SET redone_after = ?, sends_requests = ? WHERE id = ?",
            (spec.redone_after, spec.sends_requests, spec.job),
        )
        attempt = jobs.begin_attempt(
            connection, spec.job, spec.attempt, relative, spec.gpu, spec.engine, places(spec.settings)
        )
        if (folder / context.CANCEL).exists():
            connection.execute(
                "UPDATE attempts SET cancel_at = ? WHERE job = ? AND number = ?",
                ((folder / context.CANCEL).stat().st_mtime, spec.job, spec.attempt),
            )
    (attempt,) = jobs.attempts(connection, job=spec.job, state="running")
    ingested = ingest.ingest(connection, workspace.root, attempt)
    begun, ended = _begun(folder), _last_record(folder)
    if ingested.ending is None:
        ended = _end(connection, attempt, folder, end, is_newest=is_newest) or ended
    with transaction(connection):
        connection.execute(
            "UPDATE attempts SET started_at = ?, ended_at = iif(ended_at IS NULL, NULL, ?)"
            " WHERE job = ? AND number = ?",
            (begun, ended, spec.job, spec.attempt),
        )
        connection.execute(
            "UPDATE jobs SET started_at = ?, finished_at = iif(finished_at IS NULL, NULL, ?) WHERE id = ?",
            (begun, ended, spec.job),
        )
        connection.execute("UPDATE events SET at = ? WHERE id > ?", (ended, first_event))
    return ingested.records


def _end(
    connection: sqlite3.Connection,
    attempt: Attempt,
    folder: Path,
    end: AttemptEnded | None,
    *,
    is_newest: bool,
) -> float | None:
    """End an attempt whose journal does not say how it ended; when it did, if that is known."""
    is_on_cluster = (folder / remote.ID).exists() and not (folder / context.FENCE).exists()
    if (context.is_held(folder) or is_on_cluster) and is_newest:
        # Its worker lives, or its engine knows what became of it: the next supervisor adopts it.
        return None
    with transaction(connection):
        if end is None:
            # Nobody knows whether it was wanted still: nothing begins by itself, and nothing is paid.
            jobs.end_attempt(connection, attempt, "cancelled" if attempt.cancel_at else "lost")
            event = "it had not ended when state.db was rebuilt: retry it to continue"
            jobs.set_state(connection, attempt.job, "cancelled", event=event)
            return None
        jobs.end_attempt(connection, attempt, end.state, end.error)
        state = _STATES.get(end.job_state, "cancelled")
        jobs.set_state(connection, attempt.job, state, error=end.error if state == "failed" else None)
        return end.at


def _last_record(folder: Path) -> float:
    """When the last record of a journal was written; its start if it has none."""
    found = 0.0
    with suppress(DamagedJournalError, OSError):
        for entry, _ in journal.read(folder):
            found = entry.at
    return found or _begun(folder)


def _last_event(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()[0])


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
