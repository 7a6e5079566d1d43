"""Gemini's API: generateContent, one call at a time and in batches.

Errors of the client are not chained (`from None`): their messages may contain the API key.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec
from google import genai
from google.genai import errors as client_errors
from google.genai import types

from core.jobs import files
from core.network import clients
from core.teachers.google import batch_jobs, errors, replies, requests, streaming
from core.teachers.http import bodies, connection_errors, error_text, headers, json_values, rejections
from core.teachers.http import endpoint as endpoints
from core.teachers.http.accepted_parameters import STRUCTURED_OUTPUT, THINKING_LEVEL
from core.teachers.http.endpoint import Endpoint
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

BASE_URL = endpoints.BASE_URLS["google"]

#: The API version that has every model and every field that is used here.
_API_VERSION = "v1beta"
#: The member of a line that has the request's key.
_KEY_NAME = "key"
#: Statuses under which a parameter is refused; what Gemini does not know, it ignores.
_REFUSALS = ("400", "invalid_request")

log = logging.getLogger(__name__)


class GoogleLive:
    """A `LiveTeacher`: one generateContent a call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.limits = RateLimits()
        self.account = _account(endpoint)
        self._endpoint = endpoint
        self._url = endpoint.base_url or BASE_URL
        # Passed in: otherwise the client uses aiohttp if it is installed, which raises other errors.
        self._http = clients.async_client(self._url)
        # Of the two, the library makes the one that it is not given, with settings of its own.
        self._unused = clients.client(self._url)
        self._client = _client(endpoint, httpx_async_client=self._http, httpx_client=self._unused).aio
        self._config = types.GenerateContentConfig(
            temperature=endpoint.temperature,
            top_p=endpoint.top_p,
            seed=endpoint.seed,
            max_output_tokens=endpoint.max_output_tokens,
            response_logprobs=None if endpoint.top_logprobs is None else True,
            logprobs=endpoint.top_logprobs,
            # The raw body: it is read as a batch's results are.
            should_return_http_response=True,
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        )

    async def complete(self, request: Request) -> Reply:
        return await self._adjusted(request, None)

    async def stream(self, request: Request, on_text: OnText) -> Reply:
        return await self._adjusted(request, on_text)

    async def _adjusted(self, request: Request, on_text: OnText | None) -> Reply:
        """The reply, with structured output only where the model supports it."""
        while True:
            sent = requests.adjustable(self._endpoint, request)
            try:
                if on_text is not None:
                    return await self._stream(request, on_text)
                return await self._complete(request)
            except RejectedError as error:
                if error.code not in _REFUSALS or not self._endpoint.accepted.learn(str(error), sent):
                    raise

    async def _stream(self, request: Request, on_text: OnText) -> Reply:
        url = f"{self._url.rstrip('/')}/{_API_VERSION}"
        with _protocol_errors(self._endpoint):
            async with asyncio.timeout(self._endpoint.timeout_s):
                content, response_headers = await streaming.content(
                    self._http, url, self._endpoint, request, on_text
                )
        self.limits = headers.rate_limits({name.lower(): value for name, value in response_headers.items()})
        return self._reply(content)

    async def _complete(self, request: Request) -> Reply:
        beside = types.HttpOptions(extra_body=requests.body_beside_config(self._endpoint, request))
        config = self._config.model_copy(update={"http_options": beside})
        with _protocol_errors(self._endpoint):
            async with asyncio.timeout(self._endpoint.timeout_s):
                response = await self._client.models.generate_content(
                    model=self._endpoint.model,
                    contents=requests.contents(request),
                    config=config,
                )
        http = response.sdk_http_response
        if http is None:
            raise TransientError("the response has no body", code="body")
        self.limits = headers.rate_limits(
            {name.lower(): value for name, value in (http.headers or {}).items()}
        )
        return self._reply((http.body or "").encode())

    def _reply(self, content: bytes) -> Reply:
        """The reply in a body under status 200; one that is paid and no JSON is kept as it came."""
        url, key = self._url, self._endpoint.key
        try:
            response = bodies.parse(content)
        except TransientError as error:
            found = rejections.of_body(content, url, key, version="")
            if found is not None or not content.strip():
                raise found or error from None
            return bodies.unreadable(json_values.decoded(content), str(error))
        return replies.reply_of(response, url, key)

    async def close(self) -> None:
        await self._client.aclose()
        await self._http.aclose()
        self._unused.close()


