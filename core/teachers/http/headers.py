"""Response headers about rate limits and retries."""

from __future__ import annotations

import datetime
import email.utils
import re
import time
from collections.abc import Mapping

from core.teachers.protocol import RateLimits

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait before a retry (`retry-after-ms`, or `Retry-After` as seconds or as a date).

    None where there is no such header, or it is malformed.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    if value is None:
        return None
    seconds = _number(value)
    if seconds is not None:
        return seconds
    try:
        date = email.utils.parsedate_to_datetime(value)
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
        parse_duration(headers.get("x-ratelimit-reset-requests")),
        parse_duration(headers.get("x-ratelimit-reset-tokens")),
    )


def parse_duration(text: str | None) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `20ms` or a bare number; None for anything else."""
    if text is None:
        return None
    parts = _DURATION.findall(text.strip())
    if parts and "".join(number + unit for number, unit in parts) == text.strip():
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return _number(text)


def _count(text: str | None) -> int | None:
    number = _number(text)
    return None if number is None else int(number)


def _number(text: str | None) -> float | None:
    """A finite number of at least 0; None for anything else."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
