"""A dialog that asks for one line of text."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.dialogs.dialog import Dialog
from tui.format.text import visible


class AskTextScreen(Dialog[str | None]):
    """Returns the typed text, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "give_up", "Back", id="ask_text.back")]

    def __init__(self, title: str, text: str, *, adds: bool = False, problem: str = "") -> None:
        """With `adds`, what is typed is added to the text; else it replaces it. `problem` is why the text was
        not taken before."""
        super().__init__()
        self._adds = adds
        self._title = title
        self._text = text
        self._problem = problem

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(visible(self._title), "bold"), markup=False)
            yield Input(self._text, select_on_focus=not self._adds)
            if self._problem:
                problem = Content.styled(visible(self._problem, lines=True), "$text-error")
                yield Static(problem, id="problem", markup=False)
            yield Static(Content("enter takes it · esc closes"), classes="keys")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.dismiss(event.value)

    def action_give_up(self) -> None:
        self.dismiss(None)
