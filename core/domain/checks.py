"""The results of diagnostics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

CheckOutcome = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """The result of a check: what was found, and the remedy unless it is ok."""

    name: str
    outcome: CheckOutcome
    found: str
    remedy: str | None = None
