"""OpenAI's API, and servers compatible with it: chat completions, one by one and in batches.

Errors of the client are not chained (`from None`): their messages may contain the API key.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import openai

from core.jobs import files
from core.network import clients
from core.teachers.http import bodies, connection_errors, headers, json_values, rejections
from core.teachers.http import endpoint as endpoints
from core.teachers.http.accepted_parameters import ADJUSTABLE
from core.teachers.http.endpoint import Endpoint
from core.teachers.http.rejections import WEB_PAGE
from core.teachers.openai import azure, batch_objects, errors, event_streams, replies, requests
from core.teachers.openai.requests import BASE_URL
from core.teachers.protocol import (
    FINAL,
    Account,
    BatchInfo,
    FailedRequest,
    OnText,
    QueueFullError,
    RateLimits,
    RejectedError,
    Reply,
    Request,
    TransientError,
    UnidentifiedError,
    UnreadableError,
)

#: Seconds by which the provider's clock and the local one may differ.
_CLOCK_SKEW_S = 60.0
#: Characters that the API allows in a value of a batch's metadata.
_MAX_METADATA = 512
#: The code, and part of the message, of the error that the queue of batches is full.
_QUEUE_FULL_CODE = "token_limit_exceeded"
_QUEUE_FULL_MESSAGE = "enqueued token limit"

#: The member of a line that has the request's key.
_KEY_NAME = "custom_id"
#: Batches of which the list shows too little that are looked at one by one.
_MAX_UNIDENTIFIED = 50
#: Statuses under which a parameter is refused.
_REFUSALS = ("400", "422")

log = logging.getLogger(__name__)


class OpenAILive:
    """A `LiveTeacher`: one chat completion a call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limits = RateLimits()
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = endpoint.base_url or BASE_URL
        self._client = azure.live_client(
            endpoint,
            api_key=endpoint.key,
            base_url=self._url,
            timeout=endpoint.timeout_s,
            max_retries=0,
            http_client=clients.async_client(self._url),
        )

    async def complete(self, request: Request) -> Reply:
        return await self._adjusted(request, None)

    async def stream(self, request: Request, on_text: OnText) -> Reply:
        return await self._adjusted(request, on_text)

    async def _adjusted(self, request: Request, on_text: OnText | None) -> Reply:
        """The reply, with the parameters that the endpoint accepts."""
        while True:
            body = requests.completion_body(self._endpoint, request)
            if on_text is not None:
                body |= requests.streaming(self._endpoint)
            try:
                return await self._complete(body, request.idempotency_key, on_text)
            except RejectedError as error:
                sent = ADJUSTABLE.intersection(body).difference(self._endpoint.extra_body)
                if error.code not in _REFUSALS or not self._endpoint.accepted.learn(str(error), sent):
                    raise

    async def _complete(
        self, body: dict[str, Any], idempotency_key: str | None, on_text: OnText | None
    ) -> Reply:
        extra_headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        # The library's own name for "do not read the body".
        extra_headers |= {} if on_text is None else {"X-Stainless-Raw-Response": "stream"}
        try:
            # `create` takes twice as long: it validates the body and builds Pydantic models.
            async with asyncio.timeout(self._endpoint.timeout_s):
                response = await self._client.post(
                    requests.CHAT_COMPLETIONS,
                    body=body,
                    cast_to=httpx2.Response,
                    options={"headers": extra_headers},
                )
                self.limits = headers.rate_limits(response.headers)
                content = response.content if on_text is None else await _read(response, on_text)
        except (TimeoutError, httpx2.TimeoutException) as error:
            raise connection_errors.timeout(error, self._url) from None
        except httpx2.RequestError as error:
            raise connection_errors.dropped(error, self._endpoint.key, self._url) from None
        except openai.APIError as error:
            if isinstance(error, openai.APIStatusError):
                self.limits = headers.rate_limits(error.response.headers)
            raise errors.protocol_error(error, self._endpoint.key, self._url) from None
        return self._reply(content)

    def _reply(self, content: bytes) -> Reply:
        """The reply in a body under status 200; one that is paid and no JSON is kept as it came."""
        url, key = self._url, self._endpoint.key
        try:
            completion = bodies.parse(content)
        except TransientError as error:
            found = rejections.of_body(content, url, key)
            if found is not None or not content.strip():
                raise found or error from None
            text = json_values.decoded(content)
            streamed = event_streams.completion(text)
            if streamed is None:
                return bodies.unreadable(text, str(error))
            completion = streamed
        return replies.reply_of(completion, url, key)

    async def close(self) -> None:
        await self._client.close()


