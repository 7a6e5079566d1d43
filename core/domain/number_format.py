"""Shares, intervals and p-values, written in one way on screens, in commands, reports, cards and logs."""

from __future__ import annotations


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 as `57 %`."""
    return f"{share * 100:.{digits}f} %"


def percent_interval(low: float, high: float) -> str:
    """An interval of shares from 0 to 1 in percent, as `42.0–89.0`."""
    return f"{low * 100:.1f}–{high * 100:.1f}"


def difference_interval(low: float, high: float) -> str:
    """An interval of a difference of shares in percentage points, as `-3.0 to +5.1`."""
    return f"{low * 100:+z.1f} to {high * 100:+z.1f}"


def p_value(p: float) -> str:
    """A p-value as `0.043` or `< 0.001`."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
