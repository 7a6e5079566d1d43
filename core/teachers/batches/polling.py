"""The loop that creates a job's batches, polls them, and collects their results."""

from __future__ import annotations

import logging
import time

from core.domain.errors import Cancelled, UserError
from core.jobs.records import Waiting
from core.teachers import clients
from core.teachers.batches import adoption, creation
from core.teachers.batches.collection import Collector
from core.teachers.batches.session import BatchSession
from core.teachers.http import headers
from core.teachers.live.trouble import kind_of
from core.teachers.protocol import (
    FINAL,
    BatchInfo,
    QueueFullError,
    RejectedError,
    TransientError,
    UnreadableError,
)
from core.teachers.requests.ledger import TrackedSubmission
from core.teachers.requests.queue import GOES_ON, RequestQueue
from core.teachers.settings import remedies

#: Growth of the polling interval while nothing changes.
_BACKOFF = 1.5
#: Seconds after a batch's expiry at which it is cancelled, to get the answers that it has.
_OVERDUE_S = 3600.0
#: Seconds for which a cancelled job polls its batches, to collect the answers that they had.
_CANCEL_GRACE_S = 12.0

#: What a job waits for while the provider takes no more batches.
_QUEUE_FULL = "the provider's queue of batches is full"

log = logging.getLogger(__name__)


def run(queue: RequestQueue) -> None:
    """Submit pending requests and collect results until nothing is pending or open.

    Raises `UserError` when the user has to act, and `Cancelled` when the job must stop.
    """
    _Poller(BatchSession(queue, clients.batches(queue.teacher, queue.endpoint_memory))).run()


