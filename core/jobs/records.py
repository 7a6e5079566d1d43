"""The records of a job's journal, written by the worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

from core.domain import paths
from core.domain.evaluation.verdicts import AnswerForm, Dimension, Order, Winner
from core.domain.jobs.results import Result
from core.domain.submissions import BatchState, Outcome

#: Numbers that JSON cannot represent, by the names that other programs write.
NotFinite = Literal["NaN", "Infinity", "-Infinity"]


#: A number of things, which the store can hold and sums of millions of which it can.
RecordedCount = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
#: US dollars, or seconds: never negative.
Amount = Annotated[float, msgspec.Meta(ge=0, le=1e15)]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The tag names the kind of record."""


class Started(_Record, frozen=True, tag="started"):
    """The worker process has started."""

    # Smaller ones would name groups of processes, or all of them.
    pid: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    """Its process id."""
    host: str
    """The host that it runs on."""
    process: str | None = None
    """What `processes.identity` says of it, which distinguishes it from later processes with its id; None if
    unknown."""
    spec: msgspec.Raw = msgspec.Raw(b"null")
    """The attempt's spec, for a store that is made again after spec.json was removed; null if unknown."""


class Heartbeat(_Record, frozen=True, tag="heartbeat"):
    """The worker lives: a sign for a supervisor on another machine, which cannot see its process."""


class Progress(_Record, frozen=True, tag="progress"):
    """How far the job is."""

    done: RecordedCount
    """Finished units: steps, dialogues or verdicts."""
    total: RecordedCount
    """All units."""
    eta_s: Amount | None = None
    """Estimated seconds for the rest; None if unknown."""


class Waiting(_Record, frozen=True, tag="waiting"):
    """The job waits for something outside, or continues.

    `core.domain.jobs.job.Wait` is such a wait as screens see it: it always has a reason.
    """

    reason: str | None
    """What it waits for, for people; None if it continues."""
    since: float = 0.0
    """When it began to wait, in Unix seconds."""
    until: float | None = None
    """When it tries again, in Unix seconds; None if unknown."""
    gives_up_at: float | None = None
    """When it fails if nothing changes, in Unix seconds; None if never or unknown."""


class Metric(_Record, frozen=True, tag="metric"):
    """The logged metrics of one optimiser step."""

    step: RecordedCount
    """Optimiser steps so far."""
    values: dict[str, float]
    """The finite values, under TRL's names."""
    not_finite: dict[str, NotFinite] = {}
    """Those that are not finite: NaN, Infinity or -Infinity."""

    def __post_init__(self) -> None:
        # JSON has no number for them, so the line could not be read back.
        if not all(math.isfinite(value) for value in self.values.values()):
            raise ValueError(f"step {self.step} has a value that is not finite: {self.values}")


class Sample(_Record, frozen=True, tag="sample"):
    """The student's response to a test dialogue during training."""

    step: RecordedCount
    """Optimiser steps so far."""
    dialog_id: str
    """The dialogue."""
    text: str
    """The response."""


class Warned(_Record, frozen=True, tag="warning"):
    """Something optional failed, such as a sample or a logger; the job continues."""

    text: str
    """What failed and what follows, for people."""


class ResponseRecord(_Record, frozen=True, tag="response"):
    """A responder's response to one dialogue.

    `core.domain.data.dialogue_pages.Response` is its view for readers, beside the responses of others.
    """

    dialog_id: str
    """The dialogue."""
    text: str
    """The response."""
    finish: Literal["stop", "length"]
    """`length` if it reached the limit of new tokens."""
    had_thinking: bool = False
    """Whether thinking was removed from it."""


class VerdictRecord(_Record, frozen=True, tag="verdict"):
    """A judge's answer on one dialogue, shown in one order.

    `core.domain.evaluation.verdicts.Verdict` has the judge's name too, which is the same for the whole
    journal of a job.
    """

    dialog_id: str
    """The dialogue."""
    order: Order
    """The order in which the responses were shown."""
    winner: Winner
    """The better response, `tie`, or `invalid` if the answer names none."""
    raw: str
    """The judge's answer: its text, or scores."""
    number: RecordedCount = 1
    """Counts repeated verdicts on the same pair and order, from 1."""
    probability_b: float | None = None
    """Probability that b is better, by the log-probabilities of the answer; None if they are unknown."""
    form: AnswerForm | None = None
    """The form in which the answer names the winner; None without one."""
    dimensions: dict[Dimension, Winner] = {}
    """The better response in each dimension; empty unless the judge reports them."""


class SubmissionRecord(_Record, frozen=True, tag="submission"):
    """The intent to send requests to a teacher, on disk before any of them is sent. Later records report what
    happened; `domain.submissions.Submission` combines them."""

    token: str
    """Identifies the submission."""
    mode: Literal["batch", "live", "local"]
    """How the requests are answered."""
    provider: str
    """`openai`, `google` or `local`."""
    base_url: str
    """URL of the API."""
    key_digest: str
    """The first digits of the API key's SHA-256."""
    model: str
    """The provider's model name."""
    requests: dict[str, str]
    """Key of each request → its dialogue."""
    usd: Amount | None
    """Estimated cost in US dollars; None if the price is unknown."""
    path: str | None = None
    """The input file of a batch, relative to the workspace; None without a batch."""
    most_usd: Amount | None = None
    """What live calls reserve of the budget, in US dollars; None for the estimate alone."""

    def __post_init__(self) -> None:
        paths.check_inside(self.path)


