"""What this workspace's teachers were asked so far, read from the journals of all jobs that ask.

The journals are the only record: workers that ask the same teacher see each other's answers, claims
and spending there, and decide what to send while they hold one lock.
"""

from __future__ import annotations

import fcntl
import logging
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from core.domain.jobs import Stage
from core.domain.submissions import BatchState, Outcome
from core.jobs import context as jobs
from core.jobs import journal
from core.jobs.records import Answer, BatchRecord, Failed, Record, SubmissionRecord

LOCK = "teachers.lock"
#: Stages whose jobs may ask a large model.
ASKING: tuple[Stage, ...] = ("generate", "respond", "validate", "compare")

#: Outcomes that count as an answer, though one that cannot be used.
UNUSABLE: frozenset[Outcome] = frozenset({"refused", "filtered", "empty", "cut", "long", "invalid"})
#: Outcomes without an answer that may come out better the next time.
UNANSWERED: frozenset[Outcome] = frozenset({"error", "expired", "missing"})
#: States of a batch that certainly has not been created.
UNSENT: frozenset[BatchState] = frozenset({"intended", "uploaded", "queued"})

log = logging.getLogger(__name__)


@dataclass
class Sent:
    """A submission as the journals tell it."""

    submission: SubmissionRecord
    folder: Path
    state: BatchState
    at: float
    id: str | None = None
    file: str | None = None
    key_digest: str = ""
    completed: int | None = None
    failed: int | None = None
    collected: bool = False
    spent_usd: float = 0.0
    #: Keys of which it has an outcome.
    keys: set[str] = field(default_factory=set)

    @property
    def token(self) -> str:
        return self.submission.token

    @property
    def is_open(self) -> bool:
        """Whether answers may still come of it that are in no journal."""
        if self.collected:
            return False
        return (self.submission.mode == "batch" and self.state not in UNSENT) or self.has_worker

    @property
    def has_worker(self) -> bool:
        """Whether a worker of the job that sent it lives, be it that of a later attempt."""
        return any(jobs.is_held(folder) for folder in self.folder.parent.iterdir() if folder.is_dir())


class Ledger:
    """The journals of the jobs in `jobs_folder` that ask, followed from where the last look ended."""

    def __init__(self, jobs_folder: Path) -> None:
        self.jobs_folder = jobs_folder
        #: Request key → its usable answer.
        self.answers: dict[str, Answer] = {}
        #: Request key → the newest answer of a judge that names no response.
        self.invalid: dict[str, Answer] = {}
        self.sent: dict[str, Sent] = {}
        self.spent_usd = 0.0
        self._outcomes: dict[str, dict[str, Counter[Outcome]]] = defaultdict(lambda: defaultdict(Counter))
        self._offsets: dict[Path, int] = {}
        self._damaged: set[Path] = set()
        self._counted: set[tuple[str, str, int]] = set()
        #: Records about submissions whose own journal was not read yet.
        self._early: dict[str, list[tuple[float, BatchRecord]]] = defaultdict(list)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Nobody else decides what to send within this block; the ledger is up to date in it."""
        with (self.jobs_folder.parent / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.refresh()
            yield

    def refresh(self) -> None:
        """Read what the journals have got since the last look."""
        folders = [f for stage in ASKING for f in self.jobs_folder.glob(f"{stage}-*/*") if f.is_dir()]
        for folder in sorted(folders, key=_age):
            if folder not in self._damaged:
                self._follow(folder)

    def outcomes(self, job: str, key: str) -> Counter[Outcome]:
        """How often which outcome befell a request in a job, since the job last failed."""
        return self._outcomes[job][key]

    def claims(self) -> set[str]:
        """Keys that are on their way: not to be sent again before their outcome is known."""
        return {
            key
            for sent in self.sent.values()
            if sent.is_open
            for key in sent.submission.requests
            if key not in sent.keys
        }

    def bound_usd(self) -> float:
        """What open submissions will still cost, by their estimates."""
        return sum(
            max(0.0, (sent.submission.usd or 0.0) - sent.spent_usd)
            for sent in self.sent.values()
            if sent.is_open
        )

    def _follow(self, folder: Path) -> None:
        try:
            for entry, offset in journal.read(folder, self._offsets.get(folder, 0)):
                self._offsets[folder] = offset
                self._take(folder, entry.record, entry.at)
        except msgspec.DecodeError as error:
            # Its own job fails of it; the others must not.
            log.warning("the journal in %s is damaged, and read no further: %s", folder, error)
            self._damaged.add(folder)

    def _take(self, folder: Path, record: Record, at: float) -> None:
        match record:
            case SubmissionRecord() if record.token not in self.sent:
                sent = Sent(record, folder, "intended", at, key_digest=record.key_digest)
                self.sent[record.token] = sent
                for early_at, early in self._early.pop(record.token, ()):
                    _change(sent, early, early_at)
            case BatchRecord() if record.token in self.sent:
                _change(self.sent[record.token], record, at)
            case BatchRecord():
                self._early[record.token].append((at, record))
            case Answer():
                self._take_answer(folder.parent.name, record)
            case Failed():
                # The user was told, and has asked again since: the tries begin anew.
                self._outcomes.pop(folder.parent.name, None)

    def _take_answer(self, job: str, answer: Answer) -> None:
        name = (answer.token, answer.key, answer.number)
        if name in self._counted:
            return
        self._counted.add(name)
        self.spent_usd += answer.usd or 0.0
        sent = self.sent.get(answer.token)
        if sent is not None:
            sent.keys.add(answer.key)
            sent.spent_usd += answer.usd or 0.0
        if answer.outcome == "ok":
            self.answers.setdefault(answer.key, answer)
        elif answer.outcome == "invalid":
            self.invalid[answer.key] = answer
        self._outcomes[job][answer.key][answer.outcome] += 1


def _age(folder: Path) -> tuple[str, int]:
    return folder.parent.name, int(folder.name) if folder.name.isdigit() else 0


def _change(sent: Sent, batch: BatchRecord, at: float) -> None:
    if sent.collected:
        # Whoever was still looking at it has nothing to add.
        return
    sent.state, sent.at, sent.collected = batch.state, at, batch.collected
    sent.id = batch.id or sent.id
    sent.file = batch.file or sent.file
    sent.key_digest = batch.key_digest or sent.key_digest
    sent.completed = sent.completed if batch.completed is None else batch.completed
    sent.failed = sent.failed if batch.failed is None else batch.failed
