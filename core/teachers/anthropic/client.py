"""Claude's API: messages, one by one and in batches.

Errors of the client are not chained (`from None`): their messages may contain the API key.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import msgspec

from core.jobs import files
from core.network import clients
from core.teachers.anthropic import errors, message_batches, replies, requests
from core.teachers.http import bodies, connection_errors, headers, json_values, rejections
from core.teachers.http import endpoint as endpoints
from core.teachers.http.endpoint import Endpoint
from core.teachers.http.rejections import WEB_PAGE
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
    UnidentifiedError,
    UnreadableError,
)

BASE_URL = endpoints.BASE_URLS["anthropic"]

#: The member of a line that has the request's id.
_ID_NAME = "custom_id"
#: Batches on a page of the list.
_PAGE = 100
#: Seconds by which the provider's clock and the local one may differ.
_CLOCK_SKEW_S = 60.0
#: Lines of a batch's results that are looked at for the id of a request.
_MAX_UNREADABLE = 20
#: Statuses under which a parameter is refused.
_REFUSALS = ("400", "422")
#: Has the client leave a response unread.
_UNREAD = {"X-Stainless-Raw-Response": "stream"}


class AnthropicLive:
    """A `LiveTeacher`: one message a call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limits = RateLimits()
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = _url(endpoint)
        self._client = anthropic.AsyncAnthropic(
            **_settings(endpoint), http_client=clients.async_client(self._url)
        )

    async def complete(self, request: Request) -> Reply:
        while True:
            sent = requests.adjustable(self._endpoint, request)
            try:
                return await self._complete(requests.message_body(self._endpoint, request))
            except RejectedError as error:
                if error.code not in _REFUSALS or not self._endpoint.accepted.learn(str(error), sent):
                    raise

    async def _complete(self, body: dict[str, Any]) -> Reply:
        with _protocol_errors(self._endpoint):
            try:
                async with asyncio.timeout(self._endpoint.timeout_s):
                    response = await self._client.post(requests.MESSAGES, body=body, cast_to=httpx2.Response)
            except anthropic.APIStatusError as error:
                self.limits = headers.rate_limits(error.response.headers)
                raise
        self.limits = headers.rate_limits(response.headers)
        return self._reply(response.content)

    def _reply(self, content: bytes) -> Reply:
        """The reply in a body under status 200; one that is paid and no JSON is kept as it came."""
        try:
            message = bodies.parse(content)
        except TransientError as error:
            found = rejections.of_body(content, self._url, self._endpoint.key, version="")
            if found is not None or not content.strip():
                raise found or error from None
            return bodies.unreadable(json_values.decoded(content), str(error))
        return replies.reply_of(message, self._url, self._endpoint.key)

    async def close(self) -> None:
        await self._client.close()


