"""What every provider offers: live calls and batches, and the records that they take and return."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from core.domain.submissions import BatchStatus

#: Why a model stopped: at the end, at the token limit, by refusing, by a content filter, or for a reason that
#: is not known to be good. `unreadable` is a reply in a form that is not understood.
Finish = Literal["stop", "length", "refusal", "filtered", "unknown", "unreadable"]

#: The states that are final.
FINAL: frozenset[BatchStatus] = frozenset({"completed", "failed", "expired", "cancelled"})


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a conversation."""

    role: Literal["user", "assistant"]
    """Who says it."""
    content: str
    """What is said."""


class AnswerSchema(msgspec.Struct, frozen=True):
    """The form of an answer that is requested as structured output: an object of strings."""

    name: str
    """What the provider calls the object."""
    fields: tuple[str, ...]
    """The names of its members, all of them required, in order."""
    values: tuple[str, ...]
    """The values that each member may have."""

    @property
    def json_schema(self) -> dict[str, Any]:
        """The form as a JSON Schema."""
        value = {"type": "string", "enum": list(self.values)}
        return {
            "type": "object",
            "properties": dict.fromkeys(self.fields, value),
            "required": list(self.fields),
            "additionalProperties": False,
        }


class Request(msgspec.Struct, frozen=True):
    """One request to a teacher."""

    key: str
    """32 hexadecimal digits derived from the teacher and the messages. The answer is stored under this key,
    which is also the batch's `custom_id`."""
    dialog_id: str
    """The dialogue that the answer belongs to."""
    messages: tuple[Message, ...]
    """The conversation, which ends with a user's message."""
    schema: AnswerSchema | None = None
    """Structured output, where the endpoint supports it; None for an answer in words."""
    idempotency_key: str | None = None
    """The same for every sending that must be answered, and paid, once; None if it is not sent."""


class Usage(msgspec.Struct, frozen=True):
    """Tokens that were billed."""

    input_tokens: int
    """All input tokens, cached ones included."""
    cached_tokens: int
    """Those input tokens that were read from the provider's cache."""
    output_tokens: int
    """All output tokens, those of reasoning included."""
    reasoning_tokens: int | None = None
    """Those output tokens that are reasoning; None if the provider does not report them."""
    cache_write_tokens: int = 0
    """Those input tokens that were written to the provider's cache, if that has a price of its own."""


class TokenCounts(msgspec.Struct, frozen=True):
    """Tokens as the provider reported them; None where it did not."""

    prompt: int | None
    """Input tokens."""
    cached: int | None
    """Those of the prompt that were read from the cache."""
    completion: int | None
    """Output tokens."""
    total: int | None
    """Input and output tokens together."""
    reasoning: int | None = None
    """Those of the completion that are reasoning."""
    cache_write: int | None = None
    """Those of the prompt that were written to the cache, where that has a price of its own."""


class Reply(msgspec.Struct, frozen=True):
    """A teacher's answer as the provider returned it."""

    text: str
    """May be empty."""
    finish: Finish
    """How the answer ended."""
    usage: Usage | None
    """None if it does not follow from what the provider reported."""
    logprobs: dict[str, float] | None = None
    """Log-probabilities of the most likely tokens where the answer's first word begins. None if they were not
    requested or not returned."""
    ending: str | None = None
    """What the provider says about an ending that is not good, or why a reply is unreadable; else None."""
    has_thinking: bool = False
    """Whether the provider returned thinking apart from the text."""
    raw: str | None = None
    """The body of an unreadable reply, as it came; None for others."""
    counts: TokenCounts | None = None
    """What is known of the tokens if `usage` is None."""


#: What has to be changed before a rejected call can succeed: the API key, the account's credit, the URL, or a
#: parameter of the request.
Remedy = Literal["key", "credit", "url", "parameter"]


class FailedRequest(msgspec.Struct, frozen=True):
    """A request that got no answer."""

    code: str
    """The HTTP status, or another code of the provider or of this program."""
    message: str
    """The provider's error message. It contains no API key."""
    fatal: bool = False
    """Whether every other request would fail in the same way."""
    remedy: Remedy | None = None
    """What has to be changed; None if it is not known, or the message says it."""


class TransientError(Exception):
    """The call may succeed later: 429, 5xx, a timeout, a dropped connection.

    `code` is the HTTP status, `timeout`, `connection` or `body`. `throttled` is true for a 429, and for
    Claude's 529, `unreachable` if no model can have seen the request. `retry_after` is the number of seconds
    that the server asked to wait. `may_be_charged` is true if the model may have answered: the answer is
    lost, its cost is not. The message contains no API key.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        throttled: bool = False,
        unreachable: bool = False,
        retry_after: float | None = None,
        may_be_charged: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.throttled = throttled
        self.unreachable = unreachable
        self.retry_after = retry_after
        self.may_be_charged = may_be_charged


class RejectedError(Exception):
    """The call will never succeed unchanged: 400, 401, 403, 404 and the like.

    `code` is the HTTP status. `fatal` is true when every other request would be rejected too (an invalid
    key, an unknown model), so that nothing more may be sent. `remedy` is what has to be changed; None if it
    is not known, or the message says it. The message contains no API key.
    """

    def __init__(self, message: str, *, code: str, fatal: bool, remedy: Remedy | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.fatal = fatal
        self.remedy = remedy


class UnreadableError(TransientError):
    """The call was answered, and perhaps did what was requested, but the answer is in no known form."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="body", may_be_charged=True)


