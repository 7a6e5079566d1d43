"""A job that asks a large model, at work: what it wants and has, and what it decides of money and tries."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Literal

from core.config.schema import Price, Teacher
from core.domain.errors import UserError
from core.domain.submissions import Outcome
from core.jobs.context import JobContext
from core.jobs.records import Answer, BatchRecord, Progress, SubmissionRecord
from core.jobs.settings import Settings
from core.teachers import prices
from core.teachers.ledger import UNANSWERED, UNSENT, UNUSABLE, Ledger
from core.teachers.protocol import Account, Fault, Reply, Request

#: The code of a request that neither file of its batch mentions.
NO_LINE = "no_line"
#: Codes of a fault that the same request would meet again.
_FOR_GOOD = ("400", "413", "422", "invalid_request")


class Desk:
    """One attempt at a job that asks a large model."""

    def __init__(
        self,
        job: JobContext[Settings],
        ledger: Ledger,
        teacher: Teacher,
        price: Price | None,
        budget_usd: float | None,
        asked: Sequence[Request],
        usable: Callable[[Reply], tuple[Outcome, str]],
    ) -> None:
        self.job = job
        self.ledger = ledger
        self.teacher = teacher
        self.price = price
        self.budget_usd = budget_usd
        #: What of a reply can be used, and as what.
        self.usable = usable
        #: Key → request: dialogues that ask the same share one.
        self.requests: dict[str, Request] = {}
        for request in asked:
            self.requests.setdefault(request.key, request)
        self.reused = 0
        #: Of an answer that cannot be used. A local model would only say the same again.
        self.tries = 1 if teacher.provider == "local" else teacher.tries

    def begin(self) -> None:
        """Close what earlier attempts left open and cannot end any more, and count what is there."""
        self.ledger.refresh()
        for key, said in self.ledger.invalid.items():
            # Parsed anew for nothing, should the rules have changed since it was said.
            if key in self.requests and self.usable(Reply(said.text, "stop", None))[0] == "ok":
                self.ledger.answers.setdefault(key, said)
        mine = {key for key in self.requests if key in self.ledger.answers}
        own = {
            token for token, sent in self.ledger.sent.items() if sent.folder.parent == self.job.folder.parent
        }
        self.reused = sum(self.ledger.answers[key].token not in own for key in mine)
        for token in own:
            sent = self.ledger.sent[token]
            if not sent.collected and (sent.submission.mode != "batch" or sent.state in UNSENT):
                # Its requests are free again: what is still wanted is decided anew, under the lock.
                self.job.journal.write(BatchRecord(token, "failed", errors=("interrupted",), collected=True))
        self.ledger.refresh()
        self.tell()

    def todo(self, tries: int) -> list[Request]:
        """Requests that are neither settled nor on their way; `tries` for those that got no answer."""
        claimed = self.ledger.claims()
        return [
            request
            for key, request in self.requests.items()
            if key not in claimed and not self._is_settled(key, tries)
        ]

    def is_waiting(self) -> bool:
        """Whether another job is about to get answers that this one wants."""
        claimed = self.ledger.claims()
        return any(key in claimed and key not in self.ledger.answers for key in self.requests)

    def submit(
        self,
        token: str,
        mode: Literal["batch", "live", "local"],
        account: Account,
        requests: Sequence[Request],
        path: str | None,
    ) -> None:
        """Journal the intent to send `requests`, after `check_budget` and under the ledger's lock."""
        self.job.journal.write(
            SubmissionRecord(
                token=token,
                mode=mode,
                provider=account.provider,
                base_url=account.base_url,
                key_digest=account.key_digest,
                model=self.teacher.model,
                requests={request.key: request.dialog_id for request in requests},
                usd=self.estimate(requests),
                path=path,
            )
        )
        self.ledger.refresh()

    def estimate(self, requests: Sequence[Request]) -> float | None:
        return prices.cost(self.price, prices.estimate(requests), batch=self.teacher.mode == "batch")

    def check_budget(self, usd: float | None) -> None:
        """Raise `UserError` when `usd` more would pass the budget.

        To be called under the ledger's lock, so that no two jobs spend the same money.
        """
        if self.budget_usd is None:
            return
        if usd is None:
            raise UserError(
                f"budget_usd is set, and the price of {self.teacher.model} is not known: name it under "
                "[prices.models] in config.toml, or take the budget out"
            )
        spent, bound = self.ledger.spent_usd, self.ledger.bound_usd()
        if spent + bound + usd > self.budget_usd:
            raise UserError(
                f"the budget of {self.budget_usd:.2f} USD would be passed: {spent:.2f} USD are spent, "
                f"{bound:.2f} on their way, and this would cost about {usd:.2f}. Raise budget_usd under "
                "[spending] in config.toml and retry; nothing that was answered is lost"
            )

    def answer(self, token: str, number: int, key: str, dialog_id: str, result: Reply | Fault) -> Answer:
        """The record of what came of one sending."""
        if isinstance(result, Fault):
            return Answer(
                token, key, number, dialog_id, _fault(result), "", f"{result.code}: {result.message}"
            )
        outcome, text = self.usable(result)
        usage = result.usage
        return Answer(
            token,
            key,
            number,
            dialog_id,
            outcome,
            text,
            None,
            None if usage is None else usage.input_tokens,
            None if usage is None else usage.cached_tokens,
            None if usage is None else usage.output_tokens,
            prices.cost(self.price, usage, batch=self.teacher.mode == "batch"),
            result.logprobs,
        )

    def tell(self, under_way: int = 0, eta_s: float | None = None) -> None:
        """Journal the progress: requests with an answer, and `under_way` that the provider has done."""
        done = sum(key in self.ledger.answers for key in self.requests) + under_way
        self.job.journal.write(Progress(min(done, len(self.requests)), len(self.requests), eta_s))

    def _is_settled(self, key: str, tries: int) -> bool:
        if key in self.ledger.answers:
            return True
        found: Counter[Outcome] = self.ledger.outcomes(self.job.spec.job, key)
        unusable = sum(found[outcome] for outcome in UNUSABLE)
        unanswered = sum(found[outcome] for outcome in UNANSWERED)
        return found["rejected"] > 0 or unusable >= self.tries or unanswered >= tries


def new_token() -> str:
    """A name for a submission that nobody else has."""
    return secrets.token_hex(12)


def _fault(fault: Fault) -> Outcome:
    if fault.code == "batch_expired":
        return "expired"
    if fault.code == NO_LINE:
        return "missing"
    return "rejected" if fault.code in _FOR_GOOD else "error"
