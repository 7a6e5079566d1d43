"""A dialog that asks for one line of text."""

from __future__ import annotations

from collections.abc import Callable
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

    def __init__(
        self,
        title: str,
        text: str,
        *,
        adds: bool = False,
        problem: str = "",
        problem_of: Callable[[str], str | None] | None = None,
    ) -> None:
        """With `adds`, what is typed is added to the text; else it replaces it. `problem` is why the text was
        not taken before, `problem_of` why one cannot be taken: the dialog stays open until it can."""
        super().__init__()
        self._adds = adds
        self._title = title
        self._text = text
        self._problem = problem
        self._problem_of = problem_of

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(Content.styled(visible(self._title), "bold"), markup=False)
            yield Input(self._text, select_on_focus=not self._adds)
            yield Static(id="problem", markup=False)
            yield Static(
                Content(f"enter confirms · {self.app.key_name('ask_text.back', 'esc')} closes"),
                classes="keys",
            )

    def on_mount(self) -> None:
        self._show_problem()
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._problem = (self._problem_of and self._problem_of(event.value)) or ""
        if self._problem:
            self._show_problem()
        else:
            self.dismiss(event.value)

    def _show_problem(self) -> None:
        shown = self.query_one("#problem", Static)
        shown.display = bool(self._problem)
        shown.update(Content.styled(visible(self._problem, lines=True), "$text-error"))

    def action_give_up(self) -> None:
        self.dismiss(None)
