"""The client for a teacher in config.toml."""

from __future__ import annotations

from core.config.schema import Teacher
from core.teachers import api_keys
from core.teachers.http import endpoint as endpoints
from core.teachers.http.endpoint import Endpoint
from core.teachers.protocol import Account, BatchInfo, BatchTeacher, LiveTeacher


def live(teacher: Teacher) -> LiveTeacher:
    """The client for live calls. Raises `UserError` if the API key is missing or invalid."""
    if teacher.provider == "google":
        from core.teachers.google.client import GoogleLive

        return GoogleLive(_endpoint(teacher))
    from core.teachers.openai.client import OpenAILive

    return OpenAILive(_endpoint(teacher))


def batches(teacher: Teacher) -> BatchTeacher:
    """The client for batches. Raises `UserError` if the API key is missing or invalid."""
    if teacher.provider == "google":
        from core.teachers.google.client import GoogleBatches

        return GoogleBatches(_endpoint(teacher))
    from core.teachers.openai.client import OpenAIBatches

    return OpenAIBatches(_endpoint(teacher))


def account(teacher: Teacher) -> Account:
    """The account that requests are sent from. Raises `UserError` if the API key is missing or invalid."""
    if teacher.provider == "google":
        from core.teachers.google.client import BASE_URL
    else:
        from core.teachers.openai.requests import BASE_URL
    return endpoints.account(teacher.provider, teacher.base_url or BASE_URL, api_keys.key(teacher))


def is_queue_full(teacher: Teacher, info: BatchInfo) -> bool:
    """Whether a batch failed because the provider's queue was full, and can be created again later."""
    if teacher.provider == "google":
        from core.teachers.google import client as google

        return google.is_queue_full(info)
    from core.teachers.openai import client as openai

    return openai.is_queue_full(info)


def _endpoint(teacher: Teacher) -> Endpoint:
    return Endpoint(
        model=teacher.model,
        key=api_keys.key(teacher),
        base_url=teacher.base_url,
        timeout_s=teacher.timeout_s,
        temperature=teacher.temperature,
        top_p=teacher.top_p,
        seed=teacher.seed,
        max_output_tokens=teacher.max_output_tokens,
        top_logprobs=teacher.top_logprobs,
        extra_body=teacher.extra_body,
    )
