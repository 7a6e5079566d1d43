"""What the commands about prompts print for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import Prompt
from tui.cli.output.tables import cell, make_table, print_line


def print_prompts(console: Console, prompts: Sequence[Prompt]) -> None:
    """Every template, then what is wrong with those that cannot be used."""
    table = make_table("prompt", "purpose", "fields", "from", left=4)
    for prompt in prompts:
        place = "prompts/" if prompt.overridden else "built in"
        table.add_row(*map(cell, (prompt.name, prompt.purpose, " ".join(prompt.fields), place)))
    console.print(table)
    for prompt in prompts:
        if prompt.error is not None:
            print_line(console, prompt.error, "red")
