"""What a change of config.toml means, in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from tui.format.text import visible
from tui.format.values import count, counted, dollars, roughly

if TYPE_CHECKING:
    from core.api import ConfigChange, Job, SettingChange

#: A whole number as TOML writes one that may have a fraction.
_WHOLE = re.compile(r"(-?\d+)\.0")
_MINUTE = 60
#: Longer values are cut.
_MAX_LENGTH = 60


def value(text: str | None) -> str:
    """A value of config.toml as it is shown."""
    if text is None or text == "":
        return "not set"
    shown = visible(without_fraction(text))
    return shown if len(shown) <= _MAX_LENGTH else f"{shown[: _MAX_LENGTH - 1]}…"


def without_fraction(text: str) -> str:
    """`3` for `3.0`, and other values unchanged."""
    whole = _WHOLE.fullmatch(text)
    return text if whole is None else whole[1]


def setting(change: SettingChange) -> str:
    """`sft.num_train_epochs 1 → 2`; of a list what was added and removed; and why that has no effect."""
    idle = f" ({no_effect(change.no_effect)})" if change.no_effect is not None else ""
    if change.added or change.removed:
        parts = [*(f"+ {one}" for one in change.added), *(f"− {one}" for one in change.removed)]
        return visible(f"{change.key} {', '.join(parts)}{idle}")
    return f"{visible(change.key)} {value(change.before)} → {value(change.after)}{idle}"


def no_effect(why: str) -> str:
    """`no effect: sft.max_steps = 100`."""
    return visible(f"no effect: {why}")


def settings(changes: Sequence[SettingChange], limit: int = 3) -> str:
    """The changed settings in one line."""
    shown = [setting(change) for change in changes[:limit]]
    if len(changes) > limit:
        shown.append(f"{len(changes) - limit} more")
    return ", ".join(shown)


def summary(change: ConfigChange) -> str:
    """`6 jobs to run, about 5m, $0; 4 results superseded`."""
    if not change.has_data:
        return "no data is imported, so there are no jobs yet"
    parts = []
    if change.to_run:
        parts.append(f"{counted(len(change.to_run), 'job')} to run, {time(change)}, {cost(change)}")
    if change.known:
        parts.append(f"{counted(len(change.known), 'result')} known from before")
    if change.superseded:
        parts.append(f"{counted(len(change.superseded), 'result')} superseded")
    if change.unfinished:
        verb = "continues" if len(change.unfinished) == 1 else "continue"
        parts.append(f"{counted(len(change.unfinished), 'unfinished job')} {verb} with the old settings")
    if change.dropped:
        parts.append(f"{counted(len(change.dropped), 'job')} no longer planned")
    return "; ".join(parts) or "no job changes"


def in_one_line(change: ConfigChange) -> str:
    """The changed settings and what they mean."""
    return f"{settings(change.settings)}: {summary(change)}" if change.settings else "no setting differs"


def time(change: ConfigChange) -> str:
    """How long the jobs to run take."""
    if change.seconds is None:
        return "time not known yet"
    shown = roughly(change.seconds)
    if change.is_at_least:
        return f"at least {shown}" if change.seconds >= _MINUTE else "time not known yet"
    return shown if change.seconds < _MINUTE else f"about {shown}"


def cost(change: ConfigChange) -> str:
    """What the jobs to run cost."""
    if change.usd is None:
        return "cost not known: a price is missing"
    if change.usd == 0:
        return "$0"
    return f"{'at most ' if change.is_at_most else ''}{dollars(change.usd)}"


def stages(jobs: Iterable[Job]) -> str:
    """`2 sft, 2 respond`: the number of jobs of each stage."""
    return ", ".join(f"{count(number)} {stage}" for stage, number in Counter(j.stage for j in jobs).items())
