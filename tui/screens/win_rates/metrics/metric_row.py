"""A metric as a row of a table: its name, value, interval, bar, and a note."""

from __future__ import annotations

from dataclasses import dataclass

from tui.format import values as formats
from tui.navigation.pair_filter import PairFilter


@dataclass(frozen=True)
class MetricRow:
    """One metric: `value` as text, its `interval`, its sample size `n`, and a `note` that explains it.

    `share`, `low` and `high` from 0 to 1 are drawn as a bar. `heading` marks the title of a section. `warns`
    if the note is a warning, `is_unsure` if the sample is too small. `behind` are the comparisons, as (a, b),
    whose pairs it was computed from: all, or those that match `only`.
    """

    name: str
    value: str = ""
    interval: str = ""
    n: int | None = None
    note: str = ""
    share: float | None = None
    low: float | None = None
    high: float | None = None
    heading: bool = False
    warns: bool = False
    is_unsure: bool = False
    behind: tuple[tuple[str, str], ...] = ()
    only: PairFilter | None = None


def heading(title: str, note: str = "") -> MetricRow:
    return MetricRow(title, note=note, heading=True)


def share(
    name: str,
    value: float | None,
    low: float | None = None,
    high: float | None = None,
    *,
    n: int | None = None,
    note: str = "",
    warns: bool = False,
) -> MetricRow:
    """A metric from 0 to 1, in percent; an unknown one has no interval."""
    interval = "" if low is None or high is None else formats.span(low, high)
    return MetricRow(
        name, formats.percent(value, 1), interval, n, note, value, low, high, heading=False, warns=warns
    )
