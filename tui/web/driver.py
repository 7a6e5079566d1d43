"""How the app of a browser tab draws: into the pipe of the server."""

from __future__ import annotations

from textual.drivers.web_driver import WebDriver
from textual.events import AppFocus


class ServedDriver(WebDriver):
    """Takes a tab that was just opened for one that has the keys."""

    def start_application_mode(self) -> None:
        super().start_application_mode()
        # Textual begins without, and so without a footer; that the browser says otherwise may come too early.
        self._app.call_later(self._app.post_message, AppFocus())
