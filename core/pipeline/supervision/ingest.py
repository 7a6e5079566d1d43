"""Ingestion: copies each record of an attempt's journal into the store exactly once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from core.domain.jobs.job import LOCAL, Wait
from core.jobs import journal
from core.jobs.journal import DamagedJournalError, Entry
from core.jobs.records import (
    Answer,
    Artifact,
    BatchRecord,
    CallSent,
    CallUnpaid,
    Done,
    Failed,
    Heartbeat,
    Metric,
    Preempted,
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
from core.store import engines, job_records, jobs, submissions
from core.store.connections import transaction
from core.store.jobs import Attempt

#: Records in one transaction: other connections can write between two transactions.
BATCH = 2000
#: Characters of the reason for which a record cannot be stored.
_LONGEST = 300

Ending = Done | Failed | Stopped | Preempted


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

    Only the journal of a running attempt is read. A line that is damaged, or that the store cannot take, ends
    the attempt as failed, whatever it holds; the records before it are kept. Raises `OSError` when the file
    cannot be read now, and `sqlite3.DatabaseError` when the store cannot be written.
    """
    count = 0
    while True:
        entries, damage = _next(root, attempt)
        if entries:
            try:
                stored, fresh, ending = _store(connection, attempt, entries)
            except _UnfitRecordError as error:
                # The transaction was rolled back: once more, without it.
                begin = entries[error.index - 1][1] if error.index else attempt.offset
                line = journal.line_number(root / attempt.folder, begin)
                damage = f"{attempt.folder}/{journal.NAME}, line {line}, cannot be stored: {error.reason}"
                entries = entries[: error.index]
                stored, fresh, ending = _store(connection, attempt, entries)
            count += fresh
            if ending is not None or stored is None:
                return Ingested(count, ending)
            attempt = stored
        if damage is not None:
            failure = Failed(damage)
            with transaction(connection):
                if jobs.running_attempt(connection, attempt) is not None:
                    _settle(connection, attempt, failure)
            return Ingested(count, failure, damaged=True)
        if len(entries) < BATCH:
            return Ingested(count)


class _UnfitRecordError(Exception):
    """The store cannot take the entry with this index, for this reason."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def _next(root: Path, attempt: Attempt) -> tuple[list[tuple[Entry, int]], str | None]:
    """The next entries, each with the offset of its end, and what is wrong with the line after them, if
    anything."""
    entries: list[tuple[Entry, int]] = []
    try:
        for item in islice(journal.read(root / attempt.folder, attempt.offset), BATCH):
            entries.append(item)
    except DamagedJournalError as error:
        return entries, f"{attempt.folder}/{journal.NAME}, line {error.line}, is damaged: {error.reason}"
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
            try:
                _write(connection, current, entry)
            except sqlite3.OperationalError:
                # Not the record's fault: the disk is full, or the store is locked.
                raise
            except Exception as error:
                # Whatever a journal holds, it must not end the supervisor: each one after it would end too.
                if type(error) is sqlite3.DatabaseError:
                    raise
                reason = f"{type(error).__name__}: {error}"
                raise _UnfitRecordError(entries.index((entry, offset)), reason[:_LONGEST]) from error
            current = replace(current, seq=entry.seq, offset=offset)
            if isinstance(entry.record, Ending):
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
        case Stopped() | Preempted() if attempt.cancel_at is not None:
            jobs.end_attempt(connection, attempt, "cancelled")
            jobs.set_state(connection, attempt.job, "cancelled")
        case Preempted():
            jobs.end_attempt(connection, attempt, jobs.PREEMPTED)
            event = (
                f"attempt {attempt.number} preempted: it gave its slot back, and another attempt continues"
            )
            jobs.set_state(connection, attempt.job, "ready", event=event)
        case Stopped():
            # Workers of earlier versions wrote this for every signal. The job is still requested.
            is_place_lost = attempt.engine != LOCAL
            jobs.end_attempt(connection, attempt, "lost", "by a signal", is_place_lost=is_place_lost)
            event = f"attempt {attempt.number} lost: the worker was stopped by a signal"
            jobs.set_state(connection, attempt.job, "ready", event=event)


def _write(connection: sqlite3.Connection, attempt: Attempt, entry: Entry) -> None:
    match entry.record:
        case Started(pid, host, process):
            jobs.set_process(connection, attempt, pid, host, process)
            if attempt.engine != LOCAL:
                # Until now it was in the engine's queue.
                engines.set_started(connection, attempt)
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
        case Heartbeat() | CallSent() | CallUnpaid() | Done() | Failed() | Stopped() | Preempted():
            # Only workers need to know what is in flight. A heartbeat's news is that the journal grows.
            pass
