"""A column of widgets that says when its width has changed, which its content depends on."""

from __future__ import annotations

from textual.containers import Vertical
from textual.events import Resize
from textual.message import Message


class MeasuredColumn(Vertical):
    """A column whose content is drawn for its width, which is known only after a layout."""

    class Widened(Message):
        """The width of the column has changed."""

    _known = 0

    def on_resize(self, event: Resize) -> None:
        if event.size.width != self._known:
            self._known = event.size.width
            self.post_message(self.Widened())
