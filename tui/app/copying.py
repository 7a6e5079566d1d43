"""Copies a text to the clipboard of the user's terminal, and shows the outcome."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tui.runtime.terminal import clipboard

if TYPE_CHECKING:
    from tui.navigation.host import HostApp


def copy(app: HostApp, text: str) -> None:
    """Copy a text by OSC 52, or in tmux through tmux, which takes a thread."""
    app.copy_to_clipboard(text)
    if clipboard.is_in_tmux():
        work = partial(_copy_in_tmux, app, text)
        app.run_worker(work, name="Copy", group="act", thread=True, exit_on_error=False)
    else:
        app.show_message(clipboard.outcome(text, by_tmux=False))


def _copy_in_tmux(app: HostApp, text: str) -> None:
    outcome = clipboard.outcome(text, by_tmux=clipboard.put_in_tmux(text))
    app.call_later(app.show_message, outcome)
