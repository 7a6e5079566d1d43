"""What the command about pairs prints for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from core.api import Pair
from tui.cli.output.tables import print_fields, print_line
from tui.format.values import UNKNOWN
from tui.navigation.pair_filter import same_answers


def print_pairs(console: Console, a: str, b: str, pairs: Sequence[Pair], limit: int | None) -> None:
    """The first `limit` pairs with their verdicts; all for None."""
    if not pairs:
        print_line(console, "There are no test dialogues yet: `empathy-tui import FILE`.")
        return
    same, answered = same_answers(pairs)
    print_fields(console, ("a", a), ("b", b), ("same answer", f"{same} of {answered} dialogues"))
    console.print()
    shown = pairs[:limit]
    for pair in shown:
        print_line(console, f"{pair.dialog_id}  {pair.emotion}", "bold")
        print_fields(
            console,
            ("situation", pair.situation),
            ("utterance", pair.utterance),
            ("a", UNKNOWN if pair.response_a is None else pair.response_a),
            ("b", UNKNOWN if pair.response_b is None else pair.response_b),
        )
        for verdict in pair.verdicts:
            parts = "".join(f", {name} {winner}" for name, winner in verdict.dimensions.items())
            text = f"{verdict.winner}{parts}, in the order {verdict.order} ({verdict.raw})"
            print_fields(console, (f"judge {verdict.judge}", text))
        if not pair.verdicts:
            print_fields(console, ("verdicts", "none"))
        console.print()
    if len(shown) < len(pairs):
        print_line(console, f"{len(shown)} of {len(pairs)} test dialogues; --limit 0 shows all", "dim")
