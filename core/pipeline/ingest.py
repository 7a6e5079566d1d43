"""Ingestion: copies each record of an attempt's journal into the store exactly once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import msgspec

from core.domain.jobs import Wait
from core.jobs import journal
from core.jobs.journal import Entry
from core.jobs.records import (
    Answer,
    Artifact,
    BatchRecord,
    Done,
    Failed,
    Metric,
    Progress,
    ResponseRecord,
    Sample,
    Started,
    Stopped,
    SubmissionRecord,
    VerdictRecord,
    Waiting,
    Warned,
)
from core.store import job_records, jobs, submissions
from core.store.connections import transaction
from core.store.jobs import Attempt

#: Records in one transaction: other connections can write between two transactions.
BATCH = 2000

Ending = Done | Failed | Stopped


@dataclass(frozen=True)
class Ingested:
    """The result of an ingestion: the number of new records, and how the attempt ended, if it did.

    `damaged` means that the attempt ended because the rest of its journal is unreadable, whatever its worker
    does.
    """

    records: int
    ending: Ending | None = None
    damaged: bool = False


def ingest(connection: sqlite3.Connection, root: Path, attempt: Attempt) -> Ingested:
    """Copy the new records of the attempt's journal into the store.

    Only the journal of a running attempt is read. A damaged line ends the attempt as failed; the records
    before it are kept.
    """
    count = 0
    while True:
        entries, damage = _next(root / attempt.folder, attempt.offset)
        if entries:
            stored, fresh, ending = _store(connection, attempt, entries)
            count += fresh
            if ending is not None or stored is None:
                return Ingested(count, ending)
            attempt = stored
        if damage is not None:
            failure = Failed(f"the journal is damaged after byte {attempt.offset}: {damage}")
            with transaction(connection):
                if jobs.running_attempt(connection, attempt) is not None:
                    _settle(connection, attempt, failure)
            return Ingested(count, failure, damaged=True)
        if len(entries) < BATCH:
            return Ingested(count)


def _next(folder: Path, offset: int) -> tuple[list[tuple[Entry, int]], str | None]:
    """The next entries, each with the offset of its end, and the error in the line after them, if any."""
    entries: list[tuple[Entry, int]] = []
    try:
        for item in islice(journal.read(folder, offset), BATCH):
            entries.append(item)
    except msgspec.DecodeError as error:
        return entries, str(error)
    return entries, None


def _store(
    connection: sqlite3.Connection, attempt: Attempt, entries: list[tuple[Entry, int]]
) -> tuple[Attempt | None, int, Ending | None]:
    """Write the entries that the store does not have yet.

    Returns the current attempt (None if it had ended), the number of new entries, and how the attempt ended
    if one of the entries says so."""
    with transaction(connection):
        current = jobs.running_attempt(connection, attempt)
        if current is None:
            return None, 0, None
        fresh = [(entry, offset) for entry, offset in entries if entry.seq > current.seq]
        if not fresh:
            return current, 0, None
        for count, (entry, offset) in enumerate(fresh, start=1):
            _write(connection, current, entry)
            current = replace(current, seq=entry.seq, offset=offset)
            if isinstance(entry.record, Done | Failed | Stopped):
                jobs.advance(connection, current, entry.seq, offset)
                # In the same transaction: otherwise a crash between the two would leave an attempt
                # that is running although its journal is complete.
                _settle(connection, current, entry.record)
                return current, count, entry.record
        jobs.advance(connection, current, current.seq, current.offset)
    return current, len(fresh), None


def _settle(connection: sqlite3.Connection, attempt: Attempt, ending: Ending) -> None:
    match ending:
        case Done(result):
            jobs.end_attempt(connection, attempt, "done")
            jobs.set_state(connection, attempt.job, "done", result=result)
        case Failed(error):
            jobs.end_attempt(connection, attempt, "failed", error)
            jobs.fail(connection, attempt.job, error)
        case Stopped() if attempt.cancel_at is not None:
            jobs.end_attempt(connection, attempt, "cancelled")
            jobs.set_state(connection, attempt.job, "cancelled")
        case Stopped():
            # Not by the user but, for example, by a shutdown. The job is still requested.
            jobs.end_attempt(connection, attempt, "lost", "by a signal")
            event = f"attempt {attempt.number} lost: the worker was stopped by a signal"
            jobs.set_state(connection, attempt.job, "ready", event=event)


def _write(connection: sqlite3.Connection, attempt: Attempt, entry: Entry) -> None:
    match entry.record:
        case Started(pid, host):
            jobs.set_process(connection, attempt, pid, host)
        case Progress(done, total, eta_s):
            jobs.set_progress(connection, attempt.job, done, total, eta_s)
        case Waiting(reason, since, until, gives_up_at):
            wait = None if reason is None else Wait(reason, since, until, gives_up_at)
            jobs.set_wait(connection, attempt.job, wait)
        case Metric() as metric:
            job_records.put_metric(connection, attempt.job, entry.at, metric)
        case Sample(step, dialog_id, text):
            job_records.put_sample(connection, attempt.job, step, dialog_id, text)
        case Warned(text):
            job_records.put_warning(connection, attempt, entry.at, text)
        case ResponseRecord(dialog_id, text, finish):
            job_records.put_response(connection, attempt.job, dialog_id, text, finish)
        case VerdictRecord() as verdict:
            job_records.put_verdict(connection, attempt.job, verdict)
        case SubmissionRecord() as submission:
            submissions.put(connection, attempt.job, entry.at, submission)
        case BatchRecord() as batch:
            submissions.put_state(connection, entry.at, batch)
        case Answer() as answer:
            submissions.put_answer(connection, entry.at, answer)
        case Artifact() as artifact:
            job_records.put_artifact(connection, attempt, artifact)
        case Done() | Failed() | Stopped():
            pass
