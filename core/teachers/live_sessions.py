"""Live calls: a session sends all that is wanted, and another what came out unusable."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

from core.domain.errors import UserError
from core.jobs.records import BatchRecord
from core.teachers import clients
from core.teachers.live import LiveLimits, Sender
from core.teachers.protocol import (
    Fault,
    LiveTeacher,
    RejectedError,
    Reply,
    Request,
    TransientError,
)
from core.teachers.request_queue import Desk, new_token

#: Seconds between two records of the progress.
_TELL_S = 1.0
#: Requests that may go without an answer before any has one: then nobody is there.
_MAX_SILENCE = 20
#: Seconds between two looks at what another job is about to answer.
_LOOK_S = 1.0


def ask(desk: Desk) -> None:
    """Send what is not answered until nothing is left to send or to try."""
    asyncio.run(_ask(desk))
    desk.job.check()


async def _ask(desk: Desk) -> None:
    teacher = clients.live(desk.teacher)
    settings = desk.teacher
    limits = LiveLimits(
        settings.max_concurrency,
        settings.requests_per_minute,
        settings.tokens_per_minute,
        settings.call_tries,
    )
    sender = Sender(teacher, limits, desk.job.stop)
    try:
        while not desk.job.stop.is_set():
            with desk.ledger.locked():
                # A call has had its tries within its session: once without an answer is enough.
                todo = desk.todo(tries=1)
                if todo:
                    desk.check_budget(desk.estimate(todo))
                    token = new_token()
                    desk.submit(token, "live", clients.account(settings), todo, None)
            if todo:
                await _Session(desk, teacher, sender, token, todo).run()
            elif desk.is_waiting():
                await asyncio.sleep(_LOOK_S)
            else:
                return
    finally:
        await teacher.close()


class _Session:
    """One round of live calls."""

    def __init__(
        self, desk: Desk, teacher: LiveTeacher, sender: Sender, token: str, todo: Sequence[Request]
    ) -> None:
        self.desk = desk
        self.teacher = teacher
        self.sender = sender
        self.token = token
        self.todo = todo
        self.counts: Counter[str] = Counter()
        self.began = time.monotonic()
        self.told = 0.0

    async def run(self) -> None:
        """Raises `UserError` when the teacher refuses everything, or the budget is used up."""
        journal = self.desk.job.journal
        journal.write(BatchRecord(self.token, "in_progress", total=len(self.todo)))
        errors: tuple[str, ...] = ()
        try:
            await self.sender.send(self.todo, self._reply, self._failure)
        except RejectedError as error:
            errors = (str(error),)
            raise UserError(f"{self.desk.teacher.model}: {error}") from error
        except UserError as error:
            errors = (str(error),)
            raise
        finally:
            journal.write(
                BatchRecord(
                    self.token,
                    "failed" if errors else "cancelled" if self.desk.job.stop.is_set() else "completed",
                    completed=self.counts["ok"] + self.counts["unusable"],
                    failed=self.counts["failed"],
                    total=len(self.todo),
                    errors=errors,
                    collected=True,
                )
            )
            self.desk.ledger.refresh()

    def _reply(self, request: Request, reply: Reply) -> None:
        record = self.desk.answer(self.token, 1, request.key, request.dialog_id, reply)
        self.desk.job.journal.write(record)
        self.counts["ok" if record.outcome == "ok" else "unusable"] += 1
        self._tell()

    def _failure(self, request: Request, error: TransientError | RejectedError, tries: int) -> None:
        fault = Fault(error.code, f"{error} (after {tries} tries)" if tries > 1 else str(error))
        self.desk.job.journal.write(self.desk.answer(self.token, 1, request.key, request.dialog_id, fault))
        self.counts["failed"] += 1
        if self.counts["failed"] == self.counts.total() == _MAX_SILENCE and isinstance(error, TransientError):
            raise UserError(
                f"{self.desk.teacher.model} has answered none of {_MAX_SILENCE} requests: {error}"
            )
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self.told < _TELL_S:
            return
        self.told = now
        done = self.counts.total()
        self.desk.job.journal.write(
            BatchRecord(
                self.token,
                "in_progress",
                completed=self.counts["ok"] + self.counts["unusable"],
                failed=self.counts["failed"],
                total=len(self.todo),
            )
        )
        self.desk.ledger.refresh()
        self.desk.tell(eta_s=(len(self.todo) - done) * (now - self.began) / done)
        if self.desk.budget_usd is not None:
            # An answer can cost more than its estimate.
            self.desk.check_budget(0.0)
