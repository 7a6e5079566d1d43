"""Ingestion: copies each record of the attempts' journals into the store exactly once."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
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
from core.store.connections import savepoint, transaction
from core.store.jobs import engines, job_attempts, job_records, jobs, submissions, training_data
from core.store.jobs.job_attempts import Attempt

#: Records in one transaction: other connections can write between two transactions.
BATCH = 2000
#: Characters of the reason for which a record cannot be stored.
_LONGEST = 300

EndRecord = Done | Failed | Stopped | Preempted
_GAVE_BACK = "it gave its slot back"


@dataclass(frozen=True)
class Ingested:
    """The result of an ingestion."""

    records: int
    """The number of new records."""
    ending: EndRecord | None = None
    """How the attempt ended; None if it did not."""
    damaged: bool = False
    """Whether the attempt ended because the rest of its journal is unreadable, whatever its worker does."""
    unreadable: OSError | None = None
    """Why the journal cannot be read now, so that what else it says is not known; None if it can."""


def ingest(connection: sqlite3.Connection, root: Path, attempt: Attempt) -> Ingested:
    """Copy the new records of one attempt's journal into the store, as `ingest_all` does.

    Raises `OSError` when the file cannot be read now.
    """
    ((_, ingested),) = ingest_all(connection, root, [attempt])
    if ingested.unreadable is not None:
        raise ingested.unreadable
    return ingested


def ingest_all(
    connection: sqlite3.Connection, root: Path, attempts: Iterable[Attempt]
) -> Iterator[tuple[Attempt, Ingested]]:
    """Copy the new records of the attempts' journals into the store; yields each attempt once it is done.

    Only the journals of running attempts are read. A line that is damaged, or that the store cannot take,
    ends its attempt as failed, whatever it holds; the records before it are kept, as are those of the others.
    Raises `sqlite3.DatabaseError` or `MemoryError` when the store cannot be written: the attempts that were
    not yielded can be ingested again.
    """
    left = deque((attempt, 0) for attempt in attempts)
    while left:
        # A commit waits for the disk: one is for as many attempts as fit.
        parts: list[_JournalPart] = []
        limit = BATCH
        while left and limit:
            parts.append(_read(root, *left.popleft(), limit))
            limit -= len(parts[-1].entries)
        for attempt, ingested, is_done in _store_all(connection, root, parts):
            if is_done:
                yield attempt, ingested
            else:
                left.append((attempt, ingested.records))


@dataclass(frozen=True)
class _JournalPart:
    """What is new in an attempt's journal, of which `records` are ingested already."""

    attempt: Attempt
    records: int
    entries: Sequence[tuple[Entry, int]] = ()
    """Each with the offset of its end."""
    is_last: bool = True
    """Whether the journal has nothing after them now."""
    damage: str | None = None
    """What is wrong with the line after them."""
    unreadable: OSError | None = None


#: An attempt, what was ingested of it, and whether there is nothing more to ingest now.
_Outcome = tuple[Attempt, Ingested, bool]


class _UnfitRecordError(Exception):
    """The store cannot take the entry with this index, for this reason."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(reason)
        self.index = index
        self.reason = reason


def _read(root: Path, attempt: Attempt, records: int, limit: int) -> _JournalPart:
    """The next entries of an attempt's journal, at most `limit`."""
    entries: list[tuple[Entry, int]] = []
    try:
        for item in islice(journal.read(root / attempt.folder, attempt.offset), limit):
            entries.append(item)
    except DamagedJournalError as error:
        damage = f"{attempt.folder}/{journal.NAME}, line {error.line}, is damaged: {error.reason}"
        return _JournalPart(attempt, records, entries, damage=damage)
    except OSError as error:
        return _JournalPart(attempt, records, unreadable=error)
    return _JournalPart(attempt, records, entries, is_last=len(entries) < limit)


def _store_all(connection: sqlite3.Connection, root: Path, parts: Sequence[_JournalPart]) -> list[_Outcome]:
    """Write what is new of several attempts, all of it or nothing."""
    if not any(part.entries or part.damage for part in parts):
        return [_nothing(part) for part in parts]
    with transaction(connection):
        return [_store_part(connection, root, part) for part in parts]


def _nothing(part: _JournalPart) -> _Outcome:
    return part.attempt, Ingested(part.records, unreadable=part.unreadable), True


