"""The client for a teacher in config.toml."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from core.config.schema import Teacher
from core.teachers.http import endpoint as endpoints
from core.teachers.http.accepted_parameters import AcceptedParameters
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import Account, BatchInfo, BatchTeacher, LiveTeacher
from core.teachers.settings import api_keys, reasoning


def live(teacher: Teacher, memory: Path | None = None) -> LiveTeacher:
    """The client for live calls. `memory` is the file in which the workspace keeps what endpoints refuse.

    Raises `UserError` if the API key is missing or invalid, or the environment makes requests impossible.
    """
    if teacher.provider == "google":
        from core.teachers.google.client import GoogleLive

        return GoogleLive(_endpoint(teacher, memory))
    if teacher.provider == "anthropic":
        from core.teachers.anthropic.client import AnthropicLive

        return AnthropicLive(_endpoint(teacher, memory))
    from core.teachers.openai.client import OpenAILive

    return OpenAILive(_endpoint(teacher, memory))


def batches(teacher: Teacher, memory: Path | None = None) -> BatchTeacher:
    """The client for batches; for the rest as `live`."""
    if teacher.provider == "google":
        from core.teachers.google.client import GoogleBatches

        return GoogleBatches(_endpoint(teacher, memory))
    if teacher.provider == "anthropic":
        from core.teachers.anthropic.client import AnthropicBatches

        return AnthropicBatches(_endpoint(teacher, memory))
    from core.teachers.openai.client import OpenAIBatches

    return OpenAIBatches(_endpoint(teacher, memory))


def account(teacher: Teacher) -> Account:
    """The account that requests are sent from. Raises `UserError` if the API key is missing or invalid."""
    return endpoints.account(teacher.provider, base_url(teacher), api_keys.key(teacher))


def base_url(teacher: Teacher) -> str:
    """The URL of the API that a teacher is behind."""
    default = endpoints.BASE_URLS.get(teacher.provider, "")
    return (teacher.base_url or default).partition("?")[0]


def is_queue_full(teacher: Teacher, info: BatchInfo) -> bool:
    """Whether a batch failed because the provider's queue was full, and can be created again later."""
    if teacher.provider == "google":
        from core.teachers.google import client as google

        return google.is_queue_full(info)
    if teacher.provider == "anthropic":
        # Its queue may refuse a batch, but never fails one.
        return False
    from core.teachers.openai import client as openai

    return openai.is_queue_full(info)


def _endpoint(teacher: Teacher, memory: Path | None) -> Endpoint:
    return Endpoint(
        model=teacher.model,
        key=api_keys.key(teacher),
        base_url=None if teacher.base_url is None else teacher.base_url.partition("?")[0],
        timeout_s=teacher.timeout_s,
        temperature=teacher.temperature,
        top_p=teacher.top_p,
        seed=teacher.seed,
        max_output_tokens=reasoning.max_output_tokens(teacher),
        token_limit=teacher.token_limit,
        top_logprobs=teacher.top_logprobs,
        reasoning_effort=teacher.reasoning_effort,
        thinking_budget=teacher.thinking_budget,
        api_version=teacher.api_version or _api_version(teacher.base_url),
        batch_window=teacher.batch_window,
        accepted=AcceptedParameters(memory, f"{teacher.base_url or teacher.provider} {teacher.model}"),
        extra_body=teacher.extra_body,
    )


def _api_version(base_url: str | None) -> str | None:
    """The version of Azure's API in the query of a base URL."""
    return parse_qs(urlsplit(base_url or "").query).get("api-version", [None])[0]
