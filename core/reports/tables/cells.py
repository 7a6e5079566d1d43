"""The cells of a report's tables: a value for programs, and its text for people."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from core.domain import number_format
from core.domain.evaluation.win_rates import WinRate
from core.domain.text import visible
from core.reports.gather import Report

UNKNOWN = "–"
CellValue = str | int | float | bool | None


@dataclass(frozen=True)
class ReportCell:
    """One value of a table."""

    value: CellValue
    """For programs: unrounded; None if unknown."""
    text: str
    """For people: without invisible characters, and not escaped yet."""
    is_best: bool = False
    """Whether it is the best value of its column."""


@dataclass(frozen=True)
class ReportTable:
    """One table."""

    name: str
    """The file name without its extension."""
    title: str
    """The heading."""
    note: str
    """The caption: what the numbers are, and the data behind them."""
    columns: tuple[str, ...]
    """The titles of the columns."""
    numeric: frozenset[int]
    """Indices of the columns that are aligned to the right."""
    rows: tuple[tuple[ReportCell, ...], ...]
    """Its cells, a row at a time."""
    full: ReportTable | None = None
    """The same with more columns, for CSV; None if this has all of them."""


def fingerprint(rates: Iterable[WinRate]) -> str:
    """The fingerprint of one or several comparisons."""
    prints = sorted(rate.fingerprint for rate in rates)
    if len(prints) == 1:
        return prints[0][:10]
    return hashlib.sha256("".join(prints).encode()).hexdigest()[:10]


def source(report: Report, judge: str) -> str:
    """The data behind a judge's results: number of dialogues, design and fingerprint."""
    rates = [rate for rate in report.rates if rate.judge == judge and rate.n is not None]
    designs = ", ".join(dict.fromkeys(rate.design or UNKNOWN for rate in rates))
    counts = sorted({rate.n or 0 for rate in rates})
    n = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    label = next((rate.label for rate in rates if rate.label), None)
    known = f" {label}." if label else ""
    design = f"n = {n} dialogues; {designs}"
    return f"Judge {judge}; {design}; fingerprint {fingerprint(rates)}.{known}"


def sources(report: Report) -> str:
    return " ".join(source(report, judge) for judge in report.judges)


def text(value: str | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else visible(value))


def count(value: int | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value:,}")


def decimal(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value:.2f}")


def share(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else f"{value * 100:.1f}")


def p_value(value: float | None) -> ReportCell:
    return ReportCell(value, UNKNOWN if value is None else number_format.p_value(value))


def percent(value: float | None) -> str:
    return UNKNOWN if value is None else number_format.percent(value, 1)


def span(low: float | None, high: float | None) -> str:
    return UNKNOWN if low is None or high is None else number_format.percent_interval(low, high)


def rate_text(value: float | None, low: float | None, high: float | None) -> str:
    """A share in percent with its interval, as `64.6 (57.2–71.0)`."""
    if value is None or low is None or high is None:
        return UNKNOWN
    return f"{value * 100:.1f} ({number_format.percent_interval(low, high)})"
