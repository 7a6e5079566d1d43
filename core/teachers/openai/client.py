"""OpenAI's API, and servers compatible with it: chat completions, one by one and in batches.

Errors of the client are not chained (`from None`): their messages may contain the API key.
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
from core.network import clients
from core.teachers.http import bodies, connection_errors, headers, rejections
from core.teachers.http import endpoint as endpoints
from core.teachers.http.accepted_parameters import ADJUSTABLE
from core.teachers.http.endpoint import Endpoint
from core.teachers.http.rejections import WEB_PAGE
from core.teachers.openai import batch_objects, errors, replies, requests
from core.teachers.openai.requests import BASE_URL
from core.teachers.protocol import (
    FINAL,
    Account,
    BatchInfo,
    FailedRequest,
    QueueFullError,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    TransientError,
)

#: Seconds by which the provider's clock and the local one may differ.
_CLOCK_SKEW_S = 60.0
#: Characters that the API allows in a value of a batch's metadata.
_MAX_METADATA = 512
#: The code, and part of the message, of the error that the queue of batches is full.
_QUEUE_FULL_CODE = "token_limit_exceeded"
_QUEUE_FULL_MESSAGE = "enqueued token limit"

#: Statuses under which a parameter is refused.
_REFUSALS = ("400", "422")

T = TypeVar("T")


class OpenAILive:
    """A `LiveTeacher`: one chat completion a call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limits = RateLimits()
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = endpoint.base_url or BASE_URL
        self._client = openai.AsyncOpenAI(
            api_key=endpoint.key,
            base_url=self._url,
            timeout=endpoint.timeout_s,
            max_retries=0,
            **_azure(endpoint),
            http_client=clients.async_client(),
        )

    async def complete(self, request: Request) -> Reply:
        while True:
            body = requests.completion_body(self._endpoint, request)
            try:
                return await self._complete(body)
            except RejectedError as error:
                sent = ADJUSTABLE.intersection(body).difference(self._endpoint.extra_body)
                if error.code not in _REFUSALS or not self._endpoint.accepted.learn(str(error), sent):
                    raise

    async def _complete(self, body: dict[str, Any]) -> Reply:
        try:
            # `create` takes twice as long: it validates the body and builds Pydantic models.
            async with asyncio.timeout(self._endpoint.timeout_s):
                response = await self._client.post(
                    requests.CHAT_COMPLETIONS, body=body, cast_to=httpx2.Response
                )
        except TimeoutError as error:
            raise connection_errors.timeout(error, self._url) from None
        except openai.APIError as error:
            if isinstance(error, openai.APIStatusError):
                self.limits = headers.rate_limits(error.response.headers)
            raise errors.protocol_error(error, self._endpoint.key, self._url) from None
        self.limits = headers.rate_limits(response.headers)
        content = response.content
        found = (
            None if b'"choices"' in content else rejections.of_body(content, self._url, self._endpoint.key)
        )
        if found is not None:
            raise found
        return replies.reply_of(bodies.decode(content, replies.Completion))

    async def close(self) -> None:
        await self._client.close()


class OpenAIBatches:
    """A `BatchTeacher`: the Batch API."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = endpoint.base_url or BASE_URL
        self._client = openai.OpenAI(
            api_key=endpoint.key,
            base_url=self._url,
            timeout=endpoint.timeout_s,
            max_retries=0,
            **_azure(endpoint),
            http_client=clients.client(),
        )
        self._files = self._client.files.with_raw_response
        self._batches = self._client.batches.with_raw_response

    def line(self, request: Request) -> bytes:
        return msgspec.json.encode(requests.batch_line(self._endpoint, request)) + b"\n"

    def upload(self, path: Path) -> str:
        with path.open("rb") as file:
            named = (path.name, file)
            return self._call(batch_objects.File, self._files.create, file=named, purpose="batch").id

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        try:
            return self._call_for_batch(
                self._batches.create,
                input_file_id=file,
                endpoint=f"/v1{requests.CHAT_COMPLETIONS}",
                completion_window=self._endpoint.batch_window,
                metadata={name: text[:_MAX_METADATA] for name, text in metadata.items()},
            )
        except (RejectedError, TransientError) as error:
            if error.code in ("400", "429") and _mentions_full_queue(str(error)):
                raise QueueFullError(str(error)) from None
            if error.code == WEB_PAGE:
                # From a gateway: the batch may have been created.
                raise TransientError(str(error), code="body") from None
            raise

    def find(self, token: str, since: float) -> BatchInfo | None:
        more: dict[str, str] = {}
        while True:
            page = self._call(batch_objects.BatchPage, self._batches.list, limit=100, **more)
            for batch in page.data:
                if batch.metadata is not None and batch.metadata.get("token") == token:
                    return batch_objects.batch_info(batch, self._endpoint.key)
                # Newest first: all further batches are older still.
                if batch.created_at is not None and batch.created_at < since - _CLOCK_SKEW_S:
                    return None
            if not page.data or not page.has_more:
                return None
            more["after"] = page.data[-1].id

    def delete(self, file: str) -> None:
        try:
            self._files.delete(file)
        except openai.APIError as error:
            raise errors.protocol_error(error, self._endpoint.key, self._url) from None

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
            raise errors.protocol_error(error, key, self._url) from None
        except httpx2.TimeoutException:
            raise TransientError("the download timed out", code="timeout") from None
        except httpx2.RequestError as error:
            raise connection_errors.dropped(error, key, self._url) from None

    def learn(self, failure: FailedRequest) -> bool:
        adjustable = ADJUSTABLE.difference(self._endpoint.extra_body)
        return failure.code in _REFUSALS and self._endpoint.accepted.learn(failure.message, adjustable)

    def custom_ids(self, path: Path) -> set[str]:
        return {line.custom_id for line in bodies.read_jsonl(path, replies.InputLine)}

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str, Reply | FailedRequest]]:
        for path in paths:
            for line in bodies.read_jsonl(path, replies.ResultLine):
                yield line.custom_id, replies.result_of(line, self._endpoint.key)

    def _call_for_batch(self, call: Callable[..., Any], **arguments: Any) -> BatchInfo:
        return batch_objects.batch_info(
            self._call(batch_objects.OpenAIBatch, call, **arguments), self._endpoint.key
        )

    def _call(self, kind: type[T], call: Callable[..., Any], **arguments: Any) -> T:
        """The decoded response body of one call."""
        try:
            response = call(**arguments)
        except openai.APIError as error:
            raise errors.protocol_error(error, self._endpoint.key, self._url) from None
        try:
            return bodies.decode(response.content, kind)
        except TransientError:
            found = rejections.of_body(response.content, self._url, self._endpoint.key)
            if found is None:
                raise
            raise found from None


def is_queue_full(info: BatchInfo) -> bool:
    """Whether a batch failed because the queue of batches was full, and can be created again later."""
    return info.status == "failed" and any(map(_mentions_full_queue, info.errors))


def _mentions_full_queue(text: str) -> bool:
    return _QUEUE_FULL_CODE in text or _QUEUE_FULL_MESSAGE in text.lower()


def _account(endpoint: Endpoint) -> Account:
    return endpoints.account("openai", endpoint.base_url or BASE_URL, endpoint.key)


def _azure(endpoint: Endpoint) -> dict[str, Any]:
    """What Azure's API expects beside what OpenAI's does."""
    if endpoint.api_version is None:
        return {}
    return {
        "default_query": {"api-version": endpoint.api_version},
        "default_headers": {"api-key": endpoint.key},
    }