class GoogleBatches:
    """A `BatchTeacher`: batches of uploaded files."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.account = _account(endpoint)
        self._endpoint = endpoint
        #: The body of the newest response: the client drops some fields, and fails on odd ones.
        self._body = b""
        url = endpoint.base_url or BASE_URL
        http = clients.client(url, event_hooks={"response": [self._keep_body]})
        self._client = _client(endpoint, httpx_client=http, httpx_async_client=clients.async_client(url))

    def line(self, request: Request) -> bytes:
        return msgspec.json.encode(requests.batch_line(self._endpoint, request)) + b"\n"

    def upload(self, path: Path) -> str:
        config = types.UploadFileConfig(display_name=path.name, mime_type="jsonl")
        body = self._call(self._client.files.upload, file=path, config=config)
        name = json_values.member(body, "file", "name") or body.get("name")
        if not isinstance(name, str) or not name:
            raise UnreadableError("the provider's answer has no name of a file")
        return name

    def create(self, file: str, metadata: dict[str, str]) -> BatchInfo:
        config = types.CreateBatchJobConfig(display_name=batch_jobs.display_name(metadata))
        try:
            body = self._call(
                self._client.batches.create, model=self._endpoint.model, src=file, config=config
            )
        except TransientError as error:
            if error.throttled:
                raise QueueFullError(str(error)) from None
            raise
        return batch_jobs.new_batch(body, self._endpoint.key)

    def find(
        self, token: str, since: float, file: str | None = None, known: Collection[str] = ()
    ) -> BatchInfo | None:
        # The whole list: its order is not documented.
        page: str | None = None
        seen: set[str] = set()
        unidentified: list[str] = []
        while True:
            config = types.ListBatchJobsConfig(page_size=100, page_token=page)
            body = self._call(self._client.batches.list, config=config)
            for item in json_values.items(body.get("operations") or body.get("batches")):
                source = batch_jobs.input_file(item)
                try:
                    info = batch_jobs.new_batch(item, self._endpoint.key)
                except UnreadableError as error:
                    log.info("in the list of batches: %s", error)
                    if source == file or (source is None and not batch_jobs.has_display_name(item)):
                        unidentified.append("one without a name")
                    continue
                if info.metadata.get("token") == token or (file is not None and source == file):
                    return info
                is_recent = info.created_at is None or info.created_at >= since
                is_candidate = is_recent and info.id not in known
                if is_candidate and source is None and not batch_jobs.has_display_name(item):
                    unidentified.append(info.id)
            page = json_values.text(body.get("nextPageToken"))
            if page is None or page in seen:
                if unidentified:
                    raise UnidentifiedError(unidentified)
                return None
            seen.add(page)

    def delete(self, file: str) -> None:
        with _protocol_errors(self._endpoint):
            self._client.files.delete(name=file)

    def retrieve(self, batch: str) -> BatchInfo:
        _check_name(batch)
        return batch_jobs.batch_info(self._call(self._client.batches.get, name=batch), self._endpoint.key)

    def cancel(self, batch: str) -> BatchInfo:
        _check_name(batch)
        try:
            with _protocol_errors(self._endpoint):
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
        with _protocol_errors(self._endpoint), files.replacing(path) as out:
            self._client.files.download(file=file, destination=out)  # type: ignore[call-overload]

    def learn(self, failure: FailedRequest) -> bool:
        sent = {STRUCTURED_OUTPUT}
        if self._endpoint.reasoning_effort is not None:
            sent.add(THINKING_LEVEL)
        is_refusal = failure.code in _REFUSALS
        return is_refusal and self._endpoint.accepted.learn(failure.message, frozenset(sent))

    def custom_ids(self, path: Path) -> set[str]:
        return bodies.keys(path, _KEY_NAME)

    def results(self, paths: Sequence[Path]) -> Iterator[tuple[str | None, Reply | FailedRequest]]:
        return bodies.results(paths, _KEY_NAME, self._result)

    def _result(self, line: Mapping[str, object]) -> Reply | FailedRequest:
        return replies.result_of(line, self._endpoint.base_url or BASE_URL, self._endpoint.key)

    def _call(self, call: Callable[..., Any], **arguments: Any) -> Mapping[str, object]:
        """The object in the response of one call, whether or not the client can read it.

        Raises `UnreadableError` if there is none.
        """
        self._body = b""
        try:
            with _protocol_errors(self._endpoint):
                call(**arguments)
        except UnreadableError as error:
            log.info("the client cannot read an answer: %s", error)
        try:
            return bodies.parse(self._body)
        except TransientError as error:
            raise UnreadableError(str(error)) from None

    def _keep_body(self, response: httpx2.Response) -> None:
        if not response.url.path.endswith(":download"):
            self._body = response.read()


def is_queue_full(info: BatchInfo) -> bool:
    """Whether a batch failed because the quota was exhausted, and can be created again later."""
    return info.status == "failed" and any(map(batch_jobs.is_quota_error, info.errors))


def _client(endpoint: Endpoint, **http_options: Any) -> genai.Client:
    return genai.Client(
        api_key=endpoint.key,
        vertexai=False,
        http_options=types.HttpOptions(
            base_url=endpoint.base_url or BASE_URL,
            api_version=_API_VERSION,
            timeout=int(endpoint.timeout_s * 1000),
            # No retries: the caller decides.
            retry_options=types.HttpRetryOptions(attempts=1),
            **http_options,
        ),
    )


def _account(endpoint: Endpoint) -> Account:
    return endpoints.account("google", endpoint.base_url or BASE_URL, endpoint.key)


def _check_name(batch: str) -> None:
    if re.fullmatch(r"batches/[^/]+", batch) is None:
        raise RejectedError(
            f"{batch} is not the name of a batch, which has the form batches/…", code="400", fatal=False
        )


@contextmanager
def _protocol_errors(endpoint: Endpoint) -> Iterator[None]:
    """Convert errors of the client to errors of the protocol."""
    key, base_url = endpoint.key, endpoint.base_url or BASE_URL
    try:
        yield
    except client_errors.APIError as error:
        raise errors.protocol_error(error, key, base_url) from None
    except (httpx2.TimeoutException, TimeoutError) as error:
        raise connection_errors.timeout(error, base_url) from None
    except httpx2.RequestError as error:
        raise connection_errors.dropped(error, key, base_url) from None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        # The client raises these for a malformed body.
        reason = f"the response does not match the documented format: {type(error).__name__}: {error}"
        raise UnreadableError(error_text.redacted(reason, key)) from None
