"""OpenAI, and every server that speaks its API: chat completions live and in batches.

The client's errors are left behind (`from None`): what they quote may hold the key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import msgspec
import openai

from core.jobs import files
from core.teachers import wire
from core.teachers.openai import wire as openai_wire
from core.teachers.openai.wire import BASE_URL
from core.teachers.protocol import (
    FINAL,
    Account,
    BatchInfo,
    Fault,
    QueueFullError,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    TransientError,
)
from core.teachers.wire import Endpoint

_ENDPOINT = "/v1/chat/completions"
#: Seconds by which a provider's clock may differ from ours.
_CLOCKS_S = 60.0
#: Characters that a value of a batch's metadata may have.
_MAX_METADATA = 512
_QUEUE_FULL = "token_limit_exceeded"
_QUEUE_FULL_WORDS = "enqueued token limit"

T = TypeVar("T")


class OpenAILive:
    """One chat completion at a time (see `LiveTeacher`)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limits = RateLimits()
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.key,
            base_url=endpoint.base_url or BASE_URL,
            timeout=endpoint.timeout_s,
            max_retries=0,
            # How many calls are made at a time is for the caller to decide, not for the pool.
            http_client=openai.DefaultAsyncHttpxClient(
                limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None)
            ),
        )

    async def ask(self, request: Request) -> Reply:
        body = openai_wire.body(self._endpoint, request)
        try:
            # The client's `create` takes twice the time, for checking our dicts and making its own types.
            async with asyncio.timeout(self._endpoint.timeout_s):
                response = await self._client.post("/chat/completions", body=body, cast_to=httpx2.Response)
        except TimeoutError:
            raise TransientError("the call timed out", code="timeout") from None
        except openai.APIStatusError as error:
            self.limits = wire.rate_limits(error.response.headers)
            raise openai_wire.translated(error, self._endpoint.key) from None
        except openai.APIError as error:
            raise openai_wire.translated(error, self._endpoint.key) from None
        self.limits = wire.rate_limits(response.headers)
        return openai_wire.reply(openai_wire.decoded(response.content, openai_wire.Completion))

    async def close(self) -> None:
        await self._client.close()


class OpenAIBatches:
    """The Batch API (see `BatchTeacher`)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._client = openai.OpenAI(
            api_key=endpoint.key,
            base_url=endpoint.base_url or BASE_URL,
            timeout=endpoint.timeout_s,
            max_retries=0,
        )
        self._files = self._client.files.with_raw_response
        self._batches = self._client.batches.with_raw_response

    def line(self, request: Request) -> bytes:
        asked = {
            "custom_id": request.key,
            "method": "POST",
            "url": _ENDPOINT,
            "body": openai_wire.body(self._endpoint, request),
        }
        return msgspec.json.encode(asked) + b"\n"

    def upload(self, path: Path) -> str:
        with path.open("rb") as file:
            sent = (path.name, file)
            return self._call(openai_wire.File, self._files.create, file=sent, purpose="batch").id

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        try:
            return self._call_for_batch(
                self._batches.create,
                input_file_id=file,
                endpoint=_ENDPOINT,
                completion_window="24h",
                metadata={name: text[:_MAX_METADATA] for name, text in metadata.items()},
            )
        except (RejectedError, TransientError) as error:
            if error.code in ("400", "429") and _names_queue(str(error)):
                raise QueueFullError(str(error)) from None
            raise

    def find(self, token: str, since: float) -> BatchInfo | None:
        more: dict[str, str] = {}
        while True:
            page = self._call(openai_wire.Batches, self._batches.list, limit=100, **more)
            for batch in page.data:
                if batch.metadata is not None and batch.metadata.get("token") == token:
                    return openai_wire.info(batch, self._endpoint.key)
                # The newest come first.
                if batch.created_at is not None and batch.created_at < since - _CLOCKS_S:
                    return None
            if not page.data or not page.has_more:
                return None
            more["after"] = page.data[-1].id

    def retrieve(self, batch: str) -> BatchInfo:
        return self._call_for_batch(self._batches.retrieve, batch_id=batch)

    def cancel(self, batch: str) -> BatchInfo:
        try:
            return self._call_for_batch(self._batches.cancel, batch_id=batch)
        except (RejectedError, TransientError) as error:
            if error.code not in ("400", "409"):
                raise
            info = self.retrieve(batch)
            if info.status not in FINAL:
                raise
            return info

    def download(self, file: str, path: Path) -> None:
        key = self._endpoint.key
        try:
            with (
                self._client.files.with_streaming_response.content(file) as response,
                files.replacing(path) as out,
            ):
                for chunk in response.iter_bytes():
                    out.write(chunk)
        except openai.APIError as error:
            raise openai_wire.translated(error, key) from None
        except httpx2.TimeoutException:
            raise TransientError("the download timed out", code="timeout") from None
        except httpx2.RequestError as error:
            told = wire.words(f"the download was cut: {type(error).__name__}: {error}", key)
            raise TransientError(told, code="connection") from None

    def custom_ids(self, path: Path) -> set[str]:
        return {asked.custom_id for asked in wire.lines(path, openai_wire.Asked)}

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str, Reply | Fault]]:
        for path in paths:
            for line in wire.lines(path, openai_wire.Line):
                yield line.custom_id, openai_wire.result(line, self._endpoint.key)

    def _call_for_batch(self, call: Callable[..., Any], **arguments: Any) -> BatchInfo:
        return openai_wire.info(self._call(openai_wire.OpenAIBatch, call, **arguments), self._endpoint.key)

    def _call(self, kind: type[T], call: Callable[..., Any], **arguments: Any) -> T:
        """The body of the answer to one call, as `kind`."""
        try:
            response = call(**arguments)
        except openai.APIError as error:
            raise openai_wire.translated(error, self._endpoint.key) from None
        return openai_wire.decoded(response.content, kind)


def is_queue_full(info: BatchInfo) -> bool:
    """Whether a batch failed only because the provider's queue was full."""
    return info.status == "failed" and any(map(_names_queue, info.errors))


def _names_queue(text: str) -> bool:
    return _QUEUE_FULL in text or _QUEUE_FULL_WORDS in text.lower()


def _account(endpoint: Endpoint) -> Account:
    return wire.account("openai", endpoint.base_url or BASE_URL, endpoint.key)
