"""What a running job waits for, as text."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tui.format import values as formats

if TYPE_CHECKING:
    from core.api import Wait


def words(wait: Wait, now: float) -> str:
    """The reason, since when, until when, and when the job gives up; `now` in Unix seconds."""
    parts = [f"waits since {_clock(wait.since, now)}"]
    if wait.until is not None and wait.until > now:
        parts.append(f"tries again at {_clock(wait.until, now)}")
    if wait.gives_up_at is not None:
        parts.append(f"gives up at {_clock(wait.gives_up_at, now)}")
    return f"{', '.join(parts)}: {wait.reason}"


def brief(wait: Wait, now: float) -> str:
    """How long it has waited."""
    return f"waits {formats.roughly(max(0.0, now - wait.since))}"


def _clock(at: float, now: float) -> str:
    """The time of day, with the date unless it is today."""
    then = formats.local_time(at)
    is_today = then[:3] == formats.local_time(now)[:3]
    return time.strftime("%H:%M:%S" if is_today else "%d %b %H:%M", then)
