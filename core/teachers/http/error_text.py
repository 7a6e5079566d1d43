"""Error messages of providers, without secrets and with a hint at the setting that helps."""

from __future__ import annotations

import re

#: Characters of a provider's message that are kept.
_MAX_CHARACTERS = 600
#: What looks like an API key of a known provider, in full or masked with asterisks.
_KEY = re.compile(r"\b(?:sk-|AIza)[\w*-]{4,}")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")


def redacted(text: str, key: str) -> str:
    """The text without the key, anything that looks like a key, and user info in URLs; truncated if long."""
    if len(key) > 4:
        text = text.replace(key, "[key]")
    text = " ".join(_USER_INFO.sub("", _KEY.sub("[key]", text)).split())
    return shortened(text)


def shortened(text: str) -> str:
    """The beginning of what a provider says, if it says a lot."""
    return text if len(text) <= _MAX_CHARACTERS else text[: _MAX_CHARACTERS - 1] + "…"


def concerns_logprobs(message: str) -> bool:
    """Whether a provider rejects a request because of log-probabilities."""
    return "logprob" in message.lower()


def with_logprobs_hint(message: str) -> str:
    """The message, with the setting to change if it is about log-probabilities."""
    if not concerns_logprobs(message):
        return message
    return f"{message} (top_logprobs in config.toml requests them: lower it, or remove it)"
