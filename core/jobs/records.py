"""The records of a job's journal, written by the worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from core.domain import paths
from core.domain.evaluation.verdicts import AnswerForm, Dimension, Order, Winner
from core.domain.results import Result
from core.domain.submissions import BatchState, Outcome

#: Numbers that JSON cannot represent, by the names that other programs write.
NotFinite = Literal["NaN", "Infinity", "-Infinity"]


#: A number of things, which the store can hold and sums of millions of which it can.
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
#: US dollars, or seconds: never negative.
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tag names the kind of record."""


class Started(_Record, frozen=True, tag="started"):
    """The worker process has started; `process` is what `processes.identity` says of it."""

    # Smaller ones would name groups of processes, or all of them.
    pid: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    host: str
    process: str | None = None


class Heartbeat(_Record, frozen=True, tag="heartbeat"):
    """The worker lives: a sign for a supervisor on another machine, which cannot see its process."""


class Progress(_Record, frozen=True, tag="progress"):
    """`done` of `total` units (steps, dialogues, verdicts), and the estimated seconds for the rest."""

    done: Count
    total: Count
    eta_s: Amount | None = None


class Waiting(_Record, frozen=True, tag="waiting"):
    """The job waits for something outside: `reason` since `since`, in Unix seconds. None: it goes on.

    `until` is when it tries again, `gives_up_at` when it fails if nothing changes; None if that is unknown.
    """

    reason: str | None
    since: float = 0.0
    until: float | None = None
    gives_up_at: float | None = None


class Metric(_Record, frozen=True, tag="metric"):
    """The logged metrics of one optimiser step, under TRL's names. Values that are not finite are strings:
    NaN, Infinity, -Infinity."""

    step: Count
    values: dict[str, float]
    not_finite: dict[str, NotFinite] = {}

    def __post_init__(self) -> None:
        # JSON has no number for them, so the line could not be read back.
        if not all(math.isfinite(value) for value in self.values.values()):
            raise ValueError(f"step {self.step} has a value that is not finite: {self.values}")


class Sample(_Record, frozen=True, tag="sample"):
    """The student's response to a test dialogue after `step` optimiser steps."""

    step: Count
    dialog_id: str
    text: str


class Warned(_Record, frozen=True, tag="warning"):
    """Something beside the job's work failed, such as a sample or a logger; the job goes on."""

    text: str
    """What failed and what follows, for people."""


class ResponseRecord(_Record, frozen=True, tag="response"):
    """A responder's response to one dialogue; `finish` is `length` if it reached the limit of new tokens, and
    `had_thinking` whether thinking was removed from it.

    `domain.dialogue_pages.Response` is its view for readers, beside the responses of others.
    """

    dialog_id: str
    text: str
    finish: Literal["stop", "length"]
    had_thinking: bool = False


class VerdictRecord(_Record, frozen=True, tag="verdict"):
    """A judge's answer on one dialogue, shown in one order; `raw` is its text or scores.

    `number` counts repeated verdicts on the same pair and order, from 1. `probability_b` is the probability
    that b is better, by the log-probabilities of the answer; None if they are unknown. `form` is the one in
    which the answer names the winner; None without one. `dimensions` has the better response in each
    dimension; empty unless the judge was asked for them. `domain.verdicts.Verdict` has the judge's name too,
    which is the same for the whole journal of a job.
    """

    dialog_id: str
    order: Order
    winner: Winner
    raw: str
    number: Count = 1
    probability_b: float | None = None
    form: AnswerForm | None = None
    dimensions: dict[Dimension, Winner] = {}


class SubmissionRecord(_Record, frozen=True, tag="submission"):
    """The intent to send requests to a teacher, on disk before any of them is sent. Later records report what
    happened; `domain.submissions.Submission` combines them.

    `token` identifies the submission; `requests` maps each request's key to its dialogue. `key_digest` is a
    prefix of the API key's SHA-256. `usd` is the estimated cost; None if the price is unknown. `path`,
    relative to the workspace, is the input file of a batch.
    """

    token: str
    mode: Literal["batch", "live", "local"]
    provider: str
    base_url: str
    key_digest: str
    model: str
    requests: dict[str, str]
    usd: Amount | None
    path: str | None = None

    def __post_init__(self) -> None:
        paths.check_inside(self.path)


