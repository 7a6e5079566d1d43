"""Live calls: each session sends all pending requests; the next one retries answers that cannot be used."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence

from core.domain.errors import UserError
from core.jobs.records import Answer, BatchRecord, CallSent, CallUnpaid, Waiting
from core.teachers import clients
from core.teachers.live.sender import LiveLimits, Sender
from core.teachers.live.trouble import kind_of
from core.teachers.protocol import (
    FailedRequest,
    LiveTeacher,
    OnText,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    StreamingTeacher,
    TransientError,
)
from core.teachers.requests.allowance import Allowance
from core.teachers.requests.queue import GOES_ON, OTHER_JOB, OTHER_JOB_POLL_S, RequestQueue, new_token
from core.teachers.settings import remedies

#: Seconds between two records of the progress.
_PROGRESS_S = 1.0
#: Seconds for which requests in flight are awaited when the job must stop: they are paid.
_GRACE_S = 10.0
#: What a job waits for if the budget allows for its requests once others have cost no more than estimated.
_BUDGET_IN_FLIGHT = "the rest of the budget is reserved for live calls of other jobs"
#: Failed requests after which a session without any answer ends: the server is not available.
_MAX_FAILED_FIRST = 20

log = logging.getLogger(__name__)


def run(queue: RequestQueue, on_text: OnText | None = None) -> None:
    """Send pending requests until none is pending or open.

    With `on_text`, for a single request: its answer is streamed, and a person who stops it does not wait.
    Raises `UserError` when the user has to act, and `Cancelled` when the job must stop.
    """
    asyncio.run(_run(queue, on_text))
    queue.job.check()


async def _run(queue: RequestQueue, on_text: OnText | None) -> None:
    client = clients.live(queue.teacher, queue.endpoint_memory)
    teacher: LiveTeacher = client
    # Of a client that cannot stream, the answer comes at once.
    if on_text is not None and isinstance(client, StreamingTeacher):
        teacher = _Streamed(client, on_text)
    settings = queue.teacher
    limits = LiveLimits(
        settings.max_concurrency,
        settings.requests_per_minute,
        settings.tokens_per_minute,
        settings.call_tries,
        settings.max_wait_s,
    )
    sender = Sender(teacher, limits, queue.job.stop, _GRACE_S if on_text is None else 0.0)
    waits_since = time.time()
    is_first = True
    try:
        while not queue.job.stop.is_set():
            session = None
            with queue.ledger.locked():
                # Each call has several tries in its session, so one failure in the job is final.
                pending: Sequence[Request] = queue.pending(tries=1)
                if is_first:
                    # Under a budget the others are not in flight before it is known what an answer costs.
                    pending = queue.budget.first(pending)
                if pending and queue.budget.check(queue.budget.estimate(pending), can_wait=True):
                    session = _begin(queue, sender, pending)
            if session is not None:
                again = queue.to_send_again(pending)
                if again:
                    queue.job.warn(
                        f"{again} requests are sent again whose answers were lost with a worker: they may be "
                        "charged twice"
                    )
                await session.run()
                is_first = is_first and not session.is_complete
            elif pending or queue.is_waiting():
                queue.report_wait(Waiting(_BUDGET_IN_FLIGHT if pending else OTHER_JOB, waits_since))
                await asyncio.sleep(OTHER_JOB_POLL_S)
                continue
            elif not queue.release_more():
                return
            waits_since = time.time()
    finally:
        queue.report_wait(GOES_ON)
        await teacher.close()


def _begin(queue: RequestQueue, sender: Sender, requests: Sequence[Request]) -> _Session:
    """Record the intent to send `requests`, under the ledger's lock."""
    token, allowance = new_token(), queue.budget.allowance(requests)
    most_usd = None if allowance is None else allowance.usd
    queue.submit(token, "live", clients.account(queue.teacher), requests, None, most_usd)
    return _Session(queue, sender, token, requests, allowance)


class _Streamed:
    """A teacher whose answers are streamed."""

    def __init__(self, teacher: StreamingTeacher, on_text: OnText) -> None:
        self._teacher = teacher
        self._on_text = on_text

    @property
    def limits(self) -> RateLimits:
        return self._teacher.limits

    async def complete(self, request: Request) -> Reply:
        return await self._teacher.stream(request, self._on_text)

    async def close(self) -> None:
        await self._teacher.close()


