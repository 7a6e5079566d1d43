"""Moments as providers write them, as Unix time in seconds."""

from __future__ import annotations

import datetime
import email.utils

#: Unix time from here on is in a smaller unit than seconds: as seconds it would be after the year 5000.
_MAX_SECONDS = 1e11


def of_number(number: float) -> float:
    """Unix time in seconds, from one in seconds, milliseconds, microseconds or nanoseconds."""
    while number >= _MAX_SECONDS:
        number /= 1000
    return number


def of_date(text: str) -> float | None:
    """Unix time of an HTTP or ISO 8601 date; without a zone it is UTC. None for anything else."""
    text = text.strip()
    try:
        date = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        try:
            date = datetime.datetime.fromisoformat(text)
        except ValueError:
            return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=datetime.UTC)
    try:
        return date.timestamp()
    except (ValueError, OverflowError):
        return None
