"""Intents: requests of the user, as rows that the supervisor carries out in order."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from core.domain import troubles
from core.domain.data.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.evaluation.votes import Vote
from core.domain.jobs.events import IntentOutcome, IntentResult
from core.store.connections import transaction


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """The tag is the intent's kind."""


class ImportData(_Request, frozen=True, tag="import"):
    """Import the data that is staged in the workspace."""

    imported: ImportedData


class Start(_Request, frozen=True, tag="start"):
    """Request jobs with all their dependencies."""

    targets: tuple[str, ...] = ()
    """Ids, stages or names; empty for all jobs."""
    validate: dict[str, int] = {}
    """Judges to validate → number of pairs."""
    commits: dict[str, str] = {}
    """Commits of models on the Hub at which the workspace stays, by `model_sources.hub_key`."""
    force: bool = False
    """Whether the named jobs are done again from the start if they have ended."""
    engine: str | None = None
    """The engine that runs the requested jobs; None for those of their slots."""


class Cancel(_Request, frozen=True, tag="cancel"):
    """Stop a running job, or withdraw the request for a waiting one."""

    job: str


class Retry(_Request, frozen=True, tag="retry"):
    """Request a failed or cancelled job again, with its dependencies."""

    job: str


class Reparse(_Request, frozen=True, tag="reparse"):
    """Read the verdicts of judges again from the answers that are stored, without sending requests."""

    judges: tuple[str, ...] = ()
    """Names of judges; empty for all."""


class Refresh(_Request, frozen=True, tag="refresh"):
    """Make a running job poll its batches now."""

    job: str


class Adopt(_Request, frozen=True, tag="adopt"):
    """Make a job use the responses of a batch that exists at its provider."""

    job: str
    batch: str
    """The batch's id at the provider."""


class Pause(_Request, frozen=True, tag="pause"):
    """Stop starting jobs."""


class Resume(_Request, frozen=True, tag="resume"):
    """Start jobs again."""


class CastVote(_Request, frozen=True, tag="vote"):
    """Record a vote."""

    vote: Vote


class WithdrawVote(_Request, frozen=True, tag="unvote"):
    """Withdraw a vote."""

    vote: Vote
    """Identified by its voter, dialogue and texts; its choice and time are ignored."""


class NoteRuns(_Request, frozen=True, tag="note runs"):
    """Note something about runs; what is None, and other tags, stay as they are."""

    jobs: tuple[str, ...]
    """The runs' jobs."""
    archived: bool | None = None
    """Whether lists hide them while they are superseded."""
    add_tags: tuple[str, ...] = ()
    remove_tags: tuple[str, ...] = ()
    note: str | None = None


class DeleteRuns(_Request, frozen=True, tag="delete runs"):
    """Delete superseded runs, with those on top of them, their responses and comparisons."""

    jobs: tuple[str, ...]
    """The runs' jobs."""


IntentRequest = (
    ImportData
    | Start
    | Cancel
    | Retry
    | Reparse
    | Refresh
    | Adopt
    | Pause
    | Resume
    | CastVote
    | WithdrawVote
    | NoteRuns
    | DeleteRuns
)


@dataclass(frozen=True)
class Intent:
    """A pending intent."""

    id: int
    """Counts intents, from 1."""
    kind: str
    """The request's tag, such as `start`."""
    payload: str
    """JSON of an `IntentRequest`: `request` reads it."""

    def request(self) -> IntentRequest:
        """What was requested. Raises `UserError` when the payload is invalid."""
        try:
            found: IntentRequest = _decode_request(self.payload)
        except (msgspec.DecodeError, RecursionError) as error:
            raise UserError(f"intent {self.id}, {self.kind}: {error}") from error
        return found


_decode_request = msgspec.json.Decoder(IntentRequest).decode
_decode_outcome = msgspec.json.Decoder(IntentOutcome).decode


def add(connection: sqlite3.Connection, request: IntentRequest) -> int:
    """Write an intent in its own transaction; returns its id."""
    with transaction(connection):
        cursor = connection.execute(
            "INSERT INTO intents (kind, payload, created_at) VALUES (?, ?, ?)",
            (request.__struct_config__.tag, msgspec.json.encode(request).decode(), time.time()),
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def pending(connection: sqlite3.Connection) -> list[Intent]:
    """Intents that were not carried out yet, oldest first."""
    rows = connection.execute("SELECT id, kind, payload FROM intents WHERE state = 'pending' ORDER BY id")
    return [Intent(row["id"], row["kind"], row["payload"]) for row in rows]


def put_pending(connection: sqlite3.Connection, found: Iterable[Intent]) -> None:
    """Write the pending intents of another store, with their ids: somebody may wait for them."""
    with transaction(connection):
        connection.executemany(
            "INSERT INTO intents (id, kind, payload, created_at) VALUES (?, ?, ?, ?)",
            ((intent.id, intent.kind, intent.payload, time.time()) for intent in found),
        )


def finish(
    connection: sqlite3.Connection, intent: int, outcome: IntentOutcome | None, error: str | None = None
) -> None:
    """Record the outcome, in the transaction that carried the intent out."""
    connection.execute(
        "UPDATE intents SET state = ?, result = ?, error = ?, finished_at = ? WHERE id = ?",
        (
            "done" if error is None else "failed",
            None if outcome is None else msgspec.json.encode(outcome).decode(),
            error,
            time.time(),
            intent,
        ),
    )


def outcome(connection: sqlite3.Connection, intent: int) -> IntentResult:
    """The state and outcome of an intent.

    Raises `KeyError` when there is none of that id, `UserError` when its outcome is invalid.
    """
    row = connection.execute("SELECT state, result, error FROM intents WHERE id = ?", (intent,)).fetchone()
    if row is None:
        raise KeyError(intent)
    try:
        found = None if row["result"] is None else _decode_outcome(row["result"])
    except msgspec.DecodeError as error:
        raise UserError(f"state.db: intent {intent}: {error}: {troubles.REBUILD}") from error
    return IntentResult(intent, row["state"], found, row["error"])
