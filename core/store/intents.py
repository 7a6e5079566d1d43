"""Intents: what a person requested, as rows that the supervisor carries out in order."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

import msgspec

from core.domain.dialogues import ImportedData
from core.domain.errors import UserError
from core.domain.events import IntentOutcome, IntentResult
from core.domain.votes import Vote
from core.store.connections import transaction


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind"):
    """The tag is the intent's kind."""


class ImportData(_Request, frozen=True, tag="import"):
    """Take in the data that lies staged in the workspace."""

    facts: ImportedData


class Start(_Request, frozen=True, tag="start"):
    """Request jobs and all that they depend on."""

    targets: tuple[str, ...] = ()
    """Ids, stages or names; none for everything."""
    validate: dict[str, int] = {}
    """Judges to validate, each on so many pairs."""


class Cancel(_Request, frozen=True, tag="cancel"):
    """Stop a job, or take back the request for it."""

    job: str


class Retry(_Request, frozen=True, tag="retry"):
    """Request a failed or cancelled job again, with what it depends on."""

    job: str


class Refresh(_Request, frozen=True, tag="refresh"):
    """Have a running job look at its batches now."""

    job: str


class Adopt(_Request, frozen=True, tag="adopt"):
    """Have a job take the responses of a batch that exists at its provider."""

    job: str
    batch: str
    """The batch's id at the provider."""


class Pause(_Request, frozen=True, tag="pause"):
    """Start no more jobs."""


class Resume(_Request, frozen=True, tag="resume"):
    """Let jobs start again."""


class CastVote(_Request, frozen=True, tag="vote"):
    """Record a vote."""

    vote: Vote


class WithdrawVote(_Request, frozen=True, tag="unvote"):
    """Take a vote back."""

    vote: Vote
    """By its voter, dialogue and texts; its choice and time do not matter."""


IntentRequest = (
    ImportData | Start | Cancel | Retry | Refresh | Adopt | Pause | Resume | CastVote | WithdrawVote
)


@dataclass(frozen=True)
class Intent:
    """A pending intent."""

    id: int
    kind: str
    payload: str
    """JSON of an `IntentRequest`: `request` reads it."""

    def request(self) -> IntentRequest:
        """What was requested. Raises `UserError` when the payload is invalid."""
        try:
            found: IntentRequest = _decode_request(self.payload)
        except msgspec.DecodeError as error:
            raise UserError(f"intent {self.id}, {self.kind}: {error}") from error
        return found


_decode_request = msgspec.json.Decoder(IntentRequest).decode
_decode_outcome = msgspec.json.Decoder(IntentOutcome).decode


def add(connection: sqlite3.Connection, request: IntentRequest) -> int:
    """Write an intent in a transaction of its own; its id."""
    with transaction(connection):
        cursor = connection.execute(
            "INSERT INTO intents (kind, payload, created_at) VALUES (?, ?, ?)",
            (request.__struct_config__.tag, msgspec.json.encode(request).decode(), time.time()),
        )
    assert cursor.lastrowid is not None
    return cursor.lastrowid


def pending(connection: sqlite3.Connection) -> list[Intent]:
    """Intents that nobody has carried out yet, oldest first."""
    rows = connection.execute("SELECT id, kind, payload FROM intents WHERE state = 'pending' ORDER BY id")
    return [Intent(row["id"], row["kind"], row["payload"]) for row in rows]


def finish(
    connection: sqlite3.Connection, intent: int, outcome: IntentOutcome | None, error: str | None = None
) -> None:
    """Record the outcome, within the transaction that made it true."""
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
    """What became of an intent.

    Raises `KeyError` when there is none of that id, `UserError` when its outcome is invalid.
    """
    row = connection.execute("SELECT state, result, error FROM intents WHERE id = ?", (intent,)).fetchone()
    if row is None:
        raise KeyError(intent)
    try:
        found = None if row["result"] is None else _decode_outcome(row["result"])
    except msgspec.DecodeError as error:
        raise UserError(f"state.db: intent {intent}: {error}") from error
    return IntentResult(intent, row["state"], found, row["error"])
