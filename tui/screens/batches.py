"""Batches: what was sent to a teacher's or judge's batch API."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Static

from tui.screens.base import RoomScreen


class BatchesScreen(RoomScreen):
    """Says that there are none, and why."""

    ROOM = "batches"
    ABOUT = "Requests that were handed to an API in batches, and what came back."
    DEFAULT_CSS = """
    BatchesScreen #none { padding: 1 2; }
    """

    def body(self) -> ComposeResult:
        yield Static(
            Content.assemble(
                ("There are no batches.\n\n", "bold"),
                (
                    "A batch is a file of requests to a paid API. Nothing in this pipeline asks one: direct\n"
                    "distillation uses the responses that are in the data, students answer on this machine,\n"
                    "and the embedded judge needs no API.",
                    "$text-muted",
                ),
            ),
            id="none",
            markup=False,
        )
