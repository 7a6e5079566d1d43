"""A confirmation before something is deleted or paid."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static
from textual.widgets.button import ButtonVariant

from tui.dialogs.dialog import Dialog
from tui.format.text import visible


class ConfirmScreen(Dialog[bool]):
    """Returns True only if the user confirms. Escape, and Enter without a choice, decline.

    `body` is shown unchanged: untrusted text in it must have passed `visible`.
    """

    DEFAULT_CSS = """
    ConfirmScreen {
        & VerticalScroll { height: auto; max-height: 15; margin-top: 1; }
        & Horizontal { height: auto; margin-top: 1; }
        & Button { margin-right: 2; min-width: 12; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
        Binding("left,right", "app.focus_next", "Other button", show=False),
    ]

    def __init__(
        self, question: str, body: Content, yes: str, no: str, variant: ButtonVariant = "error"
    ) -> None:
        super().__init__()
        self._question = question
        self._body = body
        self._yes = yes
        self._no = no
        self._variant = variant

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(visible(self._question), "bold"), markup=False)
            with VerticalScroll():
                yield Static(self._body, markup=False)
            with Horizontal():
                # Focused first, so that Enter alone deletes nothing.
                yield Button(Content(f"{self._no} (n)"), id="no", compact=True)
                yield Button(Content(f"{self._yes} (y)"), id="yes", variant=self._variant, compact=True)

    def on_mount(self) -> None:
        self.query_one("#no").focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)
