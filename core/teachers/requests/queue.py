"""The requests of one job: which are pending, and what became of them."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from core.config.redaction import without_secrets
from core.config.schema import Price, Teacher
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import Answer, BatchRecord, Progress, Record, SubmissionRecord, Waiting
from core.jobs.settings import Settings
from core.teachers.answers import cleaning
from core.teachers.answers.characters import with_visible_half_characters, without_half_characters
from core.teachers.costs import prices
from core.teachers.http import content_filters, token_usage
from core.teachers.protocol import Account, FailedRequest, Finish, Reply, Request, Usage
from core.teachers.requests.budget import Budget
from core.teachers.requests.ledger import NOT_CREATED, UNANSWERED, UNUSABLE, Ledger

#: The code of a request without a line in either result file of its batch.
NO_LINE = "no_line"
#: The code of a request whose worker ended before its answer came, and what is said of it.
LOST = "lost"
_PERHAPS_PAID = (
    "its worker ended before the answer came: it may have been charged, and may be charged twice if it is "
    'sent again. A retry sends it; resend = "always" does so without asking'
)
#: The code of a request that was refused because of a parameter which further requests leave out.
REFUSED_PARAMETER = "refused_parameter"
#: Codes of requests that would be rejected again.
_REJECTED = ("400", "413", "422", "invalid_request")
#: Outcomes that would come again, and may be charged again: the request is not sent a second time.
_COMES_AGAIN: tuple[Outcome, ...] = ("rejected", "filtered", "unreadable")
#: Characters of an unreadable reply that are shown; the journal has all of it.
_SHOWN = 1000

#: What a job waits for if requests of its own are open elsewhere, and the seconds between two checks.
OTHER_JOB = "another job is getting the same answers"
OTHER_JOB_POLL_S = 1.0
#: The record of a job that does not wait.
GOES_ON = Waiting(None)

#: Decides whether a reply can be used: the outcome, and the text to keep.
Classify = Callable[[Reply], tuple[Outcome, str]]

log = logging.getLogger(__name__)


class RequestQueue:
    """The requests of one attempt at a job."""

    def __init__(
        self,
        job: JobContext[Settings],
        ledger: Ledger,
        teacher: Teacher,
        price: Price | None,
        budget_usd: float | None,
        requests: Sequence[Request],
        classify: Classify,
    ) -> None:
        self.job = job
        self.ledger = ledger
        self.teacher = teacher
        self.price = price
        self.budget = Budget(job.spec.job, ledger, teacher, price, budget_usd)
        self.classify = classify
        #: By key: dialogues with identical requests share one.
        self.requests: dict[str, Request] = {}
        for request in requests:
            self.requests.setdefault(request.key, request)
        #: The keys of requests that may be sent.
        self.released = set(self.requests)
        #: Called when all released requests have their outcomes: releases more, and returns whether it did.
        self.release_more: Callable[[], bool] = lambda: False
        #: Called with answers once they are in the journal; raises `UserError` if no more may be sent.
        self.on_answers: Callable[[Sequence[Answer]], None] = lambda answers: None
        self._waiting = GOES_ON
        #: Requests that jobs before this one had answered.
        self.reused = 0
        #: Tries of a request whose answers cannot be used. A local model would only repeat itself.
        self.tries = 1 if teacher.provider == "local" else teacher.tries

    @property
    def endpoint_memory(self) -> Path:
        """The file in which the workspace keeps what endpoints refuse."""
        return self.ledger.jobs_folder.parent / "endpoints.json"

    def record(self, *records: Record) -> None:
        """Write records to the job's journal, and count them."""
        self.job.journal.write(*records)
        self.ledger.note(self.job.folder, records)

    def begin(self) -> None:
        """Close submissions that earlier attempts can no longer finish, and count the answers there are."""
        self.ledger.refresh()
        known_usd = self.ledger.spent_usd - self.ledger.calls_usd
        self.budget.unseen_usd = max(0.0, self.job.spec.spent_usd - known_usd)
        for damage in self.ledger.damaged.values():
            self.job.warn(f"answers may be unknown, and paid again: {damage}")
        self._classify_again()
        answered = {key for key in self.requests if key in self.ledger.answers}
        own = {
            token
            for token, submission in self.ledger.submissions.items()
            if submission.folder.parent == self.job.folder.parent
        }
        self.reused = sum(self.ledger.answers[key].token not in own for key in answered)
        for token in own:
            submission = self.ledger.submissions[token]
            if submission.collected:
                continue
            # Again in this journal: somebody may remove the folder of the attempt that submitted it.
            self.record(submission.record)
            if submission.record.mode != "batch" or submission.state in NOT_CREATED:
                # Its requests become pending again: what to send is decided again, under the lock.
                self.record_lost(token)
                self.record(BatchRecord(token, "failed", errors=("interrupted",), collected=True))
            else:
                self.record(
                    BatchRecord(
                        token,
                        submission.state,
                        submission.id,
                        submission.file,
                        key_digest=submission.key_digest or None,
                    )
                )
        self.ledger.refresh()
        self.report_progress()

    def record_lost(self, token: str) -> None:
        """Record which requests of a live submission were sent, perhaps paid, and not answered to the end."""
        submission = self.ledger.submissions[token]
        for key, tries in sorted(submission.in_flight.items()):
            if tries:
                dialog_id = submission.record.requests.get(key, "")
                lost = FailedRequest(LOST, _PERHAPS_PAID)
                self.record(self.answer_record(token, 1, key, dialog_id, lost, len(tries)))

    def to_send_again(self, requests: Sequence[Request]) -> int:
        """How many of these are perhaps paid already."""
        return sum(request.key in self.ledger.lost for request in requests)

    def with_idempotency_keys(self, requests: Sequence[Request]) -> list[Request]:
        """The requests, each with what shows a provider that it is the same sending as one before, whose
        answer was lost; another try after an answer that cannot be used is another sending."""
        workspace = hashlib.sha256(str(self.ledger.jobs_folder).encode()).hexdigest()[:12]
        return [
            msgspec.structs.replace(
                request, idempotency_key=f"{workspace}-{request.key}-{self.ledger.received[request.key]}"
            )
            for request in requests
        ]

    def _classify_again(self) -> None:
        """Apply the rules for answers, which may have changed since, to the answers there are."""
        for key in self.requests:
            known = self.ledger.answers.get(key)
            invalid = self.ledger.invalid.get(key)
            if known is not None:
                outcome, text = self.classify(Reply(known.text, "stop", None))
                if outcome != "ok":
                    del self.ledger.answers[key]
                elif text != known.text:
                    removed = cleaning.clean(known.text).removed
                    self.ledger.answers[key] = msgspec.structs.replace(
                        known, text=text, removed=(*known.removed, *removed), raw=known.raw or known.text
                    )
            elif invalid is not None:
                finish: Finish = "length" if invalid.outcome == "cut" else "stop"
                if self.classify(Reply(invalid.text, finish, None))[0] == "ok":
                    self.ledger.answers[key] = invalid

    def pending(self, tries: int) -> list[Request]:
        """Requests to send: neither settled nor open. `tries` is the limit for requests without an answer."""
        open_keys = self.ledger.open_keys()
        return [
            request
            for key, request in self.requests.items()
            if key in self.released and key not in open_keys and not self._is_settled(key, tries)
        ]

    def unanswered(self) -> list[Request]:
        """Requests without a usable answer."""
        return [request for key, request in self.requests.items() if key not in self.ledger.answers]

    def is_waiting(self) -> bool:
        """Whether a request without an answer is open, be it in this job or in another one."""
        open_keys = self.ledger.open_keys()
        return any(key in open_keys and key not in self.ledger.answers for key in self.released)

    def submit(
        self,
        token: str,
        mode: Literal["batch", "live", "local"],
        account: Account,
        requests: Sequence[Request],
        path: str | None,
        most_usd: float | None = None,
    ) -> None:
        """Record the intent to send `requests`. Call it after `budget.check`, under the ledger's lock."""
        self.record(
            SubmissionRecord(
                token=token,
                mode=mode,
                provider=account.provider,
                base_url=account.base_url,
                key_digest=account.key_digest,
                model=self.teacher.model,
                requests={request.key: request.dialog_id for request in requests},
                usd=self.budget.estimate(requests),
                path=path,
                most_usd=most_usd,
            )
        )
        self.ledger.refresh()

    def answer_record(
        self,
        token: str,
        number: int,
        key: str,
        dialog_id: str,
        result: Reply | FailedRequest,
        lost: int = 0,
    ) -> Answer:
        """The journal's record of the result of one request.

        `lost` is the number of earlier tries that may have been charged, although their answers never came:
        they are charged by their estimate, as is an answer whose usage the provider did not report.
        """
        if isinstance(result, FailedRequest):
            is_filter = result.code == content_filters.CONTENT_FILTER
            words = result.message if is_filter and result.message else f"{result.code}: {result.message}"
            error: str | None = without_half_characters(words)
            outcome, text, usage, logprobs = _failure_outcome(result), "", None, None
            original = ""
            removed: tuple[str, ...] = ()
            if outcome == "filtered":
                # The filter has read the prompt, which some providers charge for.
                lost += 1
        else:
            error = None if result.ending is None else without_half_characters(result.ending)
            outcome, text = self.classify(result)
            # A judge may have been understood all the same.
            raw = None if outcome == "ok" else result.raw
            text = without_secrets(without_half_characters(text if raw is None else raw[:_SHOWN]))
            original = without_secrets(with_visible_half_characters(result.text if raw is None else raw))
            removed = _removed(result)
            usage, logprobs = result.usage, result.logprobs
            lost += usage is None and self.teacher.provider != "local"
        usd = prices.cost(self.price, usage, batch=self.teacher.mode == "batch")
        if lost:
            usage, usd = self._with_unreported(token, key, result, lost)
        return Answer(
            token,
            key,
            number,
            dialog_id,
            outcome,
            text,
            error,
            None if usage is None else usage.input_tokens,
            None if usage is None else usage.cached_tokens,
            None if usage is None else usage.output_tokens,
            usd,
            lost > 0,
            logprobs,
            removed,
            None if original == text else original,
            None if usage is None else usage.reasoning_tokens,
        )

    def _with_unreported(
        self, token: str, key: str, result: Reply | FailedRequest, count: int
    ) -> tuple[Usage | None, float | None]:
        """The usage and its cost, with the estimates of `count` answers whose usage was not reported."""
        is_batch = self.teacher.mode == "batch"
        reply = result if isinstance(result, Reply) else None
        usage = None if reply is None else reply.usage
        request = self.requests.get(key)
        if request is None:
            # Another job's request, in a batch that this one waits for too.
            submission = self.ledger.submissions[token].record
            known = prices.cost(self.price, usage, batch=is_batch) or 0.0
            share = None if submission.usd is None else submission.usd / len(submission.requests)
            return usage, None if share is None else known + count * share
        given = "" if reply is None else reply.text
        each = prices.of_unknown_usage(request, given, self.budget.answer_tokens())
        if isinstance(result, FailedRequest) and _failure_outcome(result) == "filtered":
            usage, count = Usage(each.input_tokens, 0, 0), count - 1
        elif usage is None and reply is not None:
            usage, count = token_usage.completed(reply.counts, each), count - 1
        reported = usage or Usage(0, 0, 0)
        total = Usage(
            reported.input_tokens + count * each.input_tokens,
            reported.cached_tokens,
            reported.output_tokens + count * each.output_tokens,
            reported.reasoning_tokens,
            reported.cache_write_tokens,
        )
        return total, prices.cost(self.price, total, batch=is_batch)

    def report_progress(self, completed_at_provider: int = 0, eta_s: float | None = None) -> None:
        """Record the progress: requests with an answer, plus those completed but not collected yet."""
        done = sum(key in self.ledger.answers for key in self.requests) + completed_at_provider
        self.job.journal.write(Progress(min(done, len(self.requests)), len(self.requests), eta_s))

    def report_wait(self, waiting: Waiting) -> None:
        """Record what the job waits for, if it has changed; `GOES_ON` if it does not wait."""
        if waiting == self._waiting:
            return
        if waiting.reason is not None and waiting.reason != self._waiting.reason:
            log.warning("waiting: %s", waiting.reason)
        elif waiting.reason is None:
            log.info("it waits no longer")
        self._waiting = waiting
        self.job.journal.write(waiting)

    def _is_settled(self, key: str, tries: int) -> bool:
        if key in self.ledger.answers:
            return True
        found: Counter[Outcome] = self.ledger.outcomes(self.job.spec.job, key)
        unusable = sum(found[outcome] for outcome in UNUSABLE)
        unanswered = sum(found[outcome] for outcome in UNANSWERED)
        if self.teacher.resend == "always":
            unanswered -= found["lost"]
        return (
            any(found[outcome] for outcome in _COMES_AGAIN) or unusable >= self.tries or unanswered >= tries
        )


def new_token() -> str:
    """A unique name for a submission."""
    return secrets.token_hex(12)


def _removed(reply: Reply) -> tuple[str, ...]:
    """The kinds of what is taken off a reply, thinking apart from the text among them."""
    removed = cleaning.clean(reply.text).removed
    return removed if not reply.has_thinking or "thinking" in removed else ("thinking", *removed)


def _failure_outcome(failure: FailedRequest) -> Outcome:
    if failure.code == "batch_expired":
        return "expired"
    if failure.code == NO_LINE:
        return "missing"
    if failure.code == LOST:
        return "lost"
    if content_filters.is_filtered(failure.code, failure.message):
        return "filtered"
    return "rejected" if failure.code in _REJECTED else "error"
