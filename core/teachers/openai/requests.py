"""Request bodies of OpenAI's chat completions."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from core.teachers.http.accepted_parameters import STREAM_OPTIONS, STRUCTURED_OUTPUT, TOKEN_LIMITS
from core.teachers.http.endpoint import BASE_URLS, Endpoint
from core.teachers.openai import azure
from core.teachers.protocol import AnswerSchema, Request

BASE_URL = BASE_URLS["openai"]
CHAT_COMPLETIONS = "/chat/completions"

#: Hosts that require `max_completion_tokens`; most other servers know only the older `max_tokens`.
_OPENAI_HOSTS = ("openai.com", "openai.azure.com")
_MAX_TOKENS_FIELDS = frozenset(TOKEN_LIMITS)


def completion_body(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """The body of a chat completion, without the parameters that the endpoint is known to refuse.

    A token limit in `extra_body` replaces `max_output_tokens`. What is in `extra_body` is always sent.
    """
    body: dict[str, Any] = {
        "model": endpoint.model,
        "messages": [{"role": m.role, "content": m.content} for m in request.messages],
    }
    if _MAX_TOKENS_FIELDS.isdisjoint(endpoint.extra_body):
        limit = endpoint.token_limit or endpoint.accepted.token_limit(_max_tokens_field(endpoint.base_url))
        body[limit] = endpoint.max_output_tokens
    settings = {
        "temperature": endpoint.temperature,
        "top_p": endpoint.top_p,
        "seed": endpoint.seed,
        "reasoning_effort": endpoint.reasoning_effort,
    }
    body.update(
        {
            name: value
            for name, value in settings.items()
            if value is not None and not endpoint.accepted.is_refused(name)
        }
    )
    if request.schema is not None and not endpoint.accepted.is_refused(STRUCTURED_OUTPUT):
        body[STRUCTURED_OUTPUT] = _response_format(request.schema)
    if endpoint.top_logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": endpoint.top_logprobs}
    body.update(endpoint.extra_body)
    return body


def streaming(endpoint: Endpoint) -> dict[str, Any]:
    """What a body has in addition for an answer that comes as it is generated, with its usage at the end."""
    options = {"stream_options": {"include_usage": True}}
    return {"stream": True, **({} if endpoint.accepted.is_refused(STREAM_OPTIONS) else options)}


def batch_endpoint(endpoint: Endpoint) -> str:
    """The path that a batch and its lines name; Azure's dated versions have it without `/v1`."""
    return CHAT_COMPLETIONS if azure.is_dated(endpoint) else f"/v1{CHAT_COMPLETIONS}"


def batch_line(endpoint: Endpoint, request: Request) -> dict[str, Any]:
    """One line of a batch's input file."""
    return {
        "custom_id": request.key,
        "method": "POST",
        "url": batch_endpoint(endpoint),
        "body": completion_body(endpoint, request),
    }


def _response_format(schema: AnswerSchema) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": schema.name, "strict": True, "schema": schema.json_schema},
    }


def _max_tokens_field(base_url: str | None) -> str:
    host = urlsplit(base_url or BASE_URL).hostname or ""
    is_openai = any(host == name or host.endswith(f".{name}") for name in _OPENAI_HOSTS)
    return "max_completion_tokens" if is_openai else "max_tokens"
