"""The dialog that shows what a judge says of two answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tui.components.reading_area import ReadingArea
from tui.dialogs.dialog import Dialog
from tui.format import playground as words
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import PlaygroundOpinion


class OpinionDialog(Dialog[None]):
    """Shows the better answer, and the judge's words in each order."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q", "dismiss", "Close", key_display="esc", id="opinion.close"),
    ]

    def __init__(self, opinion: PlaygroundOpinion, *, is_later_turn: bool) -> None:
        super().__init__()
        self._opinion, self._is_later_turn = opinion, is_later_turn

    def compose(self) -> ComposeResult:
        with ReadingArea(classes="dialog") as dialog:
            dialog.border_title = Content(f"Judge {visible(self._opinion.judge)}")
            first, *rest = words.opinion(self._opinion)
            yield Static(Content.styled(first, "bold"), markup=False)
            yield Static(Content("\n".join(["", *rest])), markup=False)
            if self._is_later_turn:
                said = "\nIt was shown the situation and the last utterance, not the turns before."
                yield Static(Content.styled(said, "$text-muted"), markup=False)
            yield Static(Content(f"{self.app.key_name('opinion.close', 'esc')} closes"), classes="keys")
