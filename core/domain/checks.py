"""The results of diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckOutcome = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """The result of a check."""

    name: str
    """What was checked, such as `python`."""
    outcome: CheckOutcome
    """How it ended."""
    found: str
    """What was found, for people."""
    remedy: str | None = None
    """What to do about it; None if the outcome is ok."""
