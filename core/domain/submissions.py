"""What the store's readers hand out about teachers: frozen dataclasses, as `core/views.py` has them.

Apart from those, because defining them takes time and the first screen shows none of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.domain.jobs import JobState

#: `ok`, or why a response cannot be used (`refused`, `filtered`, `empty`, `cut`, `long`, `invalid` for a
#: judge's that names no response), or why there is none (`rejected` for good, `error`, `expired`, `missing`).
Outcome = Literal[
    "ok",
    "refused",
    "filtered",
    "empty",
    "cut",
    "long",
    "invalid",
    "rejected",
    "error",
    "expired",
    "missing",
]
#: How a batch stands, under OpenAI's names, with the steps before it has an id at the provider
#: (`queued`: the provider takes no more for now). A session of live calls is `in_progress`, then
#: `completed`.
BatchState = Literal[
    "intended",
    "uploaded",
    "creating",
    "queued",
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]


@dataclass(frozen=True)
class Submission:
    """Requests that were sent to a teacher: a batch, or a session of live calls. Times are Unix seconds.

    `state` is a batch's under OpenAI's names, with `intended`, `uploaded`, `creating` and `queued`
    before them; a live session is `in_progress`, then `completed`. `collected` once every answer that
    will ever come of it is in the store. `completed` and `failed` are the provider's counts, `answered`
    and `ok` what was collected. Tokens and `usd` are what was used so far, `usd` None where a price is
    not known. Paths are relative to the workspace. `key_digest` is the beginning of the API key's
    SHA-256.
    """

    token: str
    job: str
    job_name: str
    job_state: JobState
    mode: Literal["batch", "live", "local"]
    provider: str
    base_url: str
    key_digest: str
    model: str
    batch: str | None
    state: str
    collected: bool
    requests: int
    completed: int | None
    failed: int | None
    answered: int
    ok: int
    submitted_at: float
    changed_at: float
    expires_at: float | None
    input_tokens: int | None
    cached_tokens: int | None
    output_tokens: int | None
    estimated_usd: float | None
    usd: float | None
    input_path: str | None
    output_path: str | None
    error_path: str | None
    errors: tuple[str, ...]


@dataclass(frozen=True)
class BatchEvent:
    """A submission's state and the provider's counts at one moment."""

    at: float
    state: str
    completed: int | None
    failed: int | None
    total: int | None


@dataclass(frozen=True)
class AnswerCount:
    """How many requests ended in one way: `outcome`, and the provider's words if there is no answer."""

    outcome: Outcome
    error: str | None
    requests: int


@dataclass(frozen=True)
class SentRequest:
    """One sending of a request, and what became of it."""

    key: str
    number: int
    dialog_id: str
    outcome: Outcome
    text: str
    error: str | None
    input_tokens: int | None
    output_tokens: int | None
    usd: float | None
    at: float


@dataclass(frozen=True)
class Estimate:
    """What a recipe will still ask of its teacher, or a judge be asked, before anything is sent.

    `recipe` is `judge <name>` for a judge, and `responder <name>` for a teacher that answers the test
    split. `requests` are all that it needs, `answered` those whose answers the workspace has already.
    Tokens are estimates of what is left to send; `usd` is None where the price is not known.
    """

    recipe: str
    teacher: str
    requests: int
    answered: int
    input_tokens: int
    output_tokens: int
    usd: float | None


@dataclass(frozen=True)
class Spending:
    """The workspace's money: spent and bound in what is on its way, in US dollars.

    `unpriced` answers have no known cost and are in neither. `by_recipe` tells a shared answer under
    every recipe that uses it, so its sum can exceed `usd`. `prices_of` is the price table's date.
    """

    usd: float
    reserved_usd: float
    unpriced: int
    budget_usd: float | None
    by_recipe: tuple[tuple[str, float], ...]
    prices_of: str | None