class OpenAIBatches:
    """A `BatchTeacher`: the Batch API."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = endpoint.base_url or BASE_URL
        self._client = azure.batch_client(
            endpoint,
            api_key=endpoint.key,
            base_url=self._url,
            timeout=endpoint.timeout_s,
            max_retries=0,
            http_client=clients.client(self._url),
        )
        self._files = self._client.files.with_raw_response
        self._batches = self._client.batches.with_raw_response

    def line(self, request: Request) -> bytes:
        return msgspec.json.encode(requests.batch_line(self._endpoint, request)) + b"\n"

    def upload(self, path: Path) -> str:
        with path.open("rb") as file:
            named = (path.name, file)
            return batch_objects.file_id(self._call(self._files.create, file=named, purpose="batch"))

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        try:
            return self._call_for_batch(
                batch_objects.new_batch,
                self._batches.create,
                input_file_id=file,
                endpoint=requests.batch_endpoint(self._endpoint),
                completion_window=self._endpoint.batch_window,
                metadata={name: text[:_MAX_METADATA] for name, text in metadata.items()},
            )
        except (RejectedError, TransientError) as error:
            if error.code in ("400", "429") and _mentions_full_queue(str(error)):
                raise QueueFullError(str(error)) from None
            raise

    def find(
        self, token: str, since: float, file: str | None = None, known: Collection[str] = ()
    ) -> BatchInfo | None:
        more: dict[str, str] = {}
        seen: set[str] = set()
        unidentified: list[str] = []
        unreadable: list[str] = []
        while True:
            listed, has_more = batch_objects.page(self._call(self._batches.list, limit=100, **more))
            dates = []
            last = None
            for item in listed:
                try:
                    info = batch_objects.new_batch(item, self._endpoint.key)
                except UnreadableError as error:
                    log.info("in the list of batches: %s", error)
                    if not batch_objects.is_of_others(item, token, file, since - _CLOCK_SKEW_S):
                        unreadable.append(json_values.text(item.get("id")) or "one without an id")
                    continue
                last = info.id
                if _is_same(info, token, file):
                    return info
                if info.created_at is not None:
                    dates.append(info.created_at)
                is_recent = info.created_at is None or info.created_at >= since - _CLOCK_SKEW_S
                is_candidate = is_recent and info.id not in known
                if is_candidate and not info.metadata and info.input_file is None:
                    unidentified.append(info.id)
            # Newest first, as documented: all further batches are older still.
            is_past = bool(dates) and dates[0] >= dates[-1] and dates[0] < since - _CLOCK_SKEW_S
            if not has_more or is_past or last is None or last in seen:
                return self._identified(unidentified, unreadable, token, file)
            seen.add(last)
            more["after"] = last

    def _identified(
        self, batches: Sequence[str], unreadable: Sequence[str], token: str, file: str | None
    ) -> BatchInfo | None:
        """Look for the batch among those of which the list shows too little; it may also be an `unreadable`
        one."""
        unidentified = list(unreadable)
        for batch in batches[:_MAX_UNIDENTIFIED]:
            try:
                info = self._call_for_batch(batch_objects.new_batch, self._batches.retrieve, batch_id=batch)
            except RejectedError:
                continue
            except UnreadableError:
                unidentified.append(batch)
                continue
            if _is_same(info, token, file):
                return info
            if not info.metadata and info.input_file is None:
                unidentified.append(batch)
        if unidentified:
            raise UnidentifiedError(unidentified)
        return None

    def delete(self, file: str) -> None:
        try:
            self._files.delete(file)
        except openai.APIError as error:
            raise errors.protocol_error(error, self._endpoint.key, self._url) from None

    def retrieve(self, batch: str) -> BatchInfo:
        return self._call_for_batch(batch_objects.batch_info, self._batches.retrieve, batch_id=batch)

    def cancel(self, batch: str) -> BatchInfo:
        try:
            return self._call_for_batch(batch_objects.batch_info, self._batches.cancel, batch_id=batch)
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
        return bodies.keys(path, _KEY_NAME)

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str | None, Reply | FailedRequest]]:
        return bodies.results(paths, _KEY_NAME, self._result)

    def _result(self, line: Mapping[str, object]) -> Reply | FailedRequest:
        return replies.result_of(line, self._url, self._endpoint.key)

    def _call_for_batch(
        self,
        read: Callable[[Mapping[str, object], str], BatchInfo],
        call: Callable[..., Any],
        **arguments: Any,
    ) -> BatchInfo:
        try:
            body = self._call(call, **arguments)
        except RejectedError as error:
            if error.code == WEB_PAGE:
                # From a gateway: the batch may exist.
                raise UnreadableError(str(error)) from None
            raise
        return read(body, self._endpoint.key)

    def _call(self, call: Callable[..., Any], **arguments: Any) -> Mapping[str, object]:
        """The object in the response of one call. Raises `UnreadableError` if there is none."""
        try:
            response = call(**arguments)
        except openai.APIError as error:
            raise errors.protocol_error(error, self._endpoint.key, self._url) from None
        content = response.content
        try:
            body = bodies.parse(content)
        except TransientError as error:
            found = rejections.of_body(content, self._url, self._endpoint.key)
            raise found or UnreadableError(str(error)) from None
        if "id" not in body and "data" not in body:
            found = rejections.of_body(content, self._url, self._endpoint.key)
            if found is not None:
                raise found
        return body


async def _read(response: httpx2.Response, on_text: OnText) -> bytes:
    """The body of a response that comes line by line; `on_text` gets the answer's text so far."""
    lines, text = [], ""
    try:
        async for line in response.aiter_lines():
            lines.append(line)
            added = event_streams.text_of(line)
            if added:
                text += added
                on_text(text)
    finally:
        await response.aclose()
    return "\n".join(lines).encode()


def _is_same(info: BatchInfo, token: str, file: str | None) -> bool:
    """Whether it is the batch with this token, or, where it has none, from this input file."""
    found = info.metadata.get("token")
    return found == token if found is not None else file is not None and info.input_file == file


def is_queue_full(info: BatchInfo) -> bool:
    """Whether a batch failed because the queue of batches was full, and can be created again later."""
    return info.status == "failed" and any(map(_mentions_full_queue, info.errors))


def _mentions_full_queue(text: str) -> bool:
    return _QUEUE_FULL_CODE in text or _QUEUE_FULL_MESSAGE in text.lower()


def _account(endpoint: Endpoint) -> Account:
    return endpoints.account("openai", endpoint.base_url or BASE_URL, endpoint.key)
