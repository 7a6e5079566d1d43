"""Live calls: each session sends all pending requests; the next one retries answers that cannot be used."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from core.domain.errors import UserError
from core.jobs.records import BatchRecord
from core.teachers import clients
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.protocol import FailedRequest, RejectedError, Reply, Request, TransientError
from core.teachers.request_queue import RequestQueue, new_token

#: Seconds between two records of the progress.
_PROGRESS_S = 1.0
#: Failed requests after which a session without any answer ends: the server is not available.
_MAX_FAILED_FIRST = 20
#: Seconds between two checks for answers that another job is getting.
_POLL_S = 1.0


def run(queue: RequestQueue) -> None:
    """Send pending requests until none is pending or open.

    Raises `UserError` when the user has to act, and `Cancelled` when the job shall stop.
    """
    asyncio.run(_run(queue))
    queue.job.check()


async def _run(queue: RequestQueue) -> None:
    teacher = clients.live(queue.teacher)
    settings = queue.teacher
    limits = LiveLimits(
        settings.max_concurrency,
        settings.requests_per_minute,
        settings.tokens_per_minute,
        settings.call_tries,
    )
    sender = Sender(teacher, limits, queue.job.stop)
    try:
        while not queue.job.stop.is_set():
            with queue.ledger.locked():
                # Each call has several tries in its session, so one failure in the job is final.
                pending = queue.pending(tries=1)
                if pending:
                    queue.check_budget(queue.estimate(pending))
                    token = new_token()
                    queue.submit(token, "live", clients.account(settings), pending, None)
            if pending:
                await _Session(queue, sender, token, pending).run()
            elif queue.is_waiting():
                await asyncio.sleep(_POLL_S)
            else:
                return
    finally:
        await teacher.close()


class _Session:
    """One submission of live calls."""

    def __init__(self, queue: RequestQueue, sender: Sender, token: str, requests: Sequence[Request]) -> None:
        self.queue = queue
        self.sender = sender
        self.token = token
        self.requests = requests
        self.counts: Counter[str] = Counter()
        self.began = time.monotonic()
        self.reported_at = 0.0

    async def run(self) -> None:
        """Raises `UserError` when the teacher rejects everything, or the budget is used up."""
        journal = self.queue.job.journal
        journal.write(BatchRecord(self.token, "in_progress", total=len(self.requests)))
        errors: tuple[str, ...] = ()
        try:
            await self.sender.send(self.requests, self._on_reply, self._on_failure)
        except RejectedError as error:
            errors = (str(error),)
            raise UserError(f"{self.queue.teacher.model}: {error}") from error
        except UserError as error:
            errors = (str(error),)
            raise
        finally:
            journal.write(
                BatchRecord(
                    self.token,
                    "failed" if errors else "cancelled" if self.queue.job.stop.is_set() else "completed",
                    completed=self.counts["ok"] + self.counts["unusable"],
                    failed=self.counts["failed"],
                    total=len(self.requests),
                    errors=errors,
                    collected=True,
                )
            )
            self.queue.ledger.refresh()

    def _on_reply(self, request: Request, reply: Reply) -> None:
        record = self.queue.answer_record(self.token, 1, request.key, request.dialog_id, reply)
        self.queue.job.journal.write(record)
        self.counts["ok" if record.outcome == "ok" else "unusable"] += 1
        self._report_progress()

    def _on_failure(self, request: Request, error: TransientError | RejectedError, tries: int) -> None:
        failure = FailedRequest(error.code, f"{error} (after {tries} tries)" if tries > 1 else str(error))
        record = self.queue.answer_record(self.token, 1, request.key, request.dialog_id, failure)
        self.queue.job.journal.write(record)
        self.counts["failed"] += 1
        only_failures = self.counts["failed"] == self.counts.total()
        if only_failures and self.counts["failed"] == _MAX_FAILED_FIRST and isinstance(error, TransientError):
            raise UserError(
                f"{self.queue.teacher.model} answered none of the first {_MAX_FAILED_FIRST} requests: {error}"
            )
        self._report_progress()

    def _report_progress(self) -> None:
        now = time.monotonic()
        if now - self.reported_at < _PROGRESS_S:
            return
        self.reported_at = now
        done = self.counts.total()
        self.queue.job.journal.write(
            BatchRecord(
                self.token,
                "in_progress",
                completed=self.counts["ok"] + self.counts["unusable"],
                failed=self.counts["failed"],
                total=len(self.requests),
            )
        )
        self.queue.ledger.refresh()
        self.queue.report_progress(eta_s=(len(self.requests) - done) * (now - self.began) / done)
        if self.queue.budget_usd is not None:
            # An answer can cost more than its estimate.
            self.queue.check_budget(0.0)
