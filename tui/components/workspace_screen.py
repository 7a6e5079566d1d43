"""The base of all screens: tabs, the workspace's line, the screen's body, and the line of keys."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.events import ScreenResume
from textual.screen import Screen

from tui.components.keys_line import KeysLine
from tui.components.masthead import Masthead
from tui.components.theme import Coloured
from tui.navigation.bindings import APP_ACTIONS, APP_WRITES, READ_ONLY
from tui.navigation.messages import OpenScreen

if TYPE_CHECKING:
    from textual import getters

    from core.api import Snapshot
    from tui.navigation.host import ConfigPlace, HostApp


#: Delay in seconds of work that the first frame does not need: the thread that writes the frame to the
#: terminal competes with it for the interpreter.
AFTER_FRAME_S = 0.03


#: The app's action that starts all jobs, as screens bind it.
START_ALL = "app.start_all"


class WorkspaceScreen(Screen[None]):
    """A screen that shows snapshots of the workspace.

    A screen yields its widgets from `body`, and changes only what differs in `show`.
    """

    #: The screen's mode, for the line of tabs.
    MODE: ClassVar[str] = ""
    #: The purpose of the screen, shown by help above the keys.
    ABOUT: ClassVar[str] = ""
    #: Actions that change the workspace.
    WRITES: ClassVar[frozenset[str]] = frozenset()
    #: Actions that do something even while the screen is empty.
    WHEN_EMPTY: ClassVar[frozenset[str]] = frozenset()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "escape", "back", "Back", id="screen.back", show=False, tooltip="Go back one step; never quits"
        ),
    ]

    if TYPE_CHECKING:
        # Narrows the type of Textual's property.
        app = getters.app(HostApp)

    def __init__(self) -> None:
        super().__init__()
        #: Whether jobs would start if all were started.
        self._starts_jobs = False
        self._has_nothing = False
        #: Whether the theme has changed since this screen was last shown.
        self._has_old_colours = False

    def compose(self) -> ComposeResult:
        yield Masthead(self.MODE)
        yield from self.body()
        yield KeysLine(self.is_offered)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._recolour)

    def _recolour(self, theme: object) -> None:
        # A theme of nine open screens would block the app for a moment.
        if self in self.app.screen_stack:
            self._take_colours()
        else:
            self._has_old_colours = True

    def _take_colours(self) -> None:
        """Give the colours of the theme to everything."""
        self._has_old_colours = False
        self.update_node_styles(animate=False)
        for widget in self.walk_children():
            if isinstance(widget, Coloured):
                widget.recolour()

    def unavailable(self, action: str) -> str | None:
        """Why an action, named as in BINDINGS, is unavailable now; None if it is available."""
        if action in self.WRITES and self.app.workspace.read_only:
            return READ_ONLY
        return None

    @property
    def has_nothing(self) -> bool:
        """Whether it is known that the screen has nothing to show; few keys do anything then."""
        return self._has_nothing

    def set_has_nothing(self, has_nothing: bool) -> None:
        """Record whether the screen has nothing to show, for the line of keys."""
        if has_nothing != self._has_nothing:
            self._has_nothing = has_nothing
            self.refresh_bindings()

    def is_offered(self, action: str) -> bool:
        """Whether the line of keys shows an action now; a key that is not shown still says why it does not
        apply."""
        if self.app.workspace.read_only and action in self.WRITES | APP_WRITES:
            return False
        if self.has_nothing and action not in APP_ACTIONS | self.WHEN_EMPTY:
            return False
        return action != START_ALL or self._starts_jobs

    def can(self, action: str) -> bool:
        """Whether an action is available now; shows the reason if it is not."""
        reason = self.unavailable(action)
        if reason is not None:
            self.app.show_message(reason)
        return reason is None

    def config_place(self) -> ConfigPlace | None:
        """The option of config.toml that the cursor is on, for the editor; None if there is none."""
        return None

    def key_of(self, binding: str) -> str:
        """The display name of the key of a binding by its id; empty if the binding is not active."""
        return self.keys_of([binding])[binding]

    def keys_of(self, bindings: Collection[str]) -> dict[str, str]:
        """The display names of the keys of bindings by their ids; empty for one that is not active."""
        active = {one.binding.id: one.binding for one in self.active_bindings.values()}
        return {name: self.app.get_key_display(active[name]) if name in active else "" for name in bindings}

    def body(self) -> ComposeResult:
        """The screen's own widgets."""
        yield from ()

    def show(self, snapshot: Snapshot) -> None:
        """Show a new snapshot; called on the UI thread, also when the screen becomes active."""

    def receive(self, snapshot: Snapshot | None, trouble: str | None) -> None:
        """Update the whole screen from a snapshot, or from the error that prevents reading one."""
        if not self.is_mounted:
            return
        self.query_one(Masthead).show(snapshot, trouble)
        if snapshot is not None:
            self._offer_start(snapshot)
            self.show(snapshot)

    def _offer_start(self, snapshot: Snapshot) -> None:
        # The rules about jobs are not needed for the first frame.
        from core.api import start_all_problem

        starts = start_all_problem(snapshot) is None
        if starts != self._starts_jobs:
            self._starts_jobs = starts
            self.refresh_bindings()

    @on(ScreenResume)
    def _keep_styles(self, event: ScreenResume) -> None:
        # Nothing but a new theme changes the styles of a screen in the back.
        event.refresh_styles = False
        if self._has_old_colours:
            self._take_colours()

    def on_screen_resume(self) -> None:
        # After the refresh, because a screen that opens for the first time is still mounting.
        self.call_after_refresh(self._catch_up)

    def _catch_up(self) -> None:
        self.receive(self.app.snapshot, self.app.trouble)

    def action_back(self) -> None:
        """Clear a list's filter, if there is one; else go back."""
        from tui.components.listing import Listing

        if not any(listing.back() for listing in self.query(Listing)):
            self.step_back()

    def step_back(self) -> None:
        """Go from a detail to its list, and from there home; screens with details override this."""
        self.app.post_message(OpenScreen("home"))
