"""The Textual driver of the app in a browser tab, which draws into the server's pipe."""

from __future__ import annotations

from textual.drivers import web_driver
from textual.drivers.web_driver import WebDriver
from textual.events import AppFocus

from tui.runtime.terminal.pastes import PasteParser


class TabDriver(WebDriver):
    """Treats a tab that was just opened as focused, and is safe against what is pasted."""

    def run_input_thread(self) -> None:
        # Textual's method has no other place to set the parser; this process has this driver alone.
        web_driver.XTermParser = PasteParser  # type: ignore[attr-defined]
        super().run_input_thread()

    def start_application_mode(self) -> None:
        super().start_application_mode()
        # Textual starts unfocused, and so without a footer; the browser's focus message may come too early.
        self._app.call_later(self._app.post_message, AppFocus())
