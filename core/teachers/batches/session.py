"""What each step in the life of a batch works with: the job's queue, the provider, and the journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from pathlib import Path

from core.domain.errors import UserError
from core.domain.submissions import BatchState
from core.jobs.records import BatchRecord
from core.teachers.protocol import BatchTeacher, RejectedError, Request, TransientError, UnidentifiedError
from core.teachers.requests.ledger import TrackedSubmission
from core.teachers.requests.queue import RequestQueue
from core.teachers.settings import api_keys

log = logging.getLogger(__name__)


class BatchSession:
    """One job's batches at one provider."""

    def __init__(self, queue: RequestQueue, teacher: BatchTeacher) -> None:
        self.queue = queue
        self.job = queue.job
        self.ledger = queue.ledger
        self.settings = queue.teacher
        self.teacher = teacher
        #: When this process first looked for a batch, by its token, on the monotonic clock.
        self._looked_since: dict[str, float] = {}
        #: Batches in a row that were to be created and never were, and why the newest was not.
        self.not_created = 0
        self.creation_error = ""
        #: Why it is not known yet whether a batch was created, by its token.
        self.unidentified: dict[str, str] = {}

    @property
    def workspace(self) -> Path:
        """The workspace's folder."""
        return self.job.folder.parents[3]

    def relative(self, path: Path) -> str:
        """A path relative to the workspace, as the journal records it."""
        return path.relative_to(self.workspace).as_posix()

    def is_own(self, submission: TrackedSubmission) -> bool:
        """Whether this job submitted it, in whichever attempt."""
        return submission.folder.parent == self.job.folder.parent

    def to_poll(self) -> list[TrackedSubmission]:
        """This job's uncollected batches, and those of other jobs that contain requests of this one."""
        wanted = {request.key for request in self.queue.unanswered()}
        return [
            submission
            for submission in self.ledger.submissions.values()
            if submission.record.mode == "batch"
            and not submission.collected
            and (
                self.is_own(submission)
                or (submission.is_open and not wanted.isdisjoint(submission.record.requests))
            )
        ]

    def submit(self, token: str, requests: Sequence[Request], path: str | None) -> None:
        """Record the intent to create a batch of `requests`; `path` is its input file, if there is one."""
        self.queue.submit(token, "batch", self.teacher.account, requests, path)

    def looked_for_s(self, submission: TrackedSubmission) -> float:
        """Seconds for which a batch that may have been created has been looked for by this process."""
        now = time.monotonic()
        return now - self._looked_since.setdefault(submission.token, now)

    def note_unidentified(self, submission: TrackedSubmission, error: UnidentifiedError | None) -> None:
        """Record, once, why it is not known yet whether a batch was created; None if it is known."""
        if error is None:
            self.unidentified.pop(submission.token, None)
        elif self.unidentified.get(submission.token) != str(error):
            self.unidentified[submission.token] = str(error)
            self.record(submission, submission.state, errors=(f"possibly created: {error}",))

    def record(
        self,
        submission: TrackedSubmission,
        state: BatchState,
        *,
        id: str | None = None,
        file: str | None = None,
        completed: int | None = None,
        failed: int | None = None,
        total: int | None = None,
        expires_at: float | None = None,
        errors: tuple[str, ...] = (),
        key_digest: str | None = None,
        collected: bool = False,
    ) -> None:
        """Record a batch's new state in the journal."""
        self.queue.record(
            BatchRecord(
                submission.token,
                state,
                id,
                file,
                completed,
                failed,
                total,
                expires_at,
                errors=errors,
                key_digest=key_digest,
                collected=collected,
            )
        )
        self.ledger.refresh()

    def delete_upload(self, submission: TrackedSubmission) -> None:
        """Delete the input file that this program uploaded; it has no further use, and counts to a quota."""
        if submission.file is None or submission.record.path is None:
            return
        try:
            self.teacher.delete(submission.file)
        except (TransientError, RejectedError) as error:
            log.warning("the input file %s stays at the provider: %s", submission.file, error)

    def check_account(self, submission: TrackedSubmission) -> None:
        """Raise `UserError` unless the batch belongs to the account that is configured now."""
        account = self.teacher.account
        record = submission.record
        if (record.provider, record.base_url, submission.key_digest) == (
            account.provider,
            account.base_url,
            account.key_digest,
        ):
            return
        variable = api_keys.variable(self.settings)
        created_by = f"{record.provider} at {record.base_url} with a key of hash {submission.key_digest}"
        now = f"{account.provider} at {account.base_url} with a key of hash {account.key_digest}"
        reason = (
            f"was created by {created_by}, but the configuration now is {now}: set {variable} "
            "(or the teacher) back and retry"
        )
        if submission.id is None:
            raise UserError(f"a batch of {len(record.requests)} requests {reason}")
        raise UserError(
            f"batch {submission.id} {reason}, or, if the new key has access to that batch too, run "
            f"`empathy-tui batches adopt {submission.id}`"
        )