class AnthropicBatches:
    """A `BatchTeacher`: Message Batches. Requests are sent with the creation, and no file is uploaded."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = _url(endpoint)
        self._client = anthropic.Anthropic(**_settings(endpoint), http_client=clients.client(self._url))

    def line(self, request: Request) -> bytes:
        return msgspec.json.encode(requests.batch_line(self._endpoint, request)) + b"\n"

    def upload(self, path: Path) -> str:
        return str(path)

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        body = message_batches.creation(Path(file), metadata["token"])
        try:
            return self._batch("post", requests.BATCHES, content=body)
        except RejectedError as error:
            if error.code == WEB_PAGE:
                # From a gateway: the batch may exist.
                raise UnreadableError(str(error)) from None
            raise
        except TransientError as error:
            if error.code == "429":
                raise QueueFullError(str(error)) from None
            raise

    def find(
        self, token: str, since: float, file: str | None = None, known: Collection[str] = ()
    ) -> BatchInfo | None:
        """As the protocol describes it; `file` is an input file, by which other batches are distinguished.

        Only the results of a batch identify its owner, so that it is known once all batches that may be
        the one are final: those of as many requests.
        """
        total = _line_count(file)
        running, unknown = [], []
        for info in self._recent(since - _CLOCK_SKEW_S):
            if info.id in known or (total is not None and info.total not in (total, None)):
                continue
            if info.status not in FINAL:
                running.append(info.id)
                continue
            owner = self._owner(info)
            if owner == token:
                return info
            if owner is None:
                unknown.append(info.id)
        if running:
            raise UnidentifiedError(running, is_known_later=True)
        if unknown:
            raise UnidentifiedError(unknown)
        return None

    def delete(self, file: str) -> None:
        """Nothing was uploaded."""

    def retrieve(self, batch: str) -> BatchInfo:
        return self._batch("get", _path(batch))

    def cancel(self, batch: str) -> BatchInfo:
        try:
            return self._batch("post", f"{_path(batch)}/cancel")
        except (RejectedError, TransientError) as error:
            if error.code not in ("400", "409"):
                raise
            info = self.retrieve(batch)
            if info.status not in FINAL:
                raise
            return info

    def download(self, file: str, path: Path) -> None:
        with (
            _protocol_errors(self._endpoint),
            closing(self._results(file)) as response,
            files.replacing(path) as out,
        ):
            for chunk in response.iter_bytes():
                out.write(chunk)

    def learn(self, failure: FailedRequest) -> bool:
        sent = requests.adjustable(self._endpoint)
        return failure.code in _REFUSALS and self._endpoint.accepted.learn(failure.message, sent)

    def custom_ids(self, path: Path) -> set[str]:
        return {message_batches.key(found) for found in bodies.keys(path, _ID_NAME)}

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str | None, Reply | FailedRequest]]:
        for found, result in bodies.results(paths, _ID_NAME, self._result):
            yield None if found is None else message_batches.key(found), result

    def _result(self, line: Mapping[str, object]) -> Reply | FailedRequest | None:
        if replies.is_cancelled(line):
            # It was never processed, as those that have no line elsewhere.
            return None
        return replies.result_of(line, self._url, self._endpoint.key)

    def _recent(self, since: float) -> Iterator[BatchInfo]:
        """The batches that were created after `since`, the newest first, as documented."""
        cursor = ""
        seen: set[str] = set()
        while True:
            after = f"&after_id={cursor}" if cursor else ""
            body = self._call("get", f"{requests.BATCHES}?limit={_PAGE}{after}")
            oldest = None
            for item in json_values.items(body.get("data")):
                if not isinstance(item, Mapping):
                    continue
                info = message_batches.batch_info(item)
                cursor = info.id
                oldest = info.created_at
                if oldest is None or oldest >= since:
                    yield info
            is_past = oldest is not None and oldest < since
            if body.get("has_more") is not True or is_past or cursor in seen:
                return
            seen.add(cursor)

    def _owner(self, info: BatchInfo) -> str | None:
        """The token of the submission that a final batch belongs to; None if its results do not show it."""
        if info.output_file is None:
            return None
        with _protocol_errors(self._endpoint), closing(self._results(info.output_file)) as response:
            for number, line in enumerate(response.iter_lines()):
                named = replies.request_id(line)
                if named is not None:
                    return message_batches.token(named)
                if number == _MAX_UNREADABLE:
                    return None
        return None

    def _results(self, batch: str) -> httpx2.Response:
        # Not from the URL that the batch names: the key is for the configured server alone.
        path = f"{_path(batch)}/results"
        return self._client.get(path, cast_to=httpx2.Response, options={"headers": _UNREAD})

    def _batch(self, method: str, path: str, **arguments: Any) -> BatchInfo:
        return message_batches.batch_info(self._call(method, path, **arguments))

    def _call(self, method: str, path: str, **arguments: Any) -> Mapping[str, object]:
        """The object in the response of one call. Raises `UnreadableError` if there is none."""
        with _protocol_errors(self._endpoint):
            call = self._client.get if method == "get" else self._client.post
            response = call(path, cast_to=httpx2.Response, **arguments)
        content = response.content
        try:
            body = bodies.parse(content)
        except TransientError as error:
            found = rejections.of_body(content, self._url, self._endpoint.key, version="")
            raise found or UnreadableError(str(error)) from None
        if "id" not in body and "data" not in body:
            found = rejections.of_body(content, self._url, self._endpoint.key, version="")
            if found is not None:
                raise found
        return body


def _url(endpoint: Endpoint) -> str:
    """The URL below which the paths of the API are, which begin with the version."""
    return (endpoint.base_url or BASE_URL).rstrip("/").removesuffix("/v1")


def _settings(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "api_key": endpoint.key,
        "base_url": _url(endpoint),
        "timeout": endpoint.timeout_s,
        # No retries: the caller decides.
        "max_retries": 0,
    }


def _account(endpoint: Endpoint) -> Account:
    return endpoints.account("anthropic", endpoint.base_url or BASE_URL, endpoint.key)


def _path(batch: str) -> str:
    if re.fullmatch(r"[\w-]+", batch) is None:
        raise RejectedError(f"{batch} is not the id of a batch", code="400", fatal=False)
    return f"{requests.BATCHES}/{batch}"


def _line_count(file: str | None) -> int | None:
    """The number of requests in an input file; None if it is gone."""
    if file is None:
        return None
    try:
        with Path(file).open("rb") as lines:
            return sum(1 for _ in lines)
    except FileNotFoundError:
        return None


@contextmanager
def _protocol_errors(endpoint: Endpoint) -> Iterator[None]:
    """Convert errors of the client to errors of the protocol."""
    key, base_url = endpoint.key, _url(endpoint)
    try:
        yield
    except anthropic.APIError as error:
        raise errors.protocol_error(error, key, base_url) from None
    except (httpx2.TimeoutException, TimeoutError) as error:
        raise connection_errors.timeout(error, base_url) from None
    except httpx2.RequestError as error:
        raise connection_errors.dropped(error, key, base_url) from None
