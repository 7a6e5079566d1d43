"""Azure's OpenAI API, where it differs from OpenAI's.

Its dated versions name the deployment in the path of a chat completion, and not in those of files and
batches, and the key has a header of its own. The newer API below `/openai/v1` is as OpenAI's, with or without
a version.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import openai

from core.teachers.http.endpoint import Endpoint

_DEPLOYMENT = re.compile(r"/deployments/[^/]+/?$")


def is_dated(endpoint: Endpoint) -> bool:
    """Whether the endpoint is one of a dated version of Azure's API."""
    return (endpoint.api_version or "")[:1].isdigit()


def live_client(endpoint: Endpoint, **settings: Any) -> openai.AsyncOpenAI:
    """The client for chat completions."""
    if not is_dated(endpoint):
        return openai.AsyncOpenAI(**settings, **_version(endpoint))
    settings["base_url"] = _below_openai(settings["base_url"])
    return openai.AsyncAzureOpenAI(**settings, api_version=endpoint.api_version)


def batch_client(endpoint: Endpoint, **settings: Any) -> openai.OpenAI:
    """The client for files and batches."""
    if not is_dated(endpoint):
        return openai.OpenAI(**settings, **_version(endpoint))
    settings["base_url"] = _DEPLOYMENT.sub("", _below_openai(settings["base_url"]))
    return openai.AzureOpenAI(**settings, api_version=endpoint.api_version)


def _below_openai(base_url: str) -> str:
    """The URL below which the API is, for that of a resource as the portal shows it."""
    return base_url if urlsplit(base_url).path.strip("/") else f"{base_url.rstrip('/')}/openai"


def _version(endpoint: Endpoint) -> dict[str, Any]:
    if endpoint.api_version is None:
        return {}
    return {
        "default_query": {"api-version": endpoint.api_version},
        "default_headers": {"api-key": endpoint.key},
    }
