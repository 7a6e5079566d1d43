"""API keys and other secrets: known ones, and what is shaped like one. They reach no file."""

from __future__ import annotations

import json
import os
import re

_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")
#: Shorter values are words that occur by themselves.
_MIN_LENGTH = 8

#: What keys look like: of OpenAI, Anthropic and those that copy them, Google, Hugging Face, Groq, xAI,
#: NVIDIA, Perplexity, GitHub, GitLab, AWS and Azure; and tokens as headers have them.
KEY_SHAPE = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{24,}|AIza[0-9A-Za-z_-]{30,}|hf_[A-Za-z0-9]{30,}|gsk_[A-Za-z0-9]{30,}"
    r"|xai-[A-Za-z0-9]{30,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|nvapi-[A-Za-z0-9_-]{30,}|pplx-[A-Za-z0-9]{30,}|A[KS]IA[0-9A-Z]{16}|[A-Za-z0-9]{40,60}JQQJ9[A-Za-z0-9]{10,}"
    r"|[Bb]earer +(?=[A-Za-z._~+/-]*[0-9])[A-Za-z0-9._~+/-]{19,}[A-Za-z0-9])(?![A-Za-z0-9])"
)

#: Secrets that were used, by what stands in their place.
_used: dict[str, str] = {}


def remember(secret: str, name: str) -> None:
    """Have a secret that was read from the variable `name` redacted, whatever that name is."""
    if len(secret) >= _MIN_LENGTH:
        _used[secret] = name


def pattern() -> re.Pattern[bytes]:
    """Matches JSON with a known secret in it, or what is shaped like one."""
    escaped = (json.dumps(value, ensure_ascii=False)[1:-1].encode() for value, _ in known())
    return re.compile(b"|".join((*map(re.escape, escaped), KEY_SHAPE.pattern.encode())))


def remembered() -> int:
    """How many secrets were remembered: a pattern made before the newest does not match it."""
    return len(_used)


def is_secret(name: str, value: str) -> bool:
    """Whether the value of an environment variable is a secret, by the variable's name."""
    # A path to a file with a secret is none.
    is_value = len(value) >= _MIN_LENGTH and not value.startswith(os.sep)
    return is_value and any(part in name.upper() for part in _SECRET_NAMES)


def known() -> list[tuple[str, str]]:
    """The secrets of this process's environment, and those that were used, each with its variable.

    The longest first: one may be a prefix of another.
    """
    found = dict(_used)
    found |= {value: name for name, value in os.environ.items() if is_secret(name, value)}
    return sorted(found.items(), key=lambda secret: len(secret[0]), reverse=True)


def without_secrets(text: str) -> str:
    """The text without the known secrets, and without what is shaped like a key."""
    for value, name in known():
        text = text.replace(value, f"[{name}]")
    return KEY_SHAPE.sub("[key]", text)


def values_without_secrets(value: object) -> object:
    """A decoded JSON value without secrets in its texts; names of fields stay."""
    match value:
        case str():
            return without_secrets(value)
        case list():
            return [values_without_secrets(one) for one in value]
        case dict():
            return {key: values_without_secrets(one) for key, one in value.items()}
        case _:
            return value
