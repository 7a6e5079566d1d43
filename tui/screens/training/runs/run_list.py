"""The list of runs beside the charts."""

from __future__ import annotations

from textual.events import Resize
from textual.message import Message

from tui.components.listing import Listing
from tui.screens.training.runs.run_rows import RunRow


class RunList(Listing[RunRow]):
    """Its columns depend on its width, which it has only while it is on the screen."""

    class Resized(Message):
        """The list has another width, or is on the screen again."""

    def on_resize(self, event: Resize) -> None:
        self.post_message(self.Resized())