class _Poller:
    def __init__(self, session: BatchSession) -> None:
        self.session = session
        self.job = session.job
        self.teacher = session.teacher
        self.settings = session.settings
        self.collector = Collector(session)
        #: Until this time (monotonic) nothing new is submitted.
        self._submit_after = 0.0
        #: The next wait in seconds if the provider's queue is full.
        self._queue_full_s = self.settings.poll_min_s
        #: Why the budget does not allow for more; raised when nothing is left to collect.
        self._over_budget: UserError | None = None
        #: The newest error of a batch, by token, about which the provider's answers cannot be read.
        self._unreadable: dict[str, str] = {}
        self._interval_s = self.settings.poll_min_s
        #: Why the provider does not answer, and since when.
        self._waits_for: str | None = None
        self._silent_since: float | None = None
        #: Since when the provider takes no more batches.
        self._queue_full_since: float | None = None
        self._began = time.monotonic()
        self._completed_at_first: int | None = None

    def run(self) -> None:
        try:
            while True:
                self._adopt_named()
                self._submit()
                batches = self.session.to_poll()
                if (
                    not batches
                    and not self.session.queue.is_waiting()
                    and time.monotonic() >= self._submit_after
                ):
                    if self._over_budget is not None:
                        raise self._over_budget
                    return
                changed = False
                for submission in batches:
                    self.job.check()
                    changed |= self._advance(submission)
                self._report_progress()
                if not changed or self.session.to_poll():
                    self._wait(changed)
        except Cancelled:
            if self.job.is_cancelled:
                self._cancel_batches()
            raise

    def _submit(self) -> None:
        if time.monotonic() < self._submit_after:
            return
        submitted, self._over_budget = creation.submit_pending(self.session)
        if submitted:
            self._interval_s = self.settings.poll_min_s

    def _advance(self, submission: TrackedSubmission) -> bool:
        """Do a batch's next step; whether anything changed."""
        if not self.session.is_own(submission) and submission.has_worker:
            return False
        before = (submission.state, submission.completed, submission.failed)
        try:
            if submission.id is None:
                creation.create(self.session, submission)
            else:
                self.session.check_account(submission)
                self._update(submission, self._retrieve(submission, submission.id))
            self._silent_since, self._waits_for = None, None
        except TransientError as error:
            log.warning("batch %s: %s", submission.token, error)
            self._report_unreadable(submission, error)
            self._note_silence(submission, error)
            if error.retry_after is not None:
                self._interval_s = min(max(self._interval_s, error.retry_after), self.settings.poll_max_s)
        except QueueFullError as error:
            log.info("%s", error)
            self._silent_since, self._waits_for = None, None
            self._submit_after = time.monotonic() + self._queue_full_s
            self._queue_full_s = min(2 * self._queue_full_s, self.settings.poll_max_s)
        except RejectedError as error:
            self.session.record(submission, submission.state, errors=(str(error),))
            words = remedies.of_rejection(error, self.settings)
            raise UserError(f"batch {submission.id or submission.token}: {words}") from error
        return (submission.state, submission.completed, submission.failed) != before

    def _report_unreadable(self, submission: TrackedSubmission, error: TransientError) -> None:
        """Record, once, that the provider's answers about a batch cannot be read; it is polled on."""
        if isinstance(error, UnreadableError) and self._unreadable.get(submission.token) != str(error):
            self._unreadable[submission.token] = str(error)
            reason = f"the provider's answer about it cannot be read: {error}"
            self.session.record(submission, submission.state, errors=(reason,))

    def _note_silence(self, submission: TrackedSubmission, error: TransientError) -> None:
        """Raises `UserError` once the provider has given no answer that can be read for too long."""
        now = time.time()
        if self._silent_since is None:
            self._silent_since = now
        self._waits_for = f"{kind_of(error)}: {error}"
        if now - self._silent_since >= self.settings.max_wait_s:
            after = "" if submission.id is None else f". Batch {submission.id} continues at the provider"
            raise UserError(
                f"{self.settings.model}: {kind_of(error)} for {now - self._silent_since:.0f} s, longer than "
                f"max_wait_s allows: {error}{after}; a retry continues from here"
            ) from error

    def _report_wait(self) -> None:
        waiting, now = GOES_ON, time.time()
        own = [submission for submission in self.session.to_poll() if self.session.is_own(submission)]
        full_for_s = max(0.0, self._submit_after - time.monotonic())
        if any(submission.state == "queued" for submission in own):
            full_for_s = max(full_for_s, self._interval_s)
        self._queue_full_since = (self._queue_full_since or now) if full_for_s else None
        if self._silent_since is not None:
            gives_up_at = self._silent_since + self.settings.max_wait_s
            waiting = Waiting(self._waits_for, self._silent_since, now + self._interval_s, gives_up_at)
        elif self._queue_full_since is not None:
            waiting = Waiting(_QUEUE_FULL, self._queue_full_since, now + full_for_s)
        elif self.session.unidentified:
            token, reason = next(iter(self.session.unidentified.items()))
            waiting = Waiting(reason, self.session.ledger.submissions[token].at)
        self.session.queue.report_wait(waiting)

    def _retrieve(self, submission: TrackedSubmission, batch: str) -> BatchInfo:
        try:
            return self.teacher.retrieve(batch)
        except RejectedError as error:
            if error.code != "404":
                raise
            # The key is the one that created it, so it was deleted. Only the user may decide to pay again.
            self.session.record(submission, "failed", errors=(str(error),), collected=True)
            raise UserError(
                f"the provider no longer has batch {batch} ({error}): a retry sends its "
                f"{len(submission.record.requests)} requests again, and they are charged again"
            ) from error

    def _update(self, submission: TrackedSubmission, info: BatchInfo) -> None:
        """Record what changed, and collect the batch if it has finished."""
        known = (submission.state, submission.completed, submission.failed)
        if (info.status, info.completed, info.failed) != known:
            self.session.record(
                submission,
                info.status,
                completed=info.completed,
                failed=info.failed,
                total=info.total,
                expires_at=info.expires_at,
                errors=info.errors,
            )
        if info.status in FINAL:
            self.collector.collect(submission, info)
        elif info.status != "cancelling" and time.time() > _overdue_at(
            info, self.settings.batch_window, submission.submitted_at
        ):
            log.warning("batch %s is overdue: cancelled, to get the answers that it has", info.id)
            self.teacher.cancel(info.id)

    def _adopt_named(self) -> None:
        """Adopt the batches that the user named."""
        ledger = self.session.ledger
        for batch in adoption.named(self.job):
            digest = self.teacher.account.key_digest
            known = [submission for submission in ledger.submissions.values() if submission.id == batch]
            if any(submission.key_digest == digest for submission in known):
                continue
            uncollected = next((submission for submission in known if not submission.collected), None)
            if uncollected is not None:
                self.session.record(uncollected, uncollected.state, key_digest=digest)
                continue
            try:
                adoption.adopt(self.session, batch)
            except TransientError as error:
                log.warning("batch %s, named by the user: %s", batch, error)
                if self.session.queue.unanswered():
                    # It may contain requests that would otherwise be sent, and charged, again.
                    self._submit_after = time.monotonic() + self._interval_s
            ledger.refresh()

    def _cancel_batches(self) -> None:
        """Cancel this job's batches, and collect the answers that they had if those arrive soon."""
        session = self.session
        deadline = time.monotonic() + _CANCEL_GRACE_S
        session.ledger.refresh()
        cancelled: set[str] = set()
        while own := [submission for submission in session.to_poll() if session.is_own(submission)]:
            for submission in own:
                try:
                    if submission.state == "creating":
                        session.check_account(submission)
                        creation.find(session, submission)
                    elif submission.id is None:
                        session.record(submission, "cancelled", collected=True)
                    if submission.id is None:
                        continue
                    info = self.teacher.retrieve(submission.id)
                    if info.status not in FINAL and submission.token not in cancelled:
                        info = self.teacher.cancel(submission.id)
                        cancelled.add(submission.token)
                    self._update(submission, info)
                except (TransientError, RejectedError, QueueFullError, UserError) as error:
                    log.warning("batch %s, while cancelling the job: %s", submission.id, error)
            if time.monotonic() > deadline:
                return
            time.sleep(min(0.5, self.settings.poll_min_s))

    def _report_progress(self) -> None:
        own = [submission for submission in self.session.to_poll() if self.session.is_own(submission)]
        completed = sum(submission.completed or 0 for submission in own)
        if self._completed_at_first is None:
            self._completed_at_first = completed
        gained = completed - self._completed_at_first
        remaining = sum(len(submission.record.requests) for submission in own) - completed
        elapsed_s = time.monotonic() - self._began
        eta_s = remaining * elapsed_s / gained if gained > 0 else None
        self.session.queue.report_progress(completed, eta_s)

    def _wait(self, changed: bool) -> None:
        slower = min(self._interval_s * _BACKOFF, self.settings.poll_max_s)
        self._interval_s = self.settings.poll_min_s if changed else slower
        self._report_wait()
        self.job.wait(self._interval_s)


def _overdue_at(info: BatchInfo, window: str, submitted_at: float) -> float:
    """When a batch should long have ended; `window` is the time that the provider had for it.

    It was created after `submitted_at`, whatever times the provider reports.
    """
    began_at = max(info.created_at or 0.0, submitted_at)
    ends_at = began_at + (headers.parse_duration(window) or 0.0)
    return max(ends_at, info.expires_at or 0.0) + _OVERDUE_S
