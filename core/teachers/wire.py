"""What the wires of all providers have in common: endpoint, headers, words of errors, JSONL files."""

from __future__ import annotations

import datetime
import email.utils
import logging
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import msgspec

from core.teachers import api_keys
from core.teachers.protocol import Account, RateLimits

T = TypeVar("T")

#: Characters of a provider's words that are kept.
_MAX_WORDS = 600
_PERIOD = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: What looks like a key of a known provider, whole or masked with asterisks.
_KEY = re.compile(r"\b(?:sk-|AIza)[\w*-]{4,}")
#: What an answer may begin with before its first word.
_AROUND = " \t\r\n\"'`*()[]"
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+@")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """A model, where it is reached, and how it samples; what is None is not sent.

    `base_url` None is the provider's own. `extra_body` is merged into the body of every request.
    """

    model: str
    key: str = field(repr=False)
    base_url: str | None = None
    timeout_s: float = 120.0
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    max_output_tokens: int = 512
    top_logprobs: int | None = None
    extra_body: Mapping[str, Any] = field(default_factory=dict)


def account(provider: str, base_url: str, key: str) -> Account:
    """Who asks: the URL without its user info, and the key's digest."""
    parts = urlsplit(base_url)
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
    return Account(provider, bare, api_keys.digest(key))


def words(text: str, key: str) -> str:
    """A provider's words without the key, anything like one, and a URL's user info; cut when too long."""
    if len(key) > 4:
        text = text.replace(key, "[key]")
    text = " ".join(_USER_INFO.sub("", _KEY.sub("[key]", text)).split())
    return text if len(text) <= _MAX_WORDS else text[: _MAX_WORDS - 1] + "…"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a server asks to wait (`retry-after-ms`, or `Retry-After` as seconds or as a date)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    told = headers.get("retry-after")
    if told is None:
        return None
    seconds = _number(told)
    if seconds is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(told)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    return max(0.0, date.timestamp() - time.time())


def rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """The `x-ratelimit-remaining-*` and `x-ratelimit-reset-*` headers."""
    return RateLimits(
        _count(headers.get("x-ratelimit-remaining-requests")),
        _count(headers.get("x-ratelimit-remaining-tokens")),
        period(headers.get("x-ratelimit-reset-requests")),
        period(headers.get("x-ratelimit-reset-tokens")),
    )


def period(text: str | None) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `20ms` or a bare number; None for anything else."""
    if text is None:
        return None
    parts = _PERIOD.findall(text.strip())
    if parts and "".join(number + unit for number, unit in parts) == text.strip():
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return _number(text)


def first_word(steps: Iterable[tuple[str, Mapping[str, float]]]) -> dict[str, float] | None:
    """The log-probabilities where an answer's first word begins, from (token, likeliest tokens) a step.

    White space, quotes, asterisks and brackets before it are passed over. None when there is none.
    """
    return next((dict(told) for token, told in steps if token.strip(_AROUND) and told), None)


def decoded_or_none(content: msgspec.Raw, kind: type[T]) -> T | None:
    """What an answer can do without; None where it is null, or not as documented: the answer is paid for."""
    if bytes(content) == b"null":
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        log.warning("a part of the answer is not what the API documents, and is left out: %s", error)
        return None


def with_remedy(told: str) -> tuple[str, bool]:
    """A refusal's words, with what to do where they are about log-probabilities, and whether they are."""
    if "logprob" not in told.lower():
        return told, False
    return f"{told} (top_logprobs in config.toml asks for them: lower it, or leave it out)", True


def lines(path: Path, kind: type[T]) -> Iterator[T]:
    """The lines of a JSONL file that are of `kind`; what is not is logged and left out."""
    decoder = msgspec.json.Decoder(kind)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield decoder.decode(line)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.warning("%s, line %d is skipped: %s", path.name, number, error)


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _number(text: str | None) -> float | None:
    """A number of at least 0 that is no infinity; None for anything else."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
