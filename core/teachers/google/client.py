"""Gemini: generateContent live and in batches.

The client's errors are left behind (`from None`): what they quote may hold the key.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from google import genai
from google.genai import errors, types

from core.jobs import files
from core.teachers import wire
from core.teachers.google import wire as google_wire
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

BASE_URL = "https://generativelanguage.googleapis.com/"

#: The one that has every model, and all that is asked for here.
_VERSION = "v1beta"


class GoogleLive:
    """One generateContent at a time (see `LiveTeacher`)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limits = RateLimits()
        self.account = _account(endpoint)
        self._endpoint = endpoint
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
        # Handed in, or the client takes aiohttp where that is installed, whose errors are others.
        self._http = httpx2.AsyncClient(limits=limits, follow_redirects=True)
        self._client = _client(endpoint, httpx_async_client=self._http).aio
        self._config = types.GenerateContentConfig(
            temperature=endpoint.temperature,
            top_p=endpoint.top_p,
            seed=endpoint.seed,
            max_output_tokens=endpoint.max_output_tokens,
            response_logprobs=None if endpoint.top_logprobs is None else True,
            logprobs=endpoint.top_logprobs,
            # The body as it came: it is read with the same distrust as a batch's results.
            should_return_http_response=True,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            http_options=types.HttpOptions(extra_body=dict(endpoint.extra_body) or None),
        )

    async def ask(self, request: Request) -> Reply:
        with _translating(self._endpoint.key):
            async with asyncio.timeout(self._endpoint.timeout_s):
                response = await self._client.models.generate_content(
                    model=self._endpoint.model,
                    contents=google_wire.contents(request),
                    config=self._config,
                )
        http = response.sdk_http_response
        if http is None:
            raise TransientError("the answer has no body", code="body")
        self.limits = wire.rate_limits({name.lower(): value for name, value in (http.headers or {}).items()})
        return google_wire.reply(google_wire.answer(http.body or ""))

    async def close(self) -> None:
        await self._client.aclose()
        await self._http.aclose()


class GoogleBatches:
    """Batches over uploaded files (see `BatchTeacher`)."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.account = _account(endpoint)
        self._endpoint = endpoint
        #: The newest body about a single batch.
        self._heard = b""
        self._client = _client(endpoint, client_args={"event_hooks": {"response": [self._hear]}})

    def line(self, request: Request) -> bytes:
        return msgspec.json.encode(google_wire.line(self._endpoint, request)) + b"\n"

    def upload(self, path: Path) -> str:
        with _translating(self._endpoint.key):
            config = types.UploadFileConfig(display_name=path.name, mime_type="jsonl")
            file = self._client.files.upload(file=path, config=config)
        return _named(file.name)

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        config = types.CreateBatchJobConfig(display_name=google_wire.display_name(metadata))
        try:
            with _translating(self._endpoint.key):
                batch = self._client.batches.create(model=self._endpoint.model, src=file, config=config)
        except TransientError as error:
            if error.throttled:
                raise QueueFullError(str(error)) from None
            raise
        return self._info(batch)

    def find(self, token: str, since: float) -> BatchInfo | None:
        # All of them: the order of the list is not documented.
        with _translating(self._endpoint.key):
            for batch in self._client.batches.list(config=types.ListBatchJobsConfig(page_size=100)):
                info = google_wire.info(batch, google_wire.Told(), self._endpoint.key)
                if info.metadata.get("token") == token:
                    return info
        return None

    def retrieve(self, batch: str) -> BatchInfo:
        _check_name(batch)
        with _translating(self._endpoint.key):
            return self._info(self._client.batches.get(name=batch))

    def cancel(self, batch: str) -> BatchInfo:
        _check_name(batch)
        try:
            with _translating(self._endpoint.key):
                self._client.batches.cancel(name=batch)
        except (RejectedError, TransientError) as error:
            if error.code not in ("400", "409"):
                raise
            info = self.retrieve(batch)
            if info.status not in FINAL:
                raise
            return info
        return self.retrieve(batch)

    def download(self, file: str, path: Path) -> None:
        with _translating(self._endpoint.key), files.replacing(path) as out:
            self._client.files.download(file=file, destination=out)  # type: ignore[call-overload]

    def custom_ids(self, path: Path) -> set[str]:
        return {asked.key for asked in wire.lines(path, google_wire.Asked)}

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str, Reply | Fault]]:
        for path in paths:
            for line in wire.lines(path, google_wire.Line):
                yield line.key, google_wire.result(line, self._endpoint.key)

    def _info(self, batch: types.BatchJob) -> BatchInfo:
        _named(batch.name)
        return google_wire.info(batch, google_wire.told(self._heard), self._endpoint.key)

    def _hear(self, response: httpx2.Response) -> None:
        path = response.url.path
        if "/batches/" in path or path.endswith(":batchGenerateContent"):
            self._heard = response.read()


def is_queue_full(info: BatchInfo) -> bool:
    """Whether a batch failed only because the provider's quota was used up."""
    return info.status == "failed" and any(map(google_wire.is_exhausted, info.errors))


def _client(endpoint: Endpoint, **http_options: Any) -> genai.Client:
    return genai.Client(
        api_key=endpoint.key,
        vertexai=False,
        http_options=types.HttpOptions(
            base_url=endpoint.base_url or BASE_URL,
            api_version=_VERSION,
            timeout=int(endpoint.timeout_s * 1000),
            # None would be no retries as well; this says so.
            retry_options=types.HttpRetryOptions(attempts=1),
            **http_options,
        ),
    )


def _account(endpoint: Endpoint) -> Account:
    return wire.account("google", endpoint.base_url or BASE_URL, endpoint.key)


def _check_name(batch: str) -> None:
    if re.fullmatch(r"batches/[^/]+", batch) is None:
        raise RejectedError(f"{batch} names no batch: that would be batches/…", code="400", fatal=False)


def _named(name: str | None) -> str:
    if not name:
        raise TransientError("the answer names nothing", code="body")
    return name


@contextmanager
def _translating(key: str) -> Iterator[None]:
    """Raise what the client raises in the words of the protocol."""
    try:
        yield
    except errors.APIError as error:
        raise google_wire.translated(error, key) from None
    except (httpx2.TimeoutException, TimeoutError):
        raise TransientError("the call timed out", code="timeout") from None
    except httpx2.RequestError as error:
        told = wire.words(f"{type(error).__name__}: {error}", key)
        raise TransientError(told, code="connection") from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        # What the client makes of a body that is not what the API documents.
        told = wire.words(f"the answer is not what the API documents: {type(error).__name__}: {error}", key)
        raise TransientError(told, code="body") from None
