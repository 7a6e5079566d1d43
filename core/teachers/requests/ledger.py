"""The requests that this workspace has sent to large models, with their answers and costs.

The journals of the jobs are the only record. Workers read each other's journals to find answers, open
requests and spending, and decide what to send while they hold one lock. What a worker itself records it also
counts at once, and forgets nothing that it has read: removed files do not make it pay again.
"""

from __future__ import annotations

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock

from core.domain.names import JobId
from core.domain.states import Stage
from core.domain.submissions import BatchState, Outcome
from core.jobs import context as jobs
from core.jobs import journal
from core.jobs.journal import DamagedJournalError
from core.jobs.records import (
    Answer,
    BatchRecord,
    CallSent,
    CallUnpaid,
    Failed,
    Record,
    SubmissionRecord,
)
from core.teachers.costs.prices import Used

LOCK = "teachers.lock"
#: Seconds between two attempts to acquire the lock, which is held for milliseconds.
_LOCK_POLL_S = 0.01
#: Stages whose jobs may send requests to a large model.
REQUESTING_STAGES: tuple[Stage, ...] = ("generate", "filter", "respond", "validate", "compare")

#: Outcomes with an answer that cannot be used.
UNUSABLE: frozenset[Outcome] = frozenset(
    {"refused", "filtered", "empty", "cut", "long", "unfinished", "unreadable", "invalid"}
)
#: Outcomes without an answer, for which a retry may help.
UNANSWERED: frozenset[Outcome] = frozenset({"error", "expired", "missing", "lost"})
#: States of a batch that the provider has certainly not created.
NOT_CREATED: frozenset[BatchState] = frozenset({"intended", "uploaded", "queued"})

log = logging.getLogger(__name__)


@dataclass
class TrackedSubmission:
    """A submission and what the journals have recorded about it since."""

    record: SubmissionRecord
    """What was going to be sent."""
    folder: Path
    """The folder of the attempt that submitted it."""
    state: BatchState
    """Its newest state."""
    at: float
    """When it got this state, in Unix seconds."""
    submitted_at: float
    """When its requests were recorded, before anything was sent, in Unix seconds."""
    id: str | None = None
    """The provider's id of the batch; None before it is created, and for live calls."""
    file: str | None = None
    """The provider's name of the uploaded input file."""
    key_digest: str = ""
    """The digest of the API key that has access to the batch."""
    completed: int | None = None
    """Requests with an answer, as the provider counts them; None if not known."""
    failed: int | None = None
    """Requests that failed, as the provider counts them; None if not known."""
    collected: bool = False
    """Whether everything that will ever come of it has been recorded."""
    spent_usd: float = 0.0
    """What its answers have cost so far, in US dollars."""
    answered_keys: set[str] = field(default_factory=set)
    """Keys of the requests that have an outcome."""
    in_flight: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    """By key, the tries of live requests without an outcome that were sent, and perhaps answered and paid."""

    @property
    def token(self) -> str:
        return self.record.token

    @property
    def is_open(self) -> bool:
        """Whether answers may still arrive that no journal contains."""
        if self.collected:
            return False
        return (self.record.mode == "batch" and self.state not in NOT_CREATED) or self.has_worker

    @property
    def has_worker(self) -> bool:
        """Whether a worker of the job that submitted it is alive, in whichever attempt."""
        try:
            folders = [folder for folder in self.folder.parent.iterdir() if folder.is_dir()]
        except FileNotFoundError:
            # Somebody removed it, and its worker ends.
            return False
        return any(jobs.is_held(folder) for folder in folders)


