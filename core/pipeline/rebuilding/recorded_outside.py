"""What was recorded outside of the attempts' folders: in the history, and in the old state.db."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field

import msgspec

from core.config.workspace import WorkspacePaths
from core.domain.errors import UserError
from core.domain.runs import RunNotes
from core.pipeline.supervision import history, requests
from core.pipeline.supervision.history import (
    AttemptEnded,
    HistoryEntry,
    Imported,
    JobsDeleted,
    Requested,
    RunNoted,
    SettingChanged,
    Voted,
)
from core.store import connections, intents
from core.store.dialogues import dialogues
from core.store.evaluation import votes
from core.store.intents import Intent
from core.store.jobs import jobs


@dataclass
class RecordedOutside:
    """What the history and the old state.db hold; each field is empty where nothing was found."""

    imported: list[Imported] = field(default_factory=list)
    """Imports, in their order."""
    votes: list[Voted] = field(default_factory=list)
    """Votes, in their order."""
    settings: dict[str, str | None] = field(default_factory=dict)
    """Name of a setting of the workspace → its value; None for one that was removed."""
    ends: dict[tuple[str, int], AttemptEnded] = field(default_factory=dict)
    """Job and number of an attempt → how it ended, where its journal does not say it."""
    requested: dict[str, Requested] = field(default_factory=dict)
    """Job → what was requested of it last; the jobs in the order of their first requests."""
    notes: dict[str, RunNotes] = field(default_factory=dict)
    """Run → its notes."""
    jobs: frozenset[str] = frozenset()
    """Jobs with attempts in the old state.db."""
    pending: list[Intent] = field(default_factory=list)
    """Intents in the old state.db that no supervisor has carried out."""


def read_recorded(workspace: WorkspacePaths, problems: list[str]) -> RecordedOutside:
    """What the history says, after what can be read from the old store."""
    found = _from_old_store(workspace)
    imported: list[Imported] = []
    damaged = 0
    for entry in _entries(workspace, problems):
        match entry:
            case None:
                damaged += 1
            case Imported():
                imported.append(entry)
            case Voted():
                found.votes.append(entry)
            case SettingChanged(key=key, value=value):
                found.settings[key] = value
            case Requested(job=job):
                found.requested[job] = entry
            case RunNoted(job=job, notes=noted):
                found.notes[job] = noted
            case JobsDeleted(jobs=deleted):
                found.notes = {job: noted for job, noted in found.notes.items() if job not in deleted}
                found.requested = {job: one for job, one in found.requested.items() if job not in deleted}
                found.ends = {key: end for key, end in found.ends.items() if key[0] not in deleted}
            case AttemptEnded():
                found.ends[entry.job, entry.number] = entry
    found.imported = imported or found.imported
    if damaged:
        problems.append(f"{damaged} lines of {workspace.history} are damaged and left out")
    return found


def _entries(workspace: WorkspacePaths, problems: list[str]) -> Iterator[HistoryEntry | None]:
    try:
        yield from history.read(workspace)
    except OSError as error:
        problems.append(f"{workspace.history} cannot be read: {error.strerror}")


def _from_old_store(workspace: WorkspacePaths) -> RecordedOutside:
    found = RecordedOutside()
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
        with suppress(sqlite3.DatabaseError):
            found.jobs = frozenset(row["job"] for row in connection.execute("SELECT job FROM attempts"))
        with suppress(sqlite3.DatabaseError, TypeError, ValueError):
            names = [link.id for link in jobs.graph(connection)]
            found.requested = {
                one.job: one
                for one in requests.requested(connection, names)
                # What is to be said of others, their attempts say.
                if not one.attempt or one.state in ("waiting", "ready")
            }
        with suppress(sqlite3.DatabaseError):
            found.pending = intents.pending(connection)
        with suppress(sqlite3.DatabaseError, msgspec.DecodeError):
            imported = dialogues.imported(connection)
            if imported is not None:
                found.imported.append(Imported(at=time.time(), data=imported))
    return found
