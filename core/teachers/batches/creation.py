"""Creating batches: the intent, the upload, the creation, and finding a batch again after a crash.

Each step is recorded before or after it is done, so that another process can continue where one ended. A
batch is created at most once for each token. In the state `creating` it is unknown whether the provider has
created it: it is looked up by its token or its input file and adopted, or given up once it is certain that it
does not exist. Where only results show whose a batch is, that is after those that may be it have ended: their
results would not have come earlier.
Its requests are pending again then, and get a new token under the ledger's lock. Requests that a batch left
without an answer go into another one, up to `batch_tries` batches in a row (`RequestQueue.pending`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import NoReturn

from core.domain.errors import UserError
from core.jobs import files
from core.teachers.batches.session import BatchSession
from core.teachers.protocol import (
    BatchInfo,
    QueueFullError,
    RejectedError,
    Request,
    TransientError,
    UnidentifiedError,
    UnreadableError,
)
from core.teachers.requests.ledger import TrackedSubmission
from core.teachers.requests.queue import new_token
from core.teachers.settings import remedies

#: Seconds by which the provider's clock and the local one may differ.
_CLOCK_SKEW_S = 3600.0
#: Polling intervals within which a batch appears in the provider's list after it was created.
_APPEARS_WITHIN = 12

log = logging.getLogger(__name__)


def submit_pending(session: BatchSession) -> tuple[int, UserError | None]:
    """Record the intent to send all pending requests, in input files of the allowed sizes.

    Returns the number of batches, and the reason if the budget does not allow for more.
    """
    queue = session.queue
    submitted = 0
    with session.ledger.locked():
        for requests, lines in _input_files(session, queue.pending(session.settings.batch_tries)):
            try:
                queue.budget.check(queue.budget.estimate(requests))
            except UserError as error:
                return submitted, error
            token = new_token()
            path = session.job.folder / f"{token}.jsonl"
            files.write_bytes(path, b"".join(lines))
            session.submit(token, requests, session.relative(path))
            submitted += 1
    return submitted, None


def _input_files(
    session: BatchSession, requests: Sequence[Request]
) -> Iterator[tuple[list[Request], list[bytes]]]:
    settings = session.settings
    chunk: list[Request] = []
    lines: list[bytes] = []
    size = 0
    for request in requests:
        line = session.teacher.line(request)
        if chunk and (len(chunk) == settings.batch_requests or size + len(line) > settings.batch_bytes):
            yield chunk, lines
            chunk, lines, size = [], [], 0
        chunk.append(request)
        lines.append(line)
        size += len(line)
    if chunk:
        yield chunk, lines


def create(session: BatchSession, submission: TrackedSubmission) -> None:
    """Upload the input file and create the batch, or find it if it may have been created before.

    Raises `TransientError`, and `UserError` if the provider rejects the batch. An answer that cannot be read
    is recorded: the batch probably exists, and is looked for.
    """
    if submission.state == "creating":
        session.check_account(submission)
        find(session, submission)
        return
    assert submission.record.path is not None
    try:
        if submission.file is None:
            file = session.teacher.upload(session.workspace / submission.record.path)
            session.record(submission, "uploaded", file=file)
        session.record(submission, "creating")
        assert submission.file is not None
        metadata = {
            "workspace": session.workspace.name,
            "job": session.job.spec.job,
            "token": submission.token,
        }
        info = _create(session, submission, submission.file, metadata)
    except TransientError as error:
        session.creation_error = str(error)
        raise
    except QueueFullError as error:
        log.info("batch %s waits until the provider accepts more: %s", submission.token, error)
        session.record(submission, "queued", errors=(str(error),))
        return
    except RejectedError as error:
        session.record(submission, "failed", errors=(str(error),), collected=True)
        session.delete_upload(submission)
        words = remedies.of_rejection(error, session.settings)
        raise UserError(f"the provider rejected the batch: {words}") from error
    _adopt(session, submission, info)


def _create(
    session: BatchSession, submission: TrackedSubmission, file: str, metadata: dict[str, str]
) -> BatchInfo:
    try:
        return session.teacher.create(file, metadata)
    except UnreadableError as error:
        reason = f"possibly created, but the provider's answer cannot be read: {error}"
        session.record(submission, "creating", errors=(reason,))
        raise


def find(session: BatchSession, submission: TrackedSubmission) -> None:
    """Adopt a batch that may have been created; give it up once it can no longer appear.

    Raises `UserError` if it cannot be known whether it exists: only the user may decide to pay again.
    """
    is_late = session.looked_for_s(submission) > _APPEARS_WITHIN * session.settings.poll_min_s
    since = submission.at - _CLOCK_SKEW_S
    known = {other.id for other in session.ledger.submissions.values() if other.id is not None}
    try:
        info = session.teacher.find(submission.token, since, submission.file, known)
    except RejectedError as error:
        _give_up(session, submission, f"the provider does not list its batches ({error})")
    except UnidentifiedError as error:
        if error.is_known_later:
            session.note_unidentified(submission, error)
        elif is_late:
            _give_up(session, submission, str(error))
        return
    had_to_wait = submission.token in session.unidentified
    session.note_unidentified(submission, None)
    if info is not None:
        log.info("batch %s had been created: adopted as %s", submission.token, info.id)
        _adopt(session, submission, info, ("it was recognised by its results",) if had_to_wait else ())
    elif is_late:
        session.record(submission, "failed", errors=("it was never created",), collected=True)
        session.delete_upload(submission)
        _count_not_created(session)


def _count_not_created(session: BatchSession) -> None:
    """Raise `UserError` once so many batches in a row were never created, by what the provider lists.

    Some of them may exist all the same, each of them paid.
    """
    session.not_created += 1
    if session.not_created >= session.settings.batch_tries:
        why = f" ({session.creation_error})" if session.creation_error else ""
        raise UserError(
            f"{session.settings.model}: {session.not_created} batches in a row were sent and are not in the "
            f"provider's list of batches{why}: look there whether they exist. If one does, run `empathy-tui "
            "batches adopt ID`; a retry sends the requests again"
        )


def _give_up(session: BatchSession, submission: TrackedSubmission, reason: str) -> NoReturn:
    session.record(submission, "failed", errors=(f"possibly created: {reason}",), collected=True)
    raise UserError(
        f"a batch of {len(submission.record.requests)} requests was possibly created from the file "
        f"{submission.file}, and cannot be found: {reason}. If the provider has it, run `empathy-tui batches "
        "adopt ID`; a retry sends its requests again, and they are charged again"
    )


def _adopt(
    session: BatchSession, submission: TrackedSubmission, info: BatchInfo, notes: tuple[str, ...] = ()
) -> None:
    session.record(
        submission,
        info.status,
        id=info.id,
        file=info.input_file,
        expires_at=info.expires_at,
        errors=(*notes, *info.errors),
        key_digest=session.teacher.account.key_digest,
    )
    session.not_created = 0
