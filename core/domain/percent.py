"""Shares in percent, spelled in one way on screens, in commands, reports, cards and logs."""

from __future__ import annotations


def percent(share: float, digits: int = 0) -> str:
    """A share from 0 to 1 as `57 %`."""
    return f"{share * 100:.{digits}f} %"