class _BudgetChangedError(Exception):
    """What a session may cost is no longer what it was when it began."""


class _Session:
    """One submission of live calls. Without a budget, `allowance` is None."""

    def __init__(
        self,
        queue: RequestQueue,
        sender: Sender,
        token: str,
        requests: Sequence[Request],
        allowance: Allowance | None,
    ) -> None:
        self.queue = queue
        self.sender = sender
        self.token = token
        self.requests = requests
        self.allowance = allowance
        self.limit_usd = queue.budget.limit_usd
        self.counts: Counter[str] = Counter()
        self.began = time.monotonic()
        self.reported: tuple[object, ...] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether all requests have their results; else it was stopped, its allowance was used up, or the
        budget has changed."""
        return self.counts.total() == len(self.requests)

    async def run(self) -> None:
        """Raises `UserError` when the teacher rejects everything."""
        self.queue.record(BatchRecord(self.token, "in_progress", total=len(self.requests)))
        errors: tuple[str, ...] = ()
        reports = asyncio.create_task(self._report())
        try:
            await self.sender.send(
                self.queue.with_idempotency_keys(self.requests),
                self._on_reply,
                self._on_failure,
                lambda request, number: self.queue.record(CallSent(self.token, request.key, number)),
                lambda request, number: self.queue.record(CallUnpaid(self.token, request.key, number)),
                self.allowance,
            )
        except _BudgetChangedError:
            log.info("budget_usd has changed: what is not sent yet is decided again")
        except RejectedError as error:
            errors = (str(error),)
            words = remedies.of_rejection(error, self.queue.teacher)
            raise UserError(f"{self.queue.teacher.model}: {words}") from error
        except UserError as error:
            errors = (str(error),)
            raise
        finally:
            reports.cancel()
            self.queue.record_lost(self.token)
            self.queue.record(
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
            self.queue.report_progress()

    def _on_reply(self, request: Request, reply: Reply, lost: int) -> None:
        record = self.queue.answer_record(self.token, 1, request.key, request.dialog_id, reply, lost)
        self.queue.record(record)
        self.counts["ok" if record.outcome == "ok" else "unusable"] += 1
        self._count_cost(request, record)
        self.queue.on_answers((record,))
        self._check_budget()

    def _on_failure(
        self, request: Request, error: TransientError | RejectedError, tries: int, lost: int
    ) -> None:
        message = str(error).removeprefix(f"{error.code}: ")
        failure = FailedRequest(error.code, f"{message} (after {tries} tries)" if tries > 1 else message)
        record = self.queue.answer_record(self.token, 1, request.key, request.dialog_id, failure, lost)
        self.queue.record(record)
        self.counts["failed"] += 1
        failed = self.counts["failed"]
        enough = min(_MAX_FAILED_FIRST, len(self.requests))
        if failed == self.counts.total() == enough and isinstance(error, TransientError):
            raise UserError(
                f"{self.queue.teacher.model} answered none of the first {enough} requests "
                f"({kind_of(error)}): {error}"
            )
        self._count_cost(request, record)
        self._check_budget()

    def _check_budget(self) -> None:
        """Raise `_BudgetChangedError` if the budget has changed."""
        if self.queue.budget.limit_usd != self.limit_usd:
            raise _BudgetChangedError

    def _count_cost(self, request: Request, record: Answer) -> None:
        if self.allowance is not None:
            self.allowance.spend(request, record.usd or 0.0)

    async def _report(self) -> None:
        """Record the progress, and what the session waits for, whenever one of them changes."""
        while True:
            await asyncio.sleep(_PROGRESS_S)
            self.queue.report_wait(self.sender.trouble or GOES_ON)
            counts = (self.counts["ok"], self.counts["unusable"], self.counts["failed"])
            if counts != self.reported:
                self.reported = counts
                self._report_progress()

    def _report_progress(self) -> None:
        done = self.counts.total()
        self.queue.record(
            BatchRecord(
                self.token,
                "in_progress",
                completed=self.counts["ok"] + self.counts["unusable"],
                failed=self.counts["failed"],
                total=len(self.requests),
            )
        )
        self.queue.ledger.refresh()
        elapsed_s = time.monotonic() - self.began
        eta_s = (len(self.requests) - done) * elapsed_s / done if done else None
        self.queue.report_progress(eta_s=eta_s)
