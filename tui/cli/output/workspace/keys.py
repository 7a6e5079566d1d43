"""What the command about keys prints for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from tui.cli.output.tables import cell, make_table

if TYPE_CHECKING:
    from tui.app.config.keymap import KeyLine


def print_keys(console: Console, lines: Sequence[KeyLine]) -> None:
    """The ids of actions, their keys as in config.toml, and what they do."""
    table = make_table("id", "keys", "action", left=3)
    for line in lines:
        table.add_row(cell(line.id), cell(line.keys, "bold"), cell(line.what))
    console.print(table)