class UnidentifiedError(Exception):
    """The provider lists batches, but neither their metadata nor their input file: each may be the one.

    `batches` are their ids. `is_known_later`: it is known once they have ended.
    """

    def __init__(self, batches: Sequence[str], *, is_known_later: bool = False) -> None:
        until = " until they have ended" if is_known_later else ""
        super().__init__(f"the provider does not report whose these batches are{until}: {', '.join(batches)}")
        self.batches = tuple(batches)
        self.is_known_later = is_known_later


class QueueFullError(Exception):
    """The provider accepts no more batches at present (OpenAI's enqueued token limit)."""


@dataclass(frozen=True)
class RateLimits:
    """The rate limits in a response's headers. None where a header is missing."""

    remaining_requests: int | None = None
    """Requests that may be sent now."""
    remaining_tokens: int | None = None
    """Tokens that may be sent now."""
    reset_requests_s: float | None = None
    """Seconds until all requests are available again."""
    reset_tokens_s: float | None = None
    """Seconds until all tokens are available again."""


class LiveTeacher(Protocol):
    """A teacher that answers one request a call."""

    @property
    def limits(self) -> RateLimits:
        """The rate limits in the newest response."""
        ...

    async def complete(self, request: Request) -> Reply:
        """The answer to a request, in one attempt. Raises `TransientError` or `RejectedError`."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


#: Called with the text of an answer as far as it has come, thinking included.
OnText = Callable[[str], None]


@runtime_checkable
class StreamingTeacher(LiveTeacher, Protocol):
    """A live teacher that can stream its answer."""

    async def stream(self, request: Request, on_text: OnText) -> Reply:
        """As `complete`; `on_text` is called in the event loop each time that more has come."""
        ...


class Account(msgspec.Struct, frozen=True):
    """The account that sends requests."""

    provider: str
    """The provider's name in config.toml."""
    base_url: str
    """The address of its API."""
    key_digest: str
    """The beginning of the key's SHA-256, never the key."""


@dataclass(frozen=True)
class BatchInfo:
    """A batch as the provider reports it. Times are Unix seconds; counts are None until they are known."""

    id: str
    """The provider's id."""
    status: BatchStatus
    """Where it stands."""
    completed: int | None
    """Requests with an answer."""
    failed: int | None
    """Requests that failed."""
    total: int | None
    """All requests."""
    input_file: str | None
    """The provider's name of the input file. None if the file cannot be downloaded."""
    output_file: str | None
    """The provider's name of the file of answers, whatever the state; perhaps the same as `error_file`."""
    error_file: str | None
    """The provider's name of the file of errors, whatever the state."""
    errors: tuple[str, ...]
    """The provider's errors about the whole batch, or about lines of its input file."""
    metadata: dict[str, str]
    """What was sent with it, by which it is found again."""
    created_at: float | None
    """When it was created; None if not reported."""
    expires_at: float | None
    """When the provider gives it up; None if not reported."""


class BatchTeacher(Protocol):
    """A teacher that answers files of requests within a day.

    Each call makes one attempt, because repeating some of them would cost money, and raises
    `TransientError` or `RejectedError`; `create` also raises `QueueFullError`.
    """

    account: Account

    def line(self, request: Request) -> bytes:
        """The request as one line of an input file, newline included."""
        ...

    def upload(self, path: Path) -> str:
        """Upload an input file under its own name; the provider's name of it, or its path where the provider
        takes it with the creation of the batch."""
        ...

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        """Create a batch from an uploaded input file."""
        ...

    def find(
        self, token: str, since: float, file: str | None = None, known: Collection[str] = ()
    ) -> BatchInfo | None:
        """The batch that was created after `since` (Unix seconds) with this `token` in its metadata or its
        requests, or from this uploaded input `file`; None if there is none. It is none of the batches with
        the ids `known`. Raises `UnidentifiedError` if it cannot be known.
        """
        ...

    def retrieve(self, batch: str) -> BatchInfo:
        """The present state of a batch."""
        ...

    def cancel(self, batch: str) -> BatchInfo:
        """Request the cancellation of a batch. Answers that it has by then are kept."""
        ...

    def download(self, file: str, path: Path) -> None:
        """Download a file to `path`, in full or not at all."""
        ...

    def delete(self, file: str) -> None:
        """Delete an uploaded file at the provider."""
        ...

    def learn(self, failure: FailedRequest) -> bool:
        """Whether a request failed because of a parameter that further lines leave out."""
        ...

    def custom_ids(self, path: Path) -> set[str]:
        """The keys of the requests in a downloaded input file."""
        ...

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str | None, Reply | FailedRequest]]:
        """The key and the result of each line of downloaded result files, in any order.

        The key is None where a line has none. A damaged line is an unreadable reply.
        """
        ...
