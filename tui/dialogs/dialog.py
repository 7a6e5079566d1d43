"""The base of all dialogs: a box in the middle of the dimmed screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import ModalScreen, ScreenResultType

if TYPE_CHECKING:
    from textual import getters

    from tui.navigation.host import HostApp


class Dialog(ModalScreen[ScreenResultType]):
    """Its contents are in a container of the class `dialog`, with a line of the class `keys` at the end."""

    # Not in a file: Textual parses all styles again when a screen with a file of its own first opens.
    DEFAULT_CSS = """
    Dialog {
        align: center middle;

        .dialog {
            width: 76;
            max-width: 96%;
            height: auto;
            max-height: 92%;
            scrollbar-size-vertical: 1;
            padding: 1 2;
            background: $surface;
            border: round $border;
            border-title-color: $foreground;
            border-title-style: bold;

            & Input:focus {
                border: tall $accent;
            }

            /* One line high: a border would leave no room for the text. */
            & Input.-textual-compact:focus {
                border: none;
                background: $boost;
            }

            & .keys {
                margin-top: 1;
                color: $text-muted;
                height: auto;
            }
        }
    }
    """

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def on_mount(self) -> None:
        # Messages lie over dialogs too: older ones would hide what is asked.
        self.app.clear_notifications()
        # That of a screen which is not in front any more stays drawn below the dialog.
        for screen in self.app.screen_stack:
            screen.query("ToastHolder").remove()
