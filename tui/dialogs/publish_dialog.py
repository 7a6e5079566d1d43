"""The dialog that asks where and how a run is published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from tui.dialogs.dialog import Dialog
from tui.format.text import visible

#: Option of `empathy-tui publish` → what it does.
_OPTIONS = {
    "merge": "merge the adapter into the student: a whole model",
    "ollama": "a Modelfile too, by which Ollama imports it",
    "gguf": "a GGUF file too, by llama.cpp's converter",
}


@dataclass(frozen=True)
class PublishChoice:
    """The folder as it was typed, and the options of the command."""

    folder: str
    options: tuple[str, ...]


class _Option(Static, can_focus=True):
    """An option, on or off: space and a click switch it, Enter is the dialog's."""

    DEFAULT_CSS = "_Option:focus { background: $accent 35%; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "switch", show=False),
        Binding("enter", "screen.publish", show=False),
    ]

    def __init__(self, option: str) -> None:
        super().__init__(id=option)
        self._option = option
        self.is_on = False

    def on_mount(self) -> None:
        self._draw()

    def on_click(self) -> None:
        self.action_switch()

    def action_switch(self) -> None:
        self.is_on = not self.is_on
        self._draw()

    def _draw(self) -> None:
        state = ("● on   ", "$text-success") if self.is_on else ("○ off  ", "$text-muted")
        about = (_OPTIONS[self._option], "$text-muted")
        self.update(Content.assemble(state, f"{self._option:8}", about))


class PublishScreen(Dialog[PublishChoice | None]):
    """Returns the choice, or None."""

    DEFAULT_CSS = """
    PublishScreen {
        & Input { margin: 1 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", "Back", id="publish.back"),
        Binding("down", "app.focus_next", "Next", show=False),
        Binding("up", "app.focus_previous", "Previous", show=False),
    ]

    def __init__(self, name: str, folder: str) -> None:
        super().__init__()
        self._run = name
        self._folder = folder

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content("Publish")
            yield Static(
                Content.assemble(
                    (visible(self._run), "bold"),
                    "\nas a folder for the Hugging Face Hub; nothing is uploaded",
                )
            )
            yield Input(self._folder)
            for option in _OPTIONS:
                yield _Option(option)
            close = self.app.key_name("publish.back", "esc")
            yield Static(
                Content(f"enter publishes · tab to the options, space switches one · {close} closes"),
                classes="keys",
            )

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_publish()

    def action_publish(self) -> None:
        folder = self.query_one(Input).value.strip()
        if not folder:
            self.query_one(".keys", Static).update(Content.styled("name a folder", "$text-warning"))
            return
        chosen = tuple(f"--{option.id}" for option in self.query(_Option) if option.is_on)
        self.dismiss(PublishChoice(folder, chosen))

    def action_give_up(self) -> None:
        self.dismiss(None)
