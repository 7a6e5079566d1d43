"""A dialog that shows the progress of a command that writes files, and opens what it has written."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.dialogs.dialog import Dialog
from tui.format.text import visible
from tui.runtime import opener

if TYPE_CHECKING:
    from pathlib import Path

    from tui.navigation.file_command import FileCommand

_TICK_S = 0.5


class CommandScreen(Dialog[None]):
    """Shows a command while it runs, and its outcome. Closing it does not stop the command."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Close", id="command.close", tooltip="Close; the command continues"),
        Binding("enter", "open", "Open", id="command.open", tooltip="Open what was written"),
        Binding("o", "open_folder", "Go to", id="command.folder", tooltip="Open its folder"),
        Binding("y", "copy", "Copy", id="command.copy", tooltip="Copy the path"),
    ]

    def __init__(self, command: FileCommand) -> None:
        super().__init__()
        self._command = command
        self._seconds = 0.0
        self._outcome: Content | None = None
        self._is_written = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = Content(self._command.title)
            with VerticalScroll() as scroll:
                scroll.styles.height = "auto"
                scroll.can_focus = False
                yield Static(id="outcome", markup=False)
            yield Static(classes="keys", markup=False)

    def on_mount(self) -> None:
        self._draw()
        self.set_interval(_TICK_S, self._tick)

    def finish(self, text: str, *, is_written: bool) -> None:
        """Show how the command ended, in its own words."""
        self._outcome = Content.styled(visible(text, lines=True), "" if is_written else "$text-error")
        self._is_written = is_written
        self._draw()

    def action_open(self) -> None:
        self._open(self._command.opens)

    def action_open_folder(self) -> None:
        self._open(self._command.folder)

    def action_copy(self) -> None:
        self.app.copy(str(self._command.opens))

    def _open(self, path: Path) -> None:
        if not self._is_written:
            self.app.show_message("nothing is written yet" if self._outcome is None else "nothing is written")
        elif not self._can_open or not opener.open_path(path):
            copy = self.app.key_name("command.copy", "y")
            self.app.show_message(f"there is no display to open it on: {copy} copies the path")

    @property
    def _can_open(self) -> bool:
        # In a browser the user sits at another machine, perhaps.
        return not self.app.is_web and opener.program() is not None

    def _tick(self) -> None:
        if self._outcome is None:
            self._seconds += _TICK_S
            self._draw()

    def _draw(self) -> None:
        name = self.app.key_name
        keys = f"{name('command.close', 'esc')} closes"
        if self._outcome is None:
            where = visible(str(self._command.folder))
            text = Content.assemble(f"Writing to {where}\n", (f"{self._seconds:.0f} s", "$text-muted"))
            keys = f"{keys}; it continues in the background"
        else:
            text = self._outcome
            if self._is_written:
                open_, folder = name("command.open", "enter"), name("command.folder", "o")
                opens = f"{open_} opens · {folder} opens the folder · " if self._can_open else ""
                keys = f"{opens}{name('command.copy', 'y')} copies the path · {keys}"
        self.query_one("#outcome", Static).update(text)
        self.query_one(".keys", Static).update(Content(keys))