def _store_part(connection: sqlite3.Connection, root: Path, part: _JournalPart) -> _Outcome:
    if not (part.entries or part.damage):
        return _nothing(part)
    try:
        with savepoint(connection):
            return _store(connection, part)
    except _UnfitRecordError as error:
        # What it wrote was undone: once more, without that record.
        try:
            return _store(connection, _before(root, part, error))
        except OSError as trouble:
            return _nothing(replace(part, unreadable=trouble))


def _before(root: Path, part: _JournalPart, error: _UnfitRecordError) -> _JournalPart:
    """The part up to the record that cannot be stored. Raises `OSError` when the journal cannot be read."""
    begin = part.entries[error.index - 1][1] if error.index else part.attempt.offset
    line = journal.line_number(root / part.attempt.folder, begin)
    damage = f"{part.attempt.folder}/{journal.NAME}, line {line}, cannot be stored: {error.reason}"
    return replace(part, entries=part.entries[: error.index], is_last=True, damage=damage)


def _store(connection: sqlite3.Connection, part: _JournalPart) -> _Outcome:
    """Write the entries that the store does not have yet, and how the attempt ended if they say so."""
    current = job_attempts.running_attempt(connection, part.attempt)
    if current is None:
        return part.attempt, Ingested(part.records), True
    records, seq = part.records, current.seq
    for index, (entry, offset) in enumerate(part.entries):
        if entry.seq <= seq:
            continue
        try:
            _write(connection, current, entry)
        except Exception as error:
            if _is_of_store(connection, error):
                raise
            # Whatever a journal holds, it must not end the supervisor: each one after it would end too.
            reason = f"{type(error).__name__}: {error}"
            raise _UnfitRecordError(index, reason[:_LONGEST]) from error
        records, seq = records + 1, entry.seq
        if isinstance(entry.record, EndRecord):
            job_attempts.advance(connection, current, seq, offset)
            # In the same transaction: otherwise a crash between the two would leave an attempt
            # that is running although its journal is complete.
            _settle(connection, current, entry.record)
            return current, Ingested(records, entry.record), True
    if part.entries:
        # Also behind records that the store has: they would be read for ever.
        current = replace(current, seq=seq, offset=max(current.offset, part.entries[-1][1]))
        job_attempts.advance(connection, current, current.seq, current.offset)
    if part.damage is not None:
        failure = Failed(part.damage)
        _settle(connection, current, failure)
        return current, Ingested(records, failure, damaged=True), True
    return current, Ingested(records), part.is_last


def _is_of_store(connection: sqlite3.Connection, error: Exception) -> bool:
    """Whether an error is not a record's fault: the disk or the memory is full, the store is damaged.

    On some of them SQLite ends the transaction, and nothing must be written outside of one.
    """
    is_of_file = isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError
    return is_of_file or not connection.in_transaction


def _settle(connection: sqlite3.Connection, attempt: Attempt, ending: EndRecord) -> None:
    match ending:
        case Done(result):
            job_attempts.end_attempt(connection, attempt, "done")
            jobs.set_state(connection, attempt.job, "done", result=result)
            training_data.check(connection, attempt)
        case Failed(error):
            job_attempts.end_attempt(connection, attempt, "failed", error)
            jobs.fail(connection, attempt.job, error)
        case Stopped() | Preempted() if attempt.cancel_at is not None:
            job_attempts.end_attempt(connection, attempt, "cancelled")
            jobs.set_state(connection, attempt.job, "cancelled")
        case Preempted():
            job_attempts.end_attempt(connection, attempt, job_attempts.PREEMPTED, _GAVE_BACK)
            event = f"attempt {attempt.number} preempted: {_GAVE_BACK}, and another attempt continues"
            jobs.set_state(connection, attempt.job, "ready", event=event)
        case Stopped():
            # Workers of earlier versions wrote this for every signal. The job is still requested.
            job_attempts.end_attempt(connection, attempt, "lost", "by a signal")
            event = f"attempt {attempt.number} lost: the worker was stopped by a signal"
            jobs.set_state(connection, attempt.job, "ready", event=event)


def _write(connection: sqlite3.Connection, attempt: Attempt, entry: Entry) -> None:
    match entry.record:
        case Started(pid, host, process):
            job_attempts.set_process(connection, attempt, pid, host, process)
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
