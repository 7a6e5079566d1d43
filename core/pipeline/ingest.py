"""From an attempt's journal into the store: every record once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec

from core.pipeline import journal
from core.pipeline.journal import (
    Artifact,
    Done,
    Entry,
    Failed,
    Metric,
    Progress,
    Response,
    Sample,
    Started,
    Stopped,
    Verdict,
)
from core.store import jobs
from core.store.connections import transaction
from core.store.jobs import Attempt

#: Records in one transaction: readers and intents get their turn in between.
BATCH = 2000

Ending = Done | Failed | Stopped


@dataclass(frozen=True)
class Ingested:
    """The attempt as it now stands in the store, how many records came, and how it ended, if it did."""

    attempt: Attempt
    records: int
    ending: Ending | None


def ingest(connection: sqlite3.Connection, root: Path, attempt: Attempt) -> Ingested:
    """Bring what is new in the attempt's journal into the store.

    A damaged line ends the attempt as failed; what stands before it is kept.
    """
    count = 0
    folder = root / attempt.folder
    while True:
        entries: list[tuple[Entry, int]] = []
        damaged: str | None = None
        try:
            entries.extend(islice(journal.read(folder, attempt.offset), BATCH))
        except msgspec.DecodeError as error:
            # Entries before the damaged line were read; take those first.
            entries, damaged = _before_damage(folder, attempt.offset), str(error)
        if entries:
            attempt, fresh = _store(connection, attempt, entries)
            count += len(fresh)
            ending = next((e.record for e in fresh if isinstance(e.record, Done | Failed | Stopped)), None)
            if ending is not None:
                return Ingested(attempt, count, ending)
        if damaged is not None:
            failure = Failed(f"the journal is damaged behind byte {attempt.offset}: {damaged}")
            with transaction(connection):
                _settle(connection, attempt, failure)
            return Ingested(attempt, count, failure)
        if len(entries) < BATCH:
            return Ingested(attempt, count, None)


def _settle(connection: sqlite3.Connection, attempt: Attempt, ending: Ending) -> None:
    match ending:
        case Done(result):
            jobs.end_attempt(connection, attempt, "done")
            jobs.set_state(connection, attempt.job, "done", result=result)
        case Failed(error):
            jobs.end_attempt(connection, attempt, "failed", error)
            jobs.set_state(connection, attempt.job, "failed", error=error)
        case Stopped():
            jobs.end_attempt(connection, attempt, "cancelled")
            jobs.set_state(connection, attempt.job, "cancelled")


def _before_damage(folder: Path, offset: int) -> list[tuple[Entry, int]]:
    entries: list[tuple[Entry, int]] = []
    reader = journal.read(folder, offset)
    while True:
        try:
            entries.append(next(reader))
        except (StopIteration, msgspec.DecodeError):
            return entries


def _store(
    connection: sqlite3.Connection, attempt: Attempt, entries: Iterable[tuple[Entry, int]]
) -> tuple[Attempt, list[Entry]]:
    entries = list(entries)
    fresh = [entry for entry, _ in entries if entry.seq > attempt.seq]
    last, offset = entries[-1][0].seq, entries[-1][1]
    with transaction(connection):
        if jobs.advance(connection, attempt, last, offset):
            for entry in fresh:
                _write(connection, attempt, entry)
                # In the same transaction: else a crash between the two would leave an attempt
                # that is at its journal's end and has no ending.
                if isinstance(entry.record, Done | Failed | Stopped):
                    _settle(connection, attempt, entry.record)
    return replace(attempt, seq=last, offset=offset), fresh


def _write(connection: sqlite3.Connection, attempt: Attempt, entry: Entry) -> None:
    match entry.record:
        case Started(pid, host):
            jobs.set_process(connection, attempt, pid, host)
        case Progress(done, total, eta_s):
            jobs.set_progress(connection, attempt.job, done, total, eta_s)
        case Metric(step, values):
            jobs.put_metric(connection, attempt.job, step, entry.at, values)
        case Sample(step, dialog_id, text):
            jobs.put_sample(connection, attempt.job, step, dialog_id, text)
        case Response(dialog_id, text, finish):
            jobs.put_response(connection, attempt.job, dialog_id, text, finish)
        case Verdict(dialog_id, order, winner, raw):
            jobs.put_verdict(connection, attempt.job, dialog_id, order, winner, raw)
        case Artifact(name, path, sha256, size):
            whole = f"{attempt.folder}/{path}"
            jobs.put_artifact(connection, attempt, name, whole, sha256, size)
        case Done() | Failed() | Stopped():
            pass
