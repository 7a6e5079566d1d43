"""Numbers as text; an unknown value is a dash."""

from __future__ import annotations

import time
from pathlib import Path

from core import api
from tui.format.text import visible

#: What a cell sorts by; None where nothing is known.
SortValue = str | float | None
UNKNOWN = "—"
#: The year 9999 in Unix seconds: the system's calendar does not know every number that a journal may hold.
_LAST_MOMENT = 253_370_764_800.0


def local_time(at: float) -> time.struct_time:
    """The date and time of a moment in Unix seconds, at the latest in the year 9999."""
    return time.localtime(max(0.0, min(at, _LAST_MOMENT)))


def duration(seconds: float | None) -> str:
    """Seconds as `42s`, `3m 05s`, `2h 07m` or `4d 03h`."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m {whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h {whole % 3600 // 60:02}m"
    return f"{whole // 86400}d {whole % 86400 // 3600:02}h"


def roughly(seconds: float) -> str:
    """An estimate of seconds, rounded: `under 1m`, `25m`, `2h 10m`, `4d 3h`."""
    if seconds < 60:
        return "under 1m"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes:02}m"
    return f"{hours // 24}d {hours % 24}h"


def percent(share: float | None, digits: int = 0) -> str:
    """A share from 0 to 1 as `57 %`."""
    return UNKNOWN if share is None else api.percent(share, digits)


def span(low: float | None, high: float | None) -> str:
    """An interval of shares in percent, as `42.0–89.0`."""
    return UNKNOWN if low is None or high is None else api.percent_interval(low, high)


def p_value(p: float | None) -> str:
    """A p-value as `0.043` or `< 0.001`."""
    return UNKNOWN if p is None else api.p_value(p)


def p_words(p: float | None) -> str:
    """A p-value in a sentence, as `p = 0.043` or `p < 0.001`."""
    return f"p {p_value(p)}" if p is not None and p < 0.001 else f"p = {p_value(p)}"


def count(number: int | None) -> str:
    """A whole number with thousands separators."""
    return UNKNOWN if number is None else f"{number:,}"


def counted(number: int | None, one: str, many: str | None = None) -> str:
    """A number of things, as `1 tie`, `3 ties`; `many` is a plural that does not only add an s."""
    return f"{count(number)} {one if number == 1 else many or f'{one}s'}"


def dollars(usd: float | None) -> str:
    """US dollars with two decimals, with four below ten cents."""
    if usd is None:
        return UNKNOWN
    return f"${usd:,.2f}" if usd >= 0.1 or usd == 0 else f"${usd:.4f}"


def size(number: int) -> str:
    """Bytes as `512 B`, `3.4 kB`, `1.2 MB`."""
    if number < 1000:
        return f"{number} B"
    for unit, scale in (("kB", 1e3), ("MB", 1e6)):
        if number < scale * 1000:
            return f"{number / scale:.1f} {unit}"
    return f"{number / 1e9:.1f} GB"


def bar(share: float | None, width: int) -> str:
    """A thin bar of `width` cells, so that those of two rows do not touch; dots if the value is unknown."""
    if share is None:
        return "·" * width
    share = max(0.0, min(1.0, share))
    # Something that has begun, or is not finished, must not look like nothing, or all.
    full = round(share * width)
    if width > 1 and 0.0 < share < 1.0:
        full = max(1, min(width - 1, full))
    return "━" * full + "─" * (width - full)


def shorten(text: str, width: int) -> str:
    """`text` in at most `width` characters, cut in the middle, because names differ at both ends."""
    if len(text) <= width:
        return text
    head = (width - 1) // 3
    return text[:head] + "…" + text[len(text) - (width - 1 - head) :]


def folder(path: str, width: int = 28) -> str:
    """A folder's path in at most `width` characters: the home folder as `~`, cut at the beginning."""
    home = str(Path.home())
    shown = visible("~" + path[len(home) :] if path == home or path.startswith(home + "/") else path)
    return shown if len(shown) <= width else "…" + shown[-(width - 1) :]


def comparable(value: SortValue) -> tuple[str, float]:
    """A value that sorts among others of its column; texts sort without regard to case."""
    return (value.casefold(), 0.0) if isinstance(value, str) else ("", value or 0.0)
