"""Shows what it means that config.toml has changed, whoever changed it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from tui.components.workspace_screen import WorkspaceScreen
from tui.format.text import visible

if TYPE_CHECKING:
    from core.api import ConfigChange, Snapshot
    from tui.navigation.host import HostApp

#: The ids of the keys that start all jobs, each of another screen.
_START_KEYS = ("settings.start_all", "home.start_all", "pipeline.start_all", "batches.submit")
#: Seconds for which a change is shown.
_SHOWN_S = 12.0


class ConfigWatch:
    """Compares each valid config.toml with the one before it, in a thread of its own."""

    def __init__(self, app: HostApp) -> None:
        self._app = app
        #: The version of the file that was looked at last, and its text when it was last valid.
        self._version: object = None
        self._text: str | None = None
        self._is_busy = False
        #: Whether the file may have changed since the look that is under way.
        self._is_due = False
        self._asks = False

    def see(self, snapshot: Snapshot) -> None:
        """Look at config.toml if this snapshot is of another version of it, which is valid."""
        if snapshot.config_version == self._version or snapshot.config_error is not None:
            return
        self._version = snapshot.config_version
        if self._text is None:
            self._app.read("config.toml", lambda workspace: workspace.configuration.text(), self._begin)
        else:
            self.look()

    def look(self, *, asks: bool = False) -> None:
        """Look at config.toml now; with `asks`, ask whether to keep a change, because the user has just made
        it in an editor."""
        if self._text is None:
            return
        self._asks |= asks
        if self._is_busy:
            self._is_due = True
            return
        self._is_busy = True
        self._app.run_worker(
            partial(self._compare, self._text), name="Config", thread=True, exit_on_error=False
        )

    def _begin(self, text: str) -> None:
        self._text = text

    def _compare(self, before: str) -> None:
        from core.api import UserError, open_workspace

        text, change = before, None
        try:
            with open_workspace(self._app.workspace) as workspace:
                now = workspace.configuration.text()
                if now != before:
                    change = workspace.configuration.change(before, now)
                    text = now
        except UserError as error:
            # Every screen shows the error; the effect of the file is shown once it is fixed.
            self._app.log.info(str(error))
        finally:
            self._app.call_later(self._compared, before, text, change)

    def _compared(self, before: str, text: str, change: ConfigChange | None) -> None:
        self._is_busy, self._text = False, text
        asks, self._asks = self._asks, False
        if self._is_due:
            self._is_due = False
            self.look()
        if change is None or not change.settings:
            return
        if asks:
            self._ask(before, text, change)
            return
        from tui.format import config_changes

        starts = change.to_run and not self._app.workspace.read_only
        what_next = f". {self._start_key()} starts them" if starts else ""
        self._app.notify(
            f"{visible(config_changes.in_one_line(change))}{what_next}",
            title="config.toml has changed",
            timeout=_SHOWN_S,
            markup=False,
        )

    def _start_key(self) -> str:
        """The key that starts all jobs, and where it does if that is not the open screen."""
        # Below a dialog.
        screen = next((one for one in self._app.screen_stack if isinstance(one, WorkspaceScreen)), None)
        keys = {} if screen is None else screen.keys_of(_START_KEYS)
        elsewhere = f"{self._app.key_name('home.start_all', 'S')} on home"
        return next(filter(None, keys.values()), elsewhere)

    def _ask(self, before: str, text: str, change: ConfigChange) -> None:
        from tui.dialogs.confirm import ConfirmScreen
        from tui.format import config_changes

        lines = [config_changes.setting(one) for one in change.settings]
        body = Content("\n".join((*lines, "", config_changes.summary(change), "Nothing has started.")))
        screen = ConfirmScreen("config.toml has changed", body, "Undo the change", "Keep it", "warning")
        self._app.push_screen(screen, lambda undo: self._undo(before, text) if undo else None)

    def _undo(self, before: str, text: str) -> None:
        self._app.save_config(text, before)
