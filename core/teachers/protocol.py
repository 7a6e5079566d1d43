"""What the program asks a teacher, what it hears, and what every provider must be able to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import msgspec

#: What a provider says of how an answer ended.
Finish = Literal["stop", "length", "refusal", "filtered"]

#: The states of a batch under OpenAI's names; every provider's are told in these.
BatchStatus = Literal[
    "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"
]
#: A batch in one of these does not change any more.
FINAL: frozenset[BatchStatus] = frozenset({"completed", "failed", "expired", "cancelled"})


class Message(msgspec.Struct, frozen=True):
    role: Literal["user", "assistant"]
    content: str


class Request(msgspec.Struct, frozen=True):
    """One question to a teacher.

    `key` is 32 hexadecimal digits that follow from the teacher and the messages: the batch's
    `custom_id`, and the name under which the answer is kept. `dialog_id` says whose answer it is.
    """

    key: str
    dialog_id: str
    messages: tuple[Message, ...]


class Usage(msgspec.Struct, frozen=True):
    """Tokens that were paid for; `cached_tokens` are those of `input_tokens` that were read from a cache."""

    input_tokens: int
    cached_tokens: int
    output_tokens: int


class Reply(msgspec.Struct, frozen=True):
    """A teacher's answer as the provider gave it; `text` may be empty. Usage is None if it was not told.

    `logprobs` are the log-probabilities of the likeliest tokens where the answer's first word begins; None
    if they were not asked for, or not told.
    """

    text: str
    finish: Finish
    usage: Usage | None
    logprobs: dict[str, float] | None = None


class Fault(msgspec.Struct, frozen=True):
    """What a provider's result file says of a request without an answer: its code and words."""

    code: str
    message: str


class TransientError(Exception):
    """The call may succeed later: 429, 5xx, a timeout, a dropped connection.

    `throttled` for a 429. `retry_after` is how many seconds the server asked to wait. `code` is
    the HTTP status, or `timeout` or `connection`. The message holds no key.
    """

    def __init__(
        self, message: str, *, code: str, throttled: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.throttled = throttled
        self.retry_after = retry_after


class RejectedError(Exception):
    """The call will never succeed as it is: 400, 401, 403, 404 and the like.

    `code` is the HTTP status. `fatal` when no other request would fare better (a wrong key, no
    such model), so that nothing more is to be sent. The message holds no key.
    """

    def __init__(self, message: str, *, code: str, fatal: bool) -> None:
        super().__init__(message)
        self.code = code
        self.fatal = fatal


class QueueFullError(Exception):
    """The provider takes no more batches for now (OpenAI's enqueued token limit)."""


@dataclass(frozen=True)
class RateLimits:
    """What a server's headers say is left, and the seconds until it is whole again; None is unknown."""

    remaining_requests: int | None = None
    remaining_tokens: int | None = None
    reset_requests_s: float | None = None
    reset_tokens_s: float | None = None


class LiveTeacher(Protocol):
    """A teacher that answers one request at a time."""

    #: What the newest answer's headers said.
    limits: RateLimits

    async def ask(self, request: Request) -> Reply:
        """The answer. Raises `TransientError` or `RejectedError`; tries once."""
        ...

    async def close(self) -> None: ...


class Account(msgspec.Struct, frozen=True):
    """Who asks whom: `key_digest` is the beginning of the key's SHA-256, never the key."""

    provider: str
    base_url: str
    key_digest: str


@dataclass(frozen=True)
class BatchInfo:
    """A batch as the provider tells it. Times are Unix seconds; counts are None until they are known.

    `input_file`, `output_file` and `error_file` are the provider's names of those files, in any state;
    the last two may be one file. `input_file` is None when it cannot be fetched.
    `errors` are the provider's words about the batch as a whole (or its input file's lines).
    """

    id: str
    status: BatchStatus
    completed: int | None
    failed: int | None
    total: int | None
    input_file: str | None
    output_file: str | None
    error_file: str | None
    errors: tuple[str, ...]
    metadata: dict[str, str]
    created_at: float | None
    expires_at: float | None


class BatchTeacher(Protocol):
    """A teacher that takes files of requests and answers them within a day.

    Every call raises `TransientError`, `RejectedError`, or (create) `QueueFullError`; each tries
    once, because repeating some of them would cost money.
    """

    account: Account

    def line(self, request: Request) -> bytes:
        """The request as one line of an input file, its newline included."""
        ...

    def upload(self, path: Path) -> str:
        """Upload an input file under its own name; the provider's name for it."""
        ...

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        """Start a batch over an uploaded input file."""
        ...

    def find(self, token: str, since: float) -> BatchInfo | None:
        """The batch whose metadata's `token` is this, among those made since `since`, or None."""
        ...

    def retrieve(self, batch: str) -> BatchInfo: ...

    def cancel(self, batch: str) -> BatchInfo:
        """Ask for a batch to be cancelled; what it has answered until then stays."""
        ...

    def download(self, file: str, path: Path) -> None:
        """Fetch a result or input file to `path`, whole or not at all."""
        ...

    def custom_ids(self, path: Path) -> set[str]:
        """The keys of the requests in a downloaded input file."""
        ...

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str, Reply | Fault]]:
        """(key, answer or fault) of every readable line of downloaded result files, in any order.

        Lines that are no JSON, or name no key, are skipped and logged: their requests are missing.
        """
        ...