class BatchRecord(_Record, frozen=True, tag="batch"):
    """A submission's new state; `collected` when no more answers will follow.

    `id` is the batch's id at the provider, `file` the id of its input file. Paths are relative to
    the workspace. `key_digest` is that of the API key that is used to poll the batch.
    """

    token: str
    state: BatchState
    id: str | None = None
    file: str | None = None
    completed: Count | None = None
    failed: Count | None = None
    total: Count | None = None
    expires_at: float | None = None
    output_path: str | None = None
    error_path: str | None = None
    errors: tuple[str, ...] = ()
    key_digest: str | None = None
    collected: bool = False

    def __post_init__(self) -> None:
        paths.check_inside(self.output_path)
        paths.check_inside(self.error_path)


class Answer(_Record, frozen=True, tag="answer"):
    """The outcome of one try of a request: try `number` of its key within its submission.

    `outcome` is `ok`, or why the answer is unusable (`refused`, `filtered`, `empty`, `cut`, `long`,
    `unfinished`, `unreadable`, `invalid` if a judge's answer names no response), or why there is none
    (`rejected` permanently, `error`, `expired`, `missing`, or `lost` if it was perhaps paid, and its worker
    ended before it came); `error` has the provider's message. `usd` is None if the price is unknown, or
    nothing was charged. `reasoning_tokens` are those of the output that are reasoning; None if they are not
    reported. `is_estimated`: the provider did not report all of the tokens, so that tokens and cost are
    estimates. `logprobs` are those of the most likely first tokens, if
    they were requested and returned. `removed` are the kinds of what was taken off the answer, and `raw` is
    the answer before that, or the body of an unreadable one; None if it is `text`.
    """

    token: str
    key: str
    number: Count
    dialog_id: str
    outcome: Outcome
    text: str
    error: str | None = None
    input_tokens: Count | None = None
    cached_tokens: Count | None = None
    output_tokens: Count | None = None
    usd: Amount | None = None
    is_estimated: bool = False
    logprobs: dict[str, float] | None = None
    removed: tuple[str, ...] = ()
    raw: str | None = None
    reasoning_tokens: Count | None = None


class CallSent(_Record, frozen=True, tag="sent"):
    """The intent to send a request of a live submission, on disk before it is sent. Until an answer, or a
    `CallUnpaid`, follows, it is perhaps paid."""

    token: str
    key: str


class CallUnpaid(_Record, frozen=True, tag="unpaid"):
    """What was sent was certainly not answered, and is not paid; it may be sent again."""

    token: str
    key: str


class Artifact(_Record, frozen=True, tag="artifact"):
    """A finished output: a file or folder at `path`, relative to the attempt's folder."""

    name: str
    path: str
    sha256: str
    bytes: Annotated[int, msgspec.Meta(ge=0, le=2**62)]

    def __post_init__(self) -> None:
        paths.check_inside(self.path)


class Done(_Record, frozen=True, tag="done"):
    """The job is finished."""

    result: Result


class Failed(_Record, frozen=True, tag="failed"):
    """The job failed; `error` is for the user, the traceback is in log.txt."""

    error: str


class Stopped(_Record, frozen=True, tag="stopped"):
    """The job was cancelled and has stopped at a safe point."""


class Preempted(_Record, frozen=True, tag="preempted"):
    """The worker was told to give its slot back, and has stopped at a safe point: the job goes on in another
    attempt, and nothing has failed."""


Record = (
    Started
    | Heartbeat
    | Progress
    | Waiting
    | Metric
    | Sample
    | Warned
    | ResponseRecord
    | VerdictRecord
    | SubmissionRecord
    | BatchRecord
    | Answer
    | CallSent
    | CallUnpaid
    | Artifact
    | Done
    | Failed
    | Stopped
    | Preempted
)
#: Records whose loss would cost money or hours: they are on disk before `write` returns. A heartbeat is
#: too: on a network file system, other machines see what is on disk.
DURABLE = (
    Heartbeat,
    ResponseRecord,
    VerdictRecord,
    SubmissionRecord,
    BatchRecord,
    Answer,
    CallSent,
    Artifact,
    Done,
    Failed,
    Stopped,
    Preempted,
)


def metric(step: int, values: Mapping[str, float]) -> Metric:
    """The record of a step's metrics, including values that are not finite."""
    finite = {name: value for name, value in values.items() if math.isfinite(value)}
    return Metric(step, finite, {name: _word(values[name]) for name in values if name not in finite})


def _word(value: float) -> NotFinite:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
