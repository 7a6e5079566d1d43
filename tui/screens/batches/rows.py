"""Submissions as table rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.text import Text
from textual.app import App

from tui.components.listing import ListEntry
from tui.components.table_cells import Column
from tui.components.theme import shade
from tui.format import submissions
from tui.format import values as formats
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import BatchEvent, Submission

#: A submission, its events, and the current time if its row depends on it.
BatchRow = tuple["Submission", "tuple[BatchEvent, ...]", "float | None"]

#: The columns of tokens are shown from these widths on.
WIDE = 110


def columns(width: int) -> list[Column]:
    """The columns that fit into `width` cells; the name gets the remaining width."""
    fixed = [
        Column("state", "state", 13),
        Column("progress", "done/failed/all", 15, "right"),
        Column("age", "age", 7, "right"),
        Column("eta", "ETA", 7, "right"),
        *([Column("tokens", "tokens in + out", 20, "right")] if width >= WIDE else []),
        Column("cost", "cost", 8, "right"),
    ]
    name = max(12, width - sum(column.width + 2 for column in fixed) - 3)
    return [fixed[0], Column("name", "for", name), *fixed[1:]]


def entry(app: App[Any], shown: Sequence[Column], what: BatchRow) -> ListEntry:
    """A submission's row in the columns that are shown."""
    one, moments, now = what
    muted, look = shade(app, "text-muted"), submissions.look(one)
    widths = {column.key: column.width for column in shown}
    eta = None if one.collected else submissions.eta_s(one, moments)
    age = submissions.age_s(one, now or 0.0)
    cells = {
        "state": Text(visible(f"{look.glyph} {look.word}"), shade(app, look.colour)),
        "name": Text(formats.shorten(visible(one.job_name), widths["name"])),
        "progress": Text(submissions.progress(one), muted),
        "age": Text(formats.duration(age), muted),
        "eta": Text("" if one.collected else formats.duration(eta), muted),
        "tokens": Text(submissions.tokens(one), muted),
        "cost": Text(submissions.cost(one)),
    }
    tokens = None if one.input_tokens is None else float(one.input_tokens + (one.output_tokens or 0))
    return ListEntry(
        [cells[key] for key in widths],
        f"{look.word} {one.job_name} {one.model} {submissions.name(one)}",
        {
            "state": look.word,
            "name": one.job_name,
            "progress": float(one.requests),
            "age": age,
            "eta": eta,
            "tokens": tokens,
            "cost": one.usd if one.answered else one.estimated_usd,
        },
    )
