"""Collecting finished batches: downloading their result files and recording each request's outcome."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from core.config import redaction
from core.domain.errors import UserError
from core.jobs import files
from core.jobs.records import Answer, BatchRecord
from core.teachers import clients
from core.teachers.batches.session import BatchSession
from core.teachers.protocol import (
    BatchInfo,
    BatchTeacher,
    FailedRequest,
    QueueFullError,
    RejectedError,
    Reply,
)
from core.teachers.requests.ledger import TrackedSubmission
from core.teachers.requests.queue import NO_LINE, REFUSED_PARAMETER, RequestQueue
from core.teachers.settings import remedies

#: Lines of result files that belong to no request, with their number before it.
_NAMELESS = "lines of its result files name none of its requests; the files are kept"
#: The same of requests that the provider counts as completed.
_UNREAD = "more requests are completed than its result files have answers to"
#: Attempts to download the files of a finished batch that are not available yet.
_MAX_DOWNLOADS = 8

log = logging.getLogger(__name__)


class Collector:
    """Collects a session's finished batches."""

    def __init__(self, session: BatchSession) -> None:
        self._session = session
        #: Attempts that found a result file missing, by token.
        self._downloads: dict[str, int] = {}

    def collect(self, submission: TrackedSubmission, info: BatchInfo) -> None:
        """Record the outcome of each request of a finished batch, once its files are available.

        Raises `QueueFullError` if the batch failed because the provider's queue was full, and `UserError` if
        the provider rejected or cancelled it.
        """
        session = self._session
        paths, is_incomplete = download(session.teacher, info, session.job.folder / submission.token)
        if is_incomplete:
            self._downloads[submission.token] = self._downloads.get(submission.token, 0) + 1
            if self._downloads[submission.token] < _MAX_DOWNLOADS:
                return
        was_rejected = info.status == "failed" and not paths
        is_lost = not paths and info.status in ("completed", "expired")
        answers: list[Answer] = []
        fatal: FailedRequest | None = None
        errors = info.errors
        if not was_rejected:
            answers, nameless, fatal = _answer_records(
                session.queue, session.teacher, submission, info, list(paths.values())
            )
            if nameless:
                errors += (f"{nameless} {_NAMELESS}",)
        if is_lost:
            errors += (f"it ended as {info.status} without any file",)
        end = BatchRecord(
            submission.token,
            "failed" if is_lost else info.status,
            completed=info.completed,
            failed=info.failed,
            output_path=session.relative(paths["output"]) if "output" in paths else None,
            error_path=session.relative(paths["error"]) if "error" in paths else None,
            errors=errors,
            collected=True,
        )
        session.queue.record(*answers, end)
        session.ledger.refresh()
        session.delete_upload(submission)
        session.queue.on_answers(answers)
        if was_rejected and clients.is_queue_full(session.settings, info):
            raise QueueFullError(f"the provider's queue is full: batch {info.id} is created again later")
        if was_rejected:
            reasons = "; ".join(info.errors) or "no reason given"
            raise UserError(f"the provider rejected batch {info.id}: {reasons}")
        if fatal is not None and session.is_own(submission):
            rejection = RejectedError(
                f"{fatal.code}: {fatal.message}", code=fatal.code, fatal=True, remedy=fatal.remedy
            )
            words = remedies.of_rejection(rejection, session.settings)
            raise UserError(f"{session.settings.model}: batch {info.id}: {words}")
        if info.status == "cancelled" and session.is_own(submission) and not session.job.is_cancelled:
            raise UserError(
                f"batch {info.id} was cancelled at the provider. Its {len(answers)} answers are kept; a "
                "retry sends the other requests"
            )


