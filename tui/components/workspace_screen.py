"""What every screen's screen has: the line of screens, the workspace's line, its own body, the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from tui.components.keys_line import KeysLine
from tui.components.masthead import Masthead
from tui.format.job_states import WATCHED
from tui.navigation.messages import OpenScreen

if TYPE_CHECKING:
    from textual import getters

    from core.api import Snapshot
    from tui.navigation.host import HostApp


#: Seconds after which what a first frame can do without is begun: the thread that writes the frame to the
#: terminal shares one interpreter with it.
AFTER_FRAME_S = 0.03


class WorkspaceScreen(Screen[None]):
    """A screen that shows a snapshot.

    A screen yields its widgets from `body`, and changes only what differs in `show`.
    """

    #: The mode that this screen is, for the line of screens.
    MODE: ClassVar[str] = ""
    #: Shown by help, above the keys: what this screen is for.
    ABOUT: ClassVar[str] = ""
    #: Actions that change the workspace.
    WRITES: ClassVar[frozenset[str]] = frozenset()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="screen.back", show=False, tooltip="Step back; never quits"),
    ]

    if TYPE_CHECKING:
        # Textual finds the app; this says which one it is.
        app = getters.app(HostApp)

    def compose(self) -> ComposeResult:
        yield Masthead(self.MODE)
        yield from self.body()
        yield KeysLine()

    def unavailable(self, action: str) -> str | None:
        """Why one of this screen's actions cannot be done now, or None when it can; named as in BINDINGS."""
        if action in self.WRITES and self.app.workspace.read_only:
            return WATCHED
        return None

    def can(self, action: str) -> bool:
        """Whether an action can be done now; else say why not."""
        reason = self.unavailable(action)
        if reason is not None:
            self.app.show_message(reason)
        return reason is None

    def key_of(self, binding: str) -> str:
        """How the key of a live binding is shown, by the binding's id; empty when it is not live."""
        for active in self.active_bindings.values():
            if active.binding.id == binding:
                return self.app.get_key_display(active.binding)
        return ""

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def show(self, snapshot: Snapshot) -> None:
        """Show a new snapshot; called on the UI thread, also when the screen becomes active."""

    def receive(self, snapshot: Snapshot | None, trouble: str | None) -> None:
        """Bring the whole screen up to a snapshot, or to why there is none."""
        if not self.is_mounted:
            return
        self.query_one(Masthead).show(snapshot, trouble)
        if snapshot is not None:
            self.show(snapshot)

    def on_screen_resume(self) -> None:
        # After the refresh, because a screen that is opened for the first time is mounting now.
        self.call_after_refresh(self._catch_up)

    def _catch_up(self) -> None:
        self.receive(self.app.snapshot, self.app.trouble)

    def action_back(self) -> None:
        """Take a list's filter away, if there is one; else step back."""
        from tui.components.listing import Listing

        if not any(listing.back() for listing in self.query(Listing)):
            self.step_back()

    def step_back(self) -> None:
        """Go from a detail to the whole, and from there home; screens with details override this."""
        self.app.post_message(OpenScreen("home"))