class BatchRecord(_Record, frozen=True, tag="batch"):
    """A submission's new state."""

    token: str
    """The submission."""
    state: BatchState
    """Its state at the provider."""
    id: str | None = None
    """The batch's id at the provider; None if it has none yet."""
    file: str | None = None
    """The id of its input file at the provider; None if there is none yet."""
    completed: RecordedCount | None = None
    """Requests that the provider completed; None where it reports none."""
    failed: RecordedCount | None = None
    """Requests that failed at the provider; None where it reports none."""
    total: RecordedCount | None = None
    """All requests by the provider's count; None where it reports none."""
    expires_at: float | None = None
    """When the provider gives the batch up, in Unix seconds; None if unknown."""
    output_path: str | None = None
    """The downloaded file of answers, relative to the workspace; None until there is one."""
    error_path: str | None = None
    """The downloaded file of failed requests, relative to the workspace; None until there is one."""
    errors: tuple[str, ...] = ()
    """The provider's messages about the batch as a whole."""
    key_digest: str | None = None
    """The first digits of the SHA-256 of the API key that polls the batch; None if unchanged."""
    collected: bool = False
    """Whether no more answers will follow."""

    def __post_init__(self) -> None:
        paths.check_inside(self.output_path)
        paths.check_inside(self.error_path)


class Answer(_Record, frozen=True, tag="answer"):
    """The outcome of one try of a request.

    Unusable are `refused`, `filtered`, `empty`, `cut`, `long`, `unfinished`, `unreadable`, and `invalid` if a
    judge's answer names no response. There is no answer if it was `rejected` permanently, for `error`,
    `expired` and `missing`, and if it is `lost`: perhaps paid, and its worker ended before it came.
    """

    token: str
    """The submission."""
    key: str
    """The request."""
    number: RecordedCount
    """Which try of its key this is within its submission, from 1."""
    dialog_id: str
    """The dialogue that it is about."""
    outcome: Outcome
    """`ok`, why the answer is unusable, or why there is none."""
    text: str
    """The answer; empty where there is none."""
    error: str | None = None
    """The provider's message; None without one."""
    input_tokens: RecordedCount | None = None
    """Input tokens used; None if not reported."""
    cached_tokens: RecordedCount | None = None
    """Those of them that the provider had cached; None if not reported."""
    output_tokens: RecordedCount | None = None
    """Output tokens used; None if not reported."""
    usd: Amount | None = None
    """Cost in US dollars; None if the price is unknown, or nothing was charged."""
    is_estimated: bool = False
    """Whether tokens and cost are estimates, because the provider did not report all of the tokens."""
    logprobs: dict[str, float] | None = None
    """Log-probabilities of the most likely first tokens; None unless requested and returned."""
    removed: tuple[str, ...] = ()
    """The kinds of what was taken off the answer."""
    raw: str | None = None
    """The answer before that, or the body of an unreadable one; None if it is `text`."""
    reasoning_tokens: RecordedCount | None = None
    """Those of the output tokens that are reasoning; None if not reported."""


class CallSent(_Record, frozen=True, tag="sent"):
    """The intent to send a request of a live submission, on disk before it is sent. Until an answer, or a
    `CallUnpaid`, follows, it is perhaps paid."""

    token: str
    """The submission."""
    key: str
    """The request."""
    number: int = 1
    """The try in this submission, from 1. The answers of those before it were lost, or they are unpaid."""


class CallUnpaid(_Record, frozen=True, tag="unpaid"):
    """What was sent was certainly not answered, and is not paid; it may be sent again."""

    token: str
    """The submission."""
    key: str
    """The request."""
    number: int = 1
    """The try."""


class Artifact(_Record, frozen=True, tag="artifact"):
    """A finished output."""

    name: str
    """The output's name, such as `responses`."""
    path: str
    """The file or folder, relative to the attempt's folder."""
    sha256: str
    """SHA-256 of the file, or of what the folder has."""
    bytes: Annotated[int, msgspec.Meta(ge=0, le=2**62)]
    """Its size."""

    def __post_init__(self) -> None:
        paths.check_inside(self.path)


class Done(_Record, frozen=True, tag="done"):
    """The job is finished."""

    result: Result
    """What it reports."""


class Failed(_Record, frozen=True, tag="failed"):
    """The job failed."""

    error: str
    """Why, for people; the traceback is in log.txt."""


class Stopped(_Record, frozen=True, tag="stopped"):
    """The job was cancelled and has stopped at a safe point."""


class Preempted(_Record, frozen=True, tag="preempted"):
    """The worker gave its slot back on request, and has stopped at a safe point: the job continues in another
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
#: Records after which nothing follows.
LAST_RECORDS = (Done, Failed, Stopped, Preempted)
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