def download(teacher: BatchTeacher, info: BatchInfo, prefix: Path) -> tuple[dict[str, Path], bool]:
    """Download a batch's output and error file to `prefix`-output.jsonl and `prefix`-error.jsonl.

    Returns the paths of the files that exist, and whether one is expected that is not available yet. Both
    are downloaded in every final state. Raises `TransientError`.
    """
    names = {"output": info.output_file, "error": info.error_file}
    if info.output_file == info.error_file:
        # Some providers write answers and errors to one file.
        del names["error"]
    paths: dict[str, Path] = {}
    is_incomplete = (info.output_file is None and (info.completed or 0) > 0) or (
        info.error_file is None and (info.failed or 0) > 0
    )
    if info.output_file is None and info.error_file is None and info.status != "failed":
        is_incomplete = True
    for kind, name in names.items():
        if name is None:
            continue
        path = prefix.with_name(f"{prefix.name}-{kind}.jsonl")
        try:
            teacher.download(name, path)
        except RejectedError as error:
            log.warning("batch %s: its %s file cannot be downloaded: %s", info.id, kind, error)
            is_incomplete = True
            continue
        _redact(path)
        paths[kind] = path
    return paths, is_incomplete


def _redact(path: Path) -> None:
    """Remove secrets that the server repeated: the file is kept."""
    secret = redaction.pattern()
    with path.open("rb") as file:
        if not any(map(secret.search, file)):
            return
    with path.open("rb") as file, files.replacing(path) as redacted:
        for line in file:
            redacted.write(_redacted(line) if secret.search(line) else line)


def _redacted(line: bytes) -> bytes:
    try:
        value = redaction.values_without_secrets(json.loads(line))
    except (ValueError, RecursionError):
        # It is no answer either.
        return redaction.pattern().sub(b"[key]", line)
    return json.dumps(value).encode() + b"\n"


def _answer_records(
    queue: RequestQueue,
    teacher: BatchTeacher,
    submission: TrackedSubmission,
    info: BatchInfo,
    paths: Sequence[Path],
) -> tuple[list[Answer], int, FailedRequest | None]:
    """The records of a batch's results, matched to the requests by key; the number of lines that name none of
    its requests; and the failure, if any, that every further request would meet.

    A request without a line expired with its batch, or is missing. Where lines name no request, one of them
    may be its answer: it is unreadable. The same is true where the provider has completed more requests than
    have an answer in its files. In a cancelled batch a request without a line was never processed, and has no
    record.
    """
    missing: dict[str, str] = dict(submission.record.requests)
    results: dict[str, Reply | FailedRequest] = {}
    records = []
    nameless = 0
    fatal: FailedRequest | None = None
    for key, result in teacher.results(paths):
        if key is None or key not in submission.record.requests:
            nameless += 1
            log.warning("batch %s: ignored an unknown line for %s", info.id, str(key)[:64])
        elif key not in results:
            results[key] = result
        else:
            log.warning("batch %s: there are several lines for %s", info.id, key)
            results[key] = max(results[key], result, key=_worth)
    for key, result in results.items():
        dialog_id = missing.pop(key)
        if isinstance(result, FailedRequest):
            if teacher.learn(result):
                # The next batch leaves the refused parameter out.
                result = FailedRequest(REFUSED_PARAMETER, f"{result.code}: {result.message}")
            elif result.fatal:
                fatal = fatal or result
        records.append(queue.answer_record(submission.token, 1, key, dialog_id, result))
    answered = len(queue.unanswered()) < len(queue.requests) or any(r.outcome == "ok" for r in records)
    if fatal is not None and fatal.remedy is None and answered:
        # Others were answered all the same.
        fatal = None
    if info.status == "cancelled":
        return records, nameless, fatal
    code = "batch_expired" if info.status == "expired" else NO_LINE
    answered_count = sum(isinstance(result, Reply) for result in results.values())
    unread = (info.completed or 0) - answered_count
    why = f"{nameless} {_NAMELESS}" if nameless >= unread else f"{unread} {_UNREAD}"
    for number, (key, dialog_id) in enumerate(missing.items()):
        if number < max(nameless, unread):
            result = Reply("", "unreadable", None, ending=f"it has no line, and {why}", raw="")
        else:
            message = f"the batch ended as {info.status} without a line for this request"
            result = FailedRequest(code, message)
        records.append(queue.answer_record(submission.token, 1, key, dialog_id, result))
    return records, nameless, fatal


def _worth(result: Reply | FailedRequest) -> int:
    """How much a result is worth beside others of the same request: an answer is what was paid."""
    return 0 if isinstance(result, FailedRequest) else 1 if result.finish == "unreadable" else 2
