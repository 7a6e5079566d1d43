"""Response headers about rate limits and retries: when the next request may be sent.

Servers write that moment as a number of seconds, as a duration (`6m0s`), as a date, or as Unix time in
seconds or milliseconds.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping

from core.teachers.http import instants
from core.teachers.protocol import RateLimits

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|m|h|d)\s*")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: A number from here on is Unix time, not a number of seconds to wait: as seconds it would be 31 years.
_FIRST_EPOCH = 1e9


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait before a retry, as `retry-after-ms` or `Retry-After` says.

    None where there is no such header, or it is malformed.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None and milliseconds < _FIRST_EPOCH:
        return milliseconds / 1000
    return seconds_until(headers.get("retry-after"), time.time())


def rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """The `x-ratelimit-remaining-*` and `x-ratelimit-reset-*` headers, which without the last part of their
    names are about requests; or Anthropic's, whose names end the other way round."""
    now = time.time()
    return RateLimits(
        _count(
            _first(
                headers,
                "x-ratelimit-remaining-requests",
                "x-ratelimit-remaining",
                "anthropic-ratelimit-requests-remaining",
            )
        ),
        _count(_first(headers, "x-ratelimit-remaining-tokens", "anthropic-ratelimit-tokens-remaining")),
        seconds_until(
            _first(
                headers,
                "x-ratelimit-reset-requests",
                "x-ratelimit-reset",
                "anthropic-ratelimit-requests-reset",
            ),
            now,
        ),
        seconds_until(_first(headers, "x-ratelimit-reset-tokens", "anthropic-ratelimit-tokens-reset"), now),
    )


def seconds_until(text: str | None, now: float) -> float | None:
    """Seconds from `now` (Unix time) until the moment that `text` names, at least 0.

    `text` is a number of seconds, a duration such as `6m0s`, `1.5s`, `20ms` or `2d`, an HTTP or ISO 8601
    date, or Unix time. None for anything else.
    """
    if text is None:
        return None
    number = _number(text)
    if number is not None:
        if number < _FIRST_EPOCH:
            return number
        return max(0.0, instants.of_number(number) - now)
    duration = parse_duration(text)
    if duration is not None:
        return duration
    instant = instants.of_date(text)
    return None if instant is None else max(0.0, instant - now)


def parse_duration(text: str | None) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `20ms`, `1d 2h` or a bare number; None for anything else."""
    if text is None:
        return None
    written = text.strip().lower()
    parts = _DURATION.findall(written)
    if parts and _DURATION.sub("", written) == "":
        seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
        return seconds if math.isfinite(seconds) else None
    return _number(text)


def _first(headers: Mapping[str, str], *names: str) -> str | None:
    return next((headers[name] for name in names if name in headers), None)


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
