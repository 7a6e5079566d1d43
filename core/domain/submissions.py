"""Requests to teachers and judges: batches, live calls, answers, estimates and spending.

They are apart from the records of jobs, because defining them takes time and the first screen shows none of
them. Times are Unix seconds, paths relative to the workspace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain.states import JobState

#: `ok`, or why a response cannot be used (`refused`, `filtered`, `empty`, `cut`, `long`, `unfinished` if it
#: ended in a way that is not known to be good, `unreadable` if its form is not known, `invalid` for a judge's
#: that names no response), or why there is none (`rejected` for good, `error`, `expired`, `missing`, `lost`
#: if its worker ended before it came: it is perhaps paid).
Outcome = Literal[
    "ok",
    "refused",
    "filtered",
    "empty",
    "cut",
    "long",
    "unfinished",
    "unreadable",
    "invalid",
    "rejected",
    "error",
    "expired",
    "missing",
    "lost",
]
#: The states of a batch at its provider under OpenAI's names; those of other providers are mapped to these.
BatchStatus = Literal[
    "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"
]
#: How a batch stands, with the steps before it has an id at the provider (`queued`: the provider takes no
#: more for now). A session of live calls is `in_progress`, then `completed`.
BatchState = Literal["intended", "uploaded", "creating", "queued", BatchStatus]


@dataclass(frozen=True)
class Submission:
    """Requests that were sent to a large model: a batch, or a session of live calls."""

    token: str
    """Identifies it permanently; the provider's metadata of a batch carries it too."""
    job: str
    """Id of the job that sent it."""
    job_name: str
    """That job's name."""
    job_state: JobState
    """That job's state."""
    mode: Literal["batch", "live", "local"]
    """How the requests are answered."""
    provider: str
    """`openai`, `google`, `anthropic` or `local`."""
    base_url: str
    """URL of the API."""
    key_digest: str
    """The first digits of the API key's SHA-256; it distinguishes accounts."""
    model: str
    """The provider's model name."""
    batch: str | None
    """The provider's id of the batch; None before it has one, and without a batch."""
    state: BatchState
    """How it stands."""
    collected: bool
    """Whether every answer that will ever come is in the store."""
    requests: int
    """Requests sent."""
    completed: int | None
    """Requests that the provider completed, by its own count; None where it reports none."""
    failed: int | None
    """Requests that failed at the provider, by its own count; None where it reports none."""
    answered: int
    """Requests with an outcome in the store."""
    ok: int
    """Those with a usable answer."""
    submitted_at: float
    """When it was recorded, before anything was sent."""
    changed_at: float
    """When its state or counts changed last."""
    expires_at: float | None
    """When the provider gives the batch up; None where that is not known."""
    input_tokens: int | None
    """Input tokens used so far; None where none are known."""
    cached_tokens: int | None
    """Those of them that the provider had cached; None where none are known."""
    output_tokens: int | None
    """Output tokens used so far, those of reasoning included; None where none are known."""
    reasoning_tokens: int | None
    """Those of them that are reasoning; None where the provider reports none."""
    estimated_usd: float | None
    """Estimated cost in US dollars before sending; None where a price is not known."""
    usd: float | None
    """US dollars that its answers cost so far; None where a price is not known."""
    estimated_part_usd: float
    """What of `usd` is estimated, because the provider did not report the tokens of an answer."""
    input_path: str | None
    """The file of requests; None without a batch."""
    output_path: str | None
    """The downloaded file of answers; None until there is one."""
    error_path: str | None
    """The downloaded file of failed requests; None until there is one."""
    errors: tuple[str, ...]
    """The provider's messages about the batch as a whole."""


@dataclass(frozen=True)
class BatchEvent:
    """A submission's state and the provider's counts at one moment."""

    at: float
    """Unix seconds."""
    state: BatchState
    """How it stood."""
    completed: int | None
    """Requests completed by then; None where the provider reported none."""
    failed: int | None
    """Requests failed by then; None where the provider reported none."""
    total: int | None
    """All requests by the provider's count; None where it reported none."""


@dataclass(frozen=True)
class AnswerCount:
    """How many requests ended in one way."""

    outcome: Outcome
    """How they ended."""
    error: str | None
    """The provider's message where there is no answer, or why it cannot be used; else None."""
    requests: int
    """Number of requests."""
    example: str | None
    """The beginning of one answer; None where there is none."""


@dataclass(frozen=True)
class SentRequest:
    """One sending of a request, and its outcome."""

    key: str
    """Identifies the request, over all its sendings."""
    number: int
    """Counts its sendings within the submission, from 1."""
    dialog_id: str
    """The dialogue that it is about."""
    outcome: Outcome
    """Whether the answer can be used, or why not."""
    text: str
    """The answer; empty where there is none."""
    error: str | None
    """The provider's message where there is no answer; else None."""
    input_tokens: int | None
    """Input tokens used; None where not reported."""
    output_tokens: int | None
    """Output tokens used, those of reasoning included; None where not reported."""
    reasoning_tokens: int | None
    """Those of them that are reasoning; None where not reported."""
    usd: float | None
    """Cost in US dollars; None where the price is not known."""
    at: float
    """When the outcome was recorded, in Unix seconds."""
    estimated: bool
    """Whether tokens and cost are estimates, because the provider did not report all of them."""


@dataclass(frozen=True)
class Asker:
    """What sends requests to a large model; as text a recipe's name, `judge NAME` or `responder NAME`."""

    kind: Literal["recipe", "judge", "responder"]
    """A responder is a teacher that answers the test split."""
    name: str
    """The name of the recipe, the judge or the responder."""

    def __str__(self) -> str:
        return self.name if self.kind == "recipe" else f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Estimate:
    """What a recipe, a judge or a responder will still ask of a large model, before anything is sent."""

    asker: Asker
    """What sends the requests."""
    teacher: str
    """The teacher or judge that answers."""
    requests: int
    """All requests that it needs."""
    answered: int
    """Those whose answers the workspace has already."""
    input_tokens: int
    """Estimated input tokens of the requests that are not answered yet."""
    output_tokens: int
    """Estimated output tokens of the requests that are not answered yet."""
    usd: float | None
    """Their estimated cost in US dollars; None where the price is not known."""
    is_upper_bound: bool = False
    """Whether fewer may be sent, because a judge stops once it is decided who is better."""
    expected_usd: float | None = None
    """What of `usd` is expected where rungs decide which requests are sent; None without rungs, or with
    `usd`."""


@dataclass(frozen=True)
class Spending:
    """The money of the workspace, in US dollars."""

    usd: float
    """Spent on all answers whose cost is known."""
    estimated_usd: float
    """What of `usd` is estimated, because the provider did not report the tokens of answers."""
    reserved_usd: float
    """Reserved for requests without an answer yet."""
    unpriced: int
    """Answers whose cost is not known: they are in neither sum."""
    budget_usd: float | None
    """The limit in config.toml; None without one."""
    by_recipe: tuple[tuple[str, float], ...]
    """Recipe and what its answers cost. An answer that several recipes share counts for each of them, so the
    sum can exceed `usd`."""
    prices_of: str | None
    """Date of the price list as YYYY-MM-DD; None without prices."""
    playground_usd: float = 0.0
    """What of `usd` was spent in the playground."""