class Ledger:
    """The journals of all jobs that send requests, and of the playground's calls.

    Each refresh continues where the last one ended.
    """

    def __init__(self, jobs_folder: Path) -> None:
        self.jobs_folder = jobs_folder
        #: What people ask large models in the playground, which is no job: `WorkspacePaths.calls`.
        self.calls_folder = jobs_folder.parent / "calls"
        #: Usable answers by request key.
        self.answers: dict[str, Answer] = {}
        #: By request key, the newest answer in which no verdict was found: it is invalid, or was cut.
        self.invalid: dict[str, Answer] = {}
        #: By token.
        self.submissions: dict[str, TrackedSubmission] = {}
        self.spent_usd = 0.0
        #: What of it the playground spent, which the store does not know.
        self.calls_usd = 0.0
        #: Keys of requests that were sent, and whose answers were lost with their worker.
        self.lost: set[str] = set()
        #: How many answers there were to each request, by its key.
        self.received: Counter[str] = Counter()
        #: Answers and their output tokens by stage and model, where the provider reported them.
        self._used: dict[tuple[str, str], tuple[int, int]] = {}
        #: The cost of the most expensive of these answers, in US dollars.
        self._dearest_usd: dict[tuple[str, str], float] = defaultdict(float)
        self._outcomes: dict[str, dict[str, Counter[Outcome]]] = defaultdict(lambda: defaultdict(Counter))
        #: The newest outcome of each request without a usable answer, by job and request key.
        self._newest: dict[str, dict[str, Answer]] = defaultdict(dict)
        self._offsets: dict[Path, int] = {}
        #: Folder of an attempt → what is wrong with its journal, whose rest is unknown.
        self.damaged: dict[Path, str] = {}
        self._counted: set[tuple[str, str, int]] = set()
        #: Records about submissions whose own record has not been read yet.
        self._early: dict[str, list[tuple[float, BatchRecord]]] = defaultdict(list)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Refresh, and hold the lock under which jobs decide what to send."""
        with FileLock(self.jobs_folder.parent / LOCK, poll_interval=_LOCK_POLL_S, fallback_to_soft=False):
            self.refresh()
            yield

    def refresh(self) -> None:
        """Read the records that were written since the last refresh."""
        folders = [
            folder
            for stage in REQUESTING_STAGES
            for folder in self.jobs_folder.glob(f"{stage}-*/*")
            if folder.is_dir()
        ]
        folders += [folder for folder in self.calls_folder.glob("*/*") if folder.is_dir()]
        for folder in sorted(folders, key=_job_and_attempt):
            if folder not in self.damaged:
                self._follow(folder)

    def outcomes(self, job: str, key: str) -> Counter[Outcome]:
        """The outcomes of a request in a job since the job last failed, each with its count."""
        return self._outcomes[job][key]

    def newest(self, job: str, key: str) -> Answer | None:
        """The newest outcome of a request in a job that is not a usable answer; None if there is none."""
        return self._newest[job].get(key)

    def used(self, job: str, model: str) -> Used | None:
        """What answers of `model` to jobs of the same stage have used; None if there are none."""
        found = self._used.get((JobId.parse(job).stage, model))
        return None if found is None else Used(*found)

    def open_keys(self) -> set[str]:
        """Keys of requests that are open: they must not be sent again before their outcome is known."""
        return {
            key
            for submission in self._open()
            for key in submission.record.requests
            if key not in submission.answered_keys
        }

    def dearest_usd(self, job: str, model: str) -> float:
        """The largest reported cost of an answer of `model` to jobs of the same stage, in US dollars."""
        return self._dearest_usd[JobId.parse(job).stage, model]

    def expected_usd(self) -> float:
        """What open submissions will still cost by estimate, in US dollars."""
        return sum(max(0.0, (one.record.usd or 0.0) - one.spent_usd) for one in self._open())

    def reserved_usd(self) -> float:
        """What open submissions may still cost, in US dollars: batches by estimate, live calls at most."""
        return sum(
            max(0.0, (one.record.most_usd or one.record.usd or 0.0) - one.spent_usd) for one in self._open()
        )

    def _open(self) -> Iterator[TrackedSubmission]:
        return (submission for submission in self.submissions.values() if submission.is_open)

    def note(self, folder: Path, records: Iterable[Record]) -> None:
        """Count what the worker of the attempt in `folder` has just recorded itself."""
        for record in records:
            self._add(folder, record, time.time())

    def _follow(self, folder: Path) -> None:
        try:
            for entry, offset in journal.read(folder, self._offsets.get(folder, 0)):
                self._offsets[folder] = offset
                self._add(folder, entry.record, entry.at)
        except DamagedJournalError as error:
            # A damaged journal fails its own job, and must not fail the others.
            log.warning("a journal is damaged, and is ignored from there on: %s", error)
            self.damaged[folder] = str(error)

    def _add(self, folder: Path, record: Record, at: float) -> None:
        match record:
            case SubmissionRecord() if record.token not in self.submissions:
                submission = TrackedSubmission(
                    record, folder, "intended", at, at, key_digest=record.key_digest
                )
                self.submissions[record.token] = submission
                for early_at, early in self._early.pop(record.token, ()):
                    _update(submission, early, early_at)
            case BatchRecord() if record.token in self.submissions:
                _update(self.submissions[record.token], record, at)
            case BatchRecord():
                self._early[record.token].append((at, record))
            case CallSent() if record.token in self.submissions:
                submission = self.submissions[record.token]
                # What is noted is read again from the file, the answer before what it is an answer to.
                if record.key not in submission.answered_keys:
                    submission.in_flight[record.key].add(record.number)
            case CallUnpaid() if record.token in self.submissions:
                self.submissions[record.token].in_flight[record.key].discard(record.number)
            case Answer():
                self._add_answer(folder.parent.name, record, is_call=folder.is_relative_to(self.calls_folder))
            case Failed():
                # The user saw the failure and retried: all tries are available again.
                self._outcomes.pop(folder.parent.name, None)

    def _add_answer(self, job: str, answer: Answer, *, is_call: bool) -> None:
        name = (answer.token, answer.key, answer.number)
        if name in self._counted:
            return
        self._counted.add(name)
        self.spent_usd += answer.usd or 0.0
        if is_call:
            self.calls_usd += answer.usd or 0.0
        submission = self.submissions.get(answer.token)
        if submission is not None:
            submission.answered_keys.add(answer.key)
            submission.in_flight.pop(answer.key, None)
            submission.spent_usd += answer.usd or 0.0
            if answer.output_tokens is not None and not answer.is_estimated:
                asked = (JobId.parse(job).stage, submission.record.model)
                count, tokens = self._used.get(asked, (0, 0))
                self._used[asked] = (count + 1, tokens + answer.output_tokens)
                self._dearest_usd[asked] = max(self._dearest_usd[asked], answer.usd or 0.0)
        if answer.outcome == "lost":
            self.lost.add(answer.key)
        if answer.outcome not in UNANSWERED:
            self.received[answer.key] += 1
        if answer.outcome == "ok":
            self.answers.setdefault(answer.key, answer)
        elif answer.outcome in ("invalid", "cut"):
            self.invalid[answer.key] = answer
        self._outcomes[job][answer.key][answer.outcome] += 1
        if answer.outcome != "ok":
            self._newest[job][answer.key] = answer


def _job_and_attempt(folder: Path) -> tuple[str, int]:
    return folder.parent.name, int(folder.name) if folder.name.isdigit() else 0


def _update(submission: TrackedSubmission, batch: BatchRecord, at: float) -> None:
    if submission.collected:
        # Nothing changes after the collection; a late record comes from another job that was polling.
        return
    if batch.state != submission.state:
        submission.state, submission.at = batch.state, at
    submission.collected = batch.collected
    submission.id = batch.id or submission.id
    submission.file = batch.file or submission.file
    submission.key_digest = batch.key_digest or submission.key_digest
    submission.completed = submission.completed if batch.completed is None else batch.completed
    submission.failed = submission.failed if batch.failed is None else batch.failed
