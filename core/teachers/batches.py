"""The life of batches: intent, upload, creation, adoption after a crash, polling, collection.

Every step is in the journal before or after it, so that a process that dies anywhere is followed by
one that goes on. A token is created at most once: where it is not known whether a batch came of it
(`creating`), the batch is looked for by its token and adopted, or, once it is certain that there is
none, given up; its requests are then free for a new token, under the ledger's lock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from core.domain.errors import Cancelled, UserError
from core.domain.submissions import BatchState
from core.jobs import files
from core.jobs.records import Answer, BatchRecord
from core.teachers import (
    adoption,
    api_keys,
    batch_results,
    clients,
)
from core.teachers.ledger import Sent
from core.teachers.protocol import (
    FINAL,
    BatchInfo,
    BatchTeacher,
    QueueFullError,
    RejectedError,
    Request,
    TransientError,
)
from core.teachers.request_queue import Desk, new_token

#: Looks at a final batch whose files are not there yet.
_MAX_LOOKS = 8
#: Growth of the time between two looks while nothing changes.
_PATIENCE = 1.5
#: Seconds past a batch's window after which it is cancelled, to have what it has.
_OVERDUE_S = 3600.0
_WINDOW_S = 24 * 3600.0
#: Seconds by which this machine's clock and the provider's may differ.
_CLOCKS_S = 3600.0
#: Seconds that a cancelled batch is watched, to collect what it had answered.
_FAREWELL_S = 12.0

log = logging.getLogger(__name__)


def ask(desk: Desk) -> None:
    """Submit what is not answered, and collect until nothing is left to wait for or to try."""
    _Batches(desk, clients.batches(desk.teacher)).run()


class _Batches:
    def __init__(self, desk: Desk, teacher: BatchTeacher) -> None:
        self.desk = desk
        self.job = desk.job
        self.ledger = desk.ledger
        self.teacher = teacher
        self.settings = desk.teacher
        #: Looks at final batches without files, by token.
        self._looks: dict[str, int] = {}
        #: The moment (monotonic) before which nothing new is submitted, and the next wait for a full queue.
        self._hold_until = 0.0
        self._queue_s = self.settings.poll_min_s
        #: Why the newest submission was not allowed; told when there is nothing left to collect.
        self._refusal: UserError | None = None
        self._pause_s = self.settings.poll_min_s
        self._began = time.monotonic()
        self._completed_at_first: int | None = None

    def run(self) -> None:
        try:
            while True:
                self._adopt_by_hand()
                self._submit()
                open_ = self._open()
                if not open_ and not self.desk.is_waiting() and time.monotonic() >= self._hold_until:
                    if self._refusal is not None:
                        raise self._refusal
                    return
                changed = False
                for sent in open_:
                    self.job.check()
                    changed |= self._advance(sent)
                self._tell()
                if not changed or self._open():
                    self._wait(changed)
        except Cancelled:
            if self.job.is_cancelled:
                self._say_goodbye()
            raise

    def _submit(self) -> None:
        """Journal the intents to send what is neither answered nor claimed, in files of allowed sizes."""
        if time.monotonic() < self._hold_until:
            return
        self._refusal = None
        with self.ledger.locked():
            for chunk, lines in self._chunks(self.desk.todo(self.settings.batch_tries)):
                try:
                    self.desk.check_budget(self.desk.estimate(chunk))
                except UserError as error:
                    self._refusal = error
                    return
                token = new_token()
                path = self.job.folder / f"{token}.jsonl"
                files.write_bytes(path, b"".join(lines))
                self.desk.submit(token, "batch", self.teacher.account, chunk, self._relative(path))
                self._pause_s = self.settings.poll_min_s

    def _chunks(self, requests: Sequence[Request]) -> Iterator[tuple[list[Request], list[bytes]]]:
        chunk: list[Request] = []
        lines: list[bytes] = []
        size = 0
        for request in requests:
            line = self.teacher.line(request)
            if chunk and (
                len(chunk) == self.settings.batch_requests or size + len(line) > self.settings.batch_bytes
            ):
                yield chunk, lines
                chunk, lines, size = [], [], 0
            chunk.append(request)
            lines.append(line)
            size += len(line)
        if chunk:
            yield chunk, lines

    def _open(self) -> list[Sent]:
        """Batches that are to be seen to: this job's, and others' that hold what this job still wants."""
        wanted = {request.key for request in self._wanting()}
        return [
            sent
            for sent in self.ledger.sent.values()
            if sent.submission.mode == "batch"
            and not sent.collected
            and (self._is_own(sent) or (sent.is_open and not wanted.isdisjoint(sent.submission.requests)))
        ]

    def _wanting(self) -> Iterator[Request]:
        return (r for key, r in self.desk.requests.items() if key not in self.ledger.answers)

    def _is_own(self, sent: Sent) -> bool:
        return sent.folder.parent == self.job.folder.parent

    def _advance(self, sent: Sent) -> bool:
        """Do the next step of a batch, if it is time for one; whether anything changed."""
        if not self._is_own(sent) and sent.has_worker:
            return False
        before = (sent.state, sent.completed, sent.failed)
        try:
            if sent.id is None:
                self._bring_up(sent)
            else:
                self._check_account(sent)
                self._look(sent, self._retrieved(sent, sent.id))
        except TransientError as error:
            log.warning("batch %s: %s", sent.token, error)
            if error.retry_after is not None:
                self._pause_s = min(max(self._pause_s, error.retry_after), self.settings.poll_max_s)
        except RejectedError as error:
            self._write(sent, sent.state, errors=(str(error),))
            raise UserError(f"batch {sent.id or sent.token}: {error}") from error
        return (sent.state, sent.completed, sent.failed) != before

    def _retrieved(self, sent: Sent, batch: str) -> BatchInfo:
        try:
            return self.teacher.retrieve(batch)
        except RejectedError as error:
            if error.code != "404":
                raise
            # With the key that made it: it is gone. Whether to pay again is for the user to say.
            self._write(sent, "failed", errors=(str(error),), collected=True)
            raise UserError(
                f"the provider no longer knows batch {batch} ({error}): a retry asks for its "
                f"{len(sent.submission.requests)} requests again, and pays for them again"
            ) from error

    def _bring_up(self, sent: Sent) -> None:
        """The steps up to an id at the provider."""
        if sent.state == "creating":
            self._check_account(sent)
            self._find(sent)
            return
        assert sent.submission.path is not None
        try:
            if sent.file is None:
                file = self.teacher.upload(self._workspace / sent.submission.path)
                self._write(sent, "uploaded", file=file)
            self._write(sent, "creating")
            assert sent.file is not None
            metadata = {"workspace": self._workspace.name, "job": self.job.spec.job, "token": sent.token}
            info = self.teacher.create(sent.file, metadata)
        except QueueFullError as error:
            log.info("batch %s waits its turn: %s", sent.token, error)
            self._write(sent, "queued", errors=(str(error),))
            return
        except RejectedError as error:
            self._write(sent, "failed", errors=(str(error),), collected=True)
            raise UserError(f"the provider refuses the batch: {error}") from error
        self._take_up(sent, info)

    def _find(self, sent: Sent) -> None:
        """Take up a batch that may have been created; give it up once it can no longer show up."""
        info = self.teacher.find(sent.token, sent.at - _CLOCKS_S)
        if info is not None:
            log.info("batch %s was created before: adopted as %s", sent.token, info.id)
            self._take_up(sent, info)
        elif time.time() - sent.at > 2 * self.settings.poll_min_s:
            self._write(sent, "failed", errors=("it was never created",), collected=True)

    def _take_up(self, sent: Sent, info: BatchInfo) -> None:
        self._write(
            sent,
            info.status,
            id=info.id,
            file=info.input_file,
            expires_at=info.expires_at,
            key_digest=self.teacher.account.key_digest,
        )

    def _look(self, sent: Sent, info: BatchInfo) -> None:
        if (info.status, info.completed, info.failed) != (sent.state, sent.completed, sent.failed):
            self._write(
                sent,
                info.status,
                completed=info.completed,
                failed=info.failed,
                total=info.total,
                expires_at=info.expires_at,
                errors=info.errors,
            )
        if info.status in FINAL:
            self._collect(sent, info)
        elif info.status != "cancelling" and time.time() > _overdue_at(info):
            log.warning("batch %s has outlived its window: cancelled, to have what it has", info.id)
            self.teacher.cancel(info.id)

    def _collect(self, sent: Sent, info: BatchInfo) -> None:
        """Journal the outcome of every request of a final batch, once its files are there."""
        paths, awaited = batch_results.fetch(self.teacher, info, self.job.folder / sent.token)
        if awaited:
            self._looks[sent.token] = self._looks.get(sent.token, 0) + 1
            if self._looks[sent.token] < _MAX_LOOKS:
                return
        refused_whole = info.status == "failed" and not paths
        lost = not paths and info.status in ("completed", "expired")
        records: list[Answer] = []
        if not refused_whole:
            records = batch_results.outcomes(self.desk, self.teacher, sent, info, list(paths.values()))
        end = BatchRecord(
            sent.token,
            "failed" if lost else info.status,
            completed=info.completed,
            failed=info.failed,
            output_path=self._relative(paths["output"]) if "output" in paths else None,
            error_path=self._relative(paths["error"]) if "error" in paths else None,
            errors=(*info.errors, f"it ended as {info.status} without any file") if lost else info.errors,
            collected=True,
        )
        self.job.journal.write(*records, end)
        self.ledger.refresh()
        if refused_whole and clients.is_queue_full(self.settings, info):
            log.info("batch %s: the provider's queue is full; it waits its turn", info.id)
            self._hold_until = time.monotonic() + self._queue_s
            self._queue_s = min(2 * self._queue_s, self.settings.poll_max_s)
        elif refused_whole:
            raise UserError(
                f"the provider refused batch {info.id}: {'; '.join(info.errors) or 'no reason given'}"
            )
        elif info.status == "cancelled" and self._is_own(sent) and not self.job.is_cancelled:
            raise UserError(
                f"batch {info.id} was cancelled at the provider; its {len(records)} answers are kept, and a "
                "retry asks for the rest"
            )

    def _check_account(self, sent: Sent) -> None:
        """Raise `UserError` unless the batch was made with the account that is asked now."""
        now = self.teacher.account
        made = sent.submission
        if (made.provider, made.base_url) == (
            now.provider,
            now.base_url,
        ) and sent.key_digest == now.key_digest:
            return
        variable = api_keys.variable(self.settings)
        was = f"{made.provider} at {made.base_url} with a key of digest {sent.key_digest}"
        here = f"{now.provider} at {now.base_url} with a key of digest {now.key_digest}"
        told = f"was made by {was}, and it is now {here}: set {variable} (or the teacher) back and retry"
        if sent.id is None:
            raise UserError(f"a batch of {len(made.requests)} requests {told}")
        raise UserError(
            f"batch {sent.id} {told}, or, if this key may see that batch too, "
            f"`empathy-tui batches adopt {sent.id}`"
        )

    def _adopt_by_hand(self) -> None:
        """Take up batches that the user named."""
        for batch in adoption.named(self.job):
            digest = self.teacher.account.key_digest
            known = [sent for sent in self.ledger.sent.values() if sent.id == batch]
            if any(sent.key_digest == digest for sent in known):
                continue
            made = next((sent for sent in known if not sent.collected), None)
            if made is not None:
                self._write(made, made.state, key_digest=digest)
            else:
                try:
                    adoption.take(self.desk, self.teacher, batch)
                except TransientError as error:
                    log.warning("batch %s, named by hand: %s", batch, error)
                    if any(True for _ in self._wanting()):
                        # It may hold what would otherwise be sent, and paid for, again.
                        self._hold_until = time.monotonic() + self._pause_s
                self.ledger.refresh()

    def _say_goodbye(self) -> None:
        """Cancel this job's batches, and collect what they had answered if that comes soon."""
        deadline = time.monotonic() + _FAREWELL_S
        self.ledger.refresh()
        asked: set[str] = set()
        while own := [sent for sent in self._open() if self._is_own(sent)]:
            for sent in own:
                try:
                    if sent.state == "creating":
                        self._check_account(sent)
                        self._find(sent)
                    elif sent.id is None:
                        self._write(sent, "cancelled", collected=True)
                    if sent.id is None:
                        continue
                    info = self.teacher.retrieve(sent.id)
                    if info.status not in FINAL and sent.token not in asked:
                        info = self.teacher.cancel(sent.id)
                        asked.add(sent.token)
                    self._look(sent, info)
                except (TransientError, RejectedError, UserError) as error:
                    log.warning("batch %s, on the way out: %s", sent.id, error)
            if time.monotonic() > deadline:
                return
            time.sleep(min(0.5, self.settings.poll_min_s))

    def _write(
        self,
        sent: Sent,
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
        self.job.journal.write(
            BatchRecord(
                sent.token,
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

    def _tell(self) -> None:
        own = [sent for sent in self._open() if self._is_own(sent)]
        under_way = sum(sent.completed or 0 for sent in own)
        if self._completed_at_first is None:
            self._completed_at_first = under_way
        gained = under_way - self._completed_at_first
        left = sum(len(sent.submission.requests) for sent in own) - under_way
        passed = time.monotonic() - self._began
        self.desk.tell(under_way, left * passed / gained if gained > 0 else None)

    def _wait(self, changed: bool) -> None:
        self._pause_s = (
            self.settings.poll_min_s if changed else min(self._pause_s * _PATIENCE, self.settings.poll_max_s)
        )
        self.job.wait(self._pause_s)

    @property
    def _workspace(self) -> Path:
        return self.job.folder.parents[3]

    def _relative(self, path: Path) -> str:
        return path.relative_to(self._workspace).as_posix()


def _overdue_at(info: BatchInfo) -> float:
    if info.expires_at is not None:
        return info.expires_at + _OVERDUE_S
    return (info.created_at or time.time()) + _WINDOW_S + _OVERDUE_S
