"""The app's interface to screens, dialogs and widgets, so that none of them imports the app."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from textual.app import App

if TYPE_CHECKING:
    from core.api import Commands, Snapshot, Workspace, WorkspacePaths
    from tui.navigation.file_command import FileCommand

T = TypeVar("T")

#: An option or a table of config.toml, and the item of its list that is meant, if any.
ConfigPlace = tuple[str, "str | None"]


class Host(Protocol):
    """One workspace: its last snapshot, queries to it, and requests to its supervisor."""

    workspace: WorkspacePaths
    snapshot: Snapshot | None
    """The poller's latest snapshot; None before the first."""
    trouble: str | None
    """Why the workspace cannot be read now; None when it can."""
    stopping: threading.Event
    """Set when the app closes; threads that wait check it."""

    def now(self) -> float:
        """The current time in Unix seconds, the reference for elapsed times."""

    def read(self, key: str, query: Callable[[Workspace], T], receive: Callable[[T], None]) -> None:
        """Run `query` on the poller's thread and pass its value to `receive` on this one.

        `key` names in words what is read. Only the newest query of a key is answered; an error is shown as a
        message with this name.
        """

    def act(self, label: str, request: Callable[[Commands], int]) -> None:
        """Write an intent for the supervisor, and show its outcome once it is done.

        `request` returns the intent's id; it runs in a thread of its own. A read-only app shows a message
        instead.
        """

    def start(self, label: str, targets: Sequence[str]) -> None:
        """Start the targets, all jobs for none; asks for confirmation if it costs money."""

    def save_config(self, before: str, after: str) -> None:
        """Replace the text of config.toml, `before`, by `after`, in a thread of its own; show why not if it
        has changed meanwhile, is invalid, or the app is read-only."""

    def run_command(self, command: FileCommand) -> None:
        """Run a command that writes files in a process of its own, and show its progress and outcome."""

    def show_message(self, text: str, *, title: str = "", error: bool = False) -> None:
        """Show a toast for some seconds; the text may be untrusted."""

    def unread(self, key: str) -> str | None:
        """Why what a key of `read` names could not be read; None if it was, or is being read."""

    def show_lack(self, text: str, *, reading: str | None = None) -> None:
        """Show that there is nothing for a key to act on; before the workspace is read, that it is being
        read, or why it cannot be.

        `reading` is the key of `read` of what the key acts on, if that is not read yet.
        """

    def key_name(self, binding: str, usual: str) -> str:
        """The display name of the key of a binding by its id, on whatever screen it is: `usual`, unless
        config.toml's [app.keys] has another.

        Of several keys it is the first that works in a text field too, where others type a character.
        """

    def copy(self, text: str) -> None:
        """Copy a text to the clipboard, and show the outcome."""


if TYPE_CHECKING:

    class HostApp(App[None], Host):
        """A Textual app that hosts a workspace: the type of `self.app`."""

else:
    # The metaclasses of a protocol and an app conflict.
    HostApp = App
