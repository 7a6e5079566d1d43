"""What the doctor prints for people."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from core.api import Check
from tui.format.text import visible

_OUTCOMES = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red")}


def print_check(console: Console, check: Check) -> None:
    """One check on one line, with its remedy."""
    glyph, style = _OUTCOMES[check.outcome]
    line = Text.assemble(
        (f"{glyph} {check.outcome:<4} ", style),
        (f"{visible(check.name)}: ", "bold"),
        visible(check.found),
        (f"  → {visible(check.remedy)}" if check.remedy else "", style),
    )
    console.print(line)
