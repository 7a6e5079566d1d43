"""What screens, dialogs and widgets see of the app, so that none of them imports it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.app import App

if TYPE_CHECKING:
    from core.api import Commands, Snapshot, Workspace, WorkspacePaths

T = TypeVar("T")


class Host(Protocol):
    """One workspace: its last snapshot, queries to it, and requests to its supervisor."""

    workspace: WorkspacePaths
    snapshot: Snapshot | None
    """What the poller saw last; None until its first look."""
    trouble: str | None
    """Why the workspace cannot be read now; None when it can."""
    stopping: threading.Event
    """Set when the app closes, for threads that wait."""

    def now(self) -> float:
        """The time in Unix seconds, against which elapsed times are shown."""

    def read(self, key: str, query: Callable[[Workspace], T], receive: Callable[[T], None]) -> None:
        """Run `query` on the poller's thread and give its value to `receive` on this one.

        Of one key only the newest query is answered; an error is shown as a message.
        """

    def act(self, label: str, request: Callable[[Commands], int]) -> None:
        """Write an intent for the supervisor, and show how it went once it is done.

        `request` returns the intent's id; it runs in a thread of its own. Where nothing may be written a
        message says so.
        """

    def start(self, label: str, targets: Sequence[str]) -> None:
        """Start the targets, all jobs for none; confirmed first if a teacher would be paid."""

    def show_message(self, text: str, *, title: str = "", error: bool = False) -> None:
        """Show a message over the screen for some seconds; the text may come from outside."""

    def copy(self, text: str) -> None:
        """Put a text on the clipboard, and show what is known of how that went."""


if TYPE_CHECKING:

    class HostApp(App[None], Host):
        """A Textual app that hosts a workspace: the type of `self.app`."""

else:
    # A protocol's metaclass does not go with an app's.
    HostApp = App
