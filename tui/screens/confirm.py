"""A question before something is thrown away."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from tui.text import visible


class ConfirmScreen(ModalScreen[bool]):
    """Asks; True only when the person says yes. Escape, and Enter at once, leave things as they are."""

    CSS_PATH = "dialog.tcss"
    DEFAULT_CSS = """
    ConfirmScreen {
        & Horizontal { height: auto; margin-top: 1; }
        & Button { margin-right: 2; min-width: 12; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
        Binding("left,right", "app.focus_next", "Other button", show=False),
    ]

    def __init__(self, question: str, text: str, yes: str, no: str) -> None:
        super().__init__()
        self._question = question
        self._text = text
        self._yes = yes
        self._no = no

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(
                Content.assemble((visible(self._question), "bold"), "\n\n", visible(self._text, lines=True)),
                markup=False,
            )
            with Horizontal():
                # Focused first, so that Enter alone throws nothing away.
                yield Button(Content(f"{self._no} (n)"), id="no", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
