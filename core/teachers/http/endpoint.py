"""Where an API model is called, and with which sampling settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from core.teachers.http.accepted_parameters import AcceptedParameters
from core.teachers.protocol import Account
from core.teachers.settings import api_keys

#: The URLs of the providers' own APIs.
BASE_URLS = {
    "openai": "https://api.openai.com/v1",
    "google": "https://generativelanguage.googleapis.com/",
    "anthropic": "https://api.anthropic.com",
}


@dataclass(frozen=True)
class Endpoint:
    """A model behind an API, and how it samples. Settings that are None are not in the request."""

    model: str
    """The provider's name of the model."""
    key: str = field(repr=False)
    """The API key."""
    base_url: str | None = None
    """None for the provider's own URL."""
    timeout_s: float = 120.0
    """Seconds that one call may take."""
    temperature: float | None = None
    """Sampling temperature."""
    top_p: float | None = None
    """Cumulative probability of the tokens that are sampled from."""
    seed: int | None = None
    """Seed of the sampling."""
    max_output_tokens: int = 512
    """The maximum number of tokens of an answer, reasoning included."""
    token_limit: str | None = None
    """OpenAI's name of `max_output_tokens`; None for the one that the endpoint accepts."""
    top_logprobs: int | None = None
    """How many of the most likely tokens to return at each position; None for no log-probabilities."""
    reasoning_effort: str | None = None
    """How much the model reasons; None for the provider's default."""
    thinking_budget: int | None = None
    """Gemini's or Claude's maximum number of tokens of reasoning; None for the provider's default."""
    api_version: str | None = None
    """The version of Azure's API; None for every other server."""
    batch_window: str = "24h"
    """The time in which the provider must complete a batch."""
    accepted: AcceptedParameters = field(default_factory=AcceptedParameters)
    """The parameters that the endpoint is known to refuse."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """Provider-specific fields, merged into the body of each request."""


def account(provider: str, base_url: str, key: str) -> Account:
    """The account that a key belongs to: the URL without user info, and a digest of the key."""
    parts = urlsplit(base_url)
    without_user = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    return Account(provider, without_user, api_keys.digest(key))
