"""The app: screens as modes, one poller, and the interface of both to the screens."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.css.query import NoMatches
from textual.dom import NoScreen
from textual.events import Event, InputEvent, Key, Paste
from textual.filter import LineFilter, Monochrome
from textual.worker import Worker, WorkerState

from tui.app import copying, navigator
from tui.app.config import settings
from tui.app.config.config_watch import ConfigWatch
from tui.app.polling.poller import Poller, ReadAnswered, SnapshotChanged, WorkspaceUnreadable, in_words
from tui.app.polling.supervisor_watch import SupervisorWatch
from tui.app.requests import actions
from tui.app.type_ahead import TypeAhead
from tui.components import theme
from tui.components.workspace_screen import AFTER_FRAME_S, WorkspaceScreen
from tui.format.text import visible
from tui.navigation import bindings
from tui.navigation.host import HostApp
from tui.navigation.messages import (
    CloseBallot,
    Navigation,
    OpenBallot,
    OpenLog,
    OpenScreen,
    OpenWorkspace,
)
from tui.runtime import garbage_collector, hangup, signals, timers
from tui.runtime.terminal.output import terminal_output

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.driver import Driver

    from core.api import AppSettings, Commands, Snapshot, Workspace, WorkspacePaths
    from tui.navigation.file_command import FileCommand

T = TypeVar("T")


def _commands() -> type[Provider]:
    from tui.app.palette import WorkspaceCommands

    return WorkspaceCommands


class EmpathyApp(HostApp):
    """Shows and controls one workspace; jobs run independently of the app."""

    TITLE = "empathy-tui"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = list(bindings.APP)
    COMMANDS = {_commands}  # noqa: RUF012 - a class variable of Textual's

    def __init__(
        self,
        workspace: WorkspacePaths,
        ballot: tuple[str, str, str] | tuple[str, str, str, bool] | None = None,
    ) -> None:
        self.workspace = workspace
        #: Two responders, the voter, and whether pairs are drawn uniformly, if the app was opened only to
        #: vote on them.
        self.ballot = ballot
        self.snapshot: Snapshot | None = None
        # Textual reads it once, during construction.
        self.DEFAULT_MODE = navigator.first_mode(workspace, None)  # type: ignore[misc]
        super().__init__()
        for made in theme.themes(no_color=self.no_color):
            self.register_theme(made)
        # The poller's thread reads and checks the whole file after the first frame.
        shown_first = workspace.appearance()
        # Set before the app runs: a later change of the theme would compute all styles twice.
        self.set_reactive(EmpathyApp.theme, theme.named(shown_first.theme, self.available_themes))
        self.stylesheet.set_variables(self.get_css_variables())
        self._line_filters = settings.line_filters(shown_first.characters, no_color=self.no_color)
        self._settings: AppSettings | None = None
        #: The mode to which the end of a ballot leads back.
        self._voted_from = "pairs"
        #: The workspace to open after this app has closed, if the user chose another one.
        self.next_workspace: WorkspacePaths | None = None
        self.trouble: str | None = None
        #: What could not be read when it was read last → why.
        self._unread: dict[str, str] = {}
        self.stopping = threading.Event()
        self._poller = Poller(workspace, self.post_message)
        self._supervisor_watch = SupervisorWatch(self)
        self.config_watch = ConfigWatch(self)
        self._type_ahead = TypeAhead(self)
        navigator.add_screens(self)

    # The interface to screens: tui.navigation.host.Host.

    def now(self) -> float:
        return time.time()

    def read(self, key: str, query: Callable[[Workspace], T], receive: Callable[[T], None]) -> None:
        self._unread.pop(key, None)
        self._poller.read(key, query, receive)

    def act(self, label: str, request: Callable[[Commands], int]) -> None:
        actions.act(self, label, request)

    def start(self, label: str, targets: Sequence[str]) -> None:
        actions.start(self, label, targets)

    def save_config(self, before: str, after: str) -> None:
        actions.save_config(self, before, after)

    def run_command(self, command: FileCommand) -> None:
        from tui.app.requests import file_commands

        file_commands.run(self, command)

    def show_message(self, text: str, *, title: str = "", error: bool = False) -> None:
        self.notify(
            visible(text, lines=True),
            title=visible(title),
            severity="error" if error else "information",
            timeout=12 if error else 4,
            markup=False,
        )

    def unread(self, key: str) -> str | None:
        return self._unread.get(key)

    def show_lack(self, text: str, *, reading: str | None = None) -> None:
        if self.snapshot is None and self.trouble is not None:
            self.show_message(self.trouble, error=True)
        elif reading is not None and (error := self.unread(reading)) is not None:
            self._show_unread(reading, error)
        elif self.snapshot is None or reading is not None:
            self.show_message("the workspace is being read")
        else:
            self.show_message(text)

    def key_name(self, binding: str, usual: str) -> str:
        if not (assigned := self._keymap.get(binding)):
            return usual
        keys = assigned.split(",")
        works_in_text = (key for key in keys if not bindings.types_character(key))
        return self.get_key_display(Binding(next(works_in_text, keys[0]), ""))

    def copy(self, text: str) -> None:
        copying.copy(self, text)

    # Start and end of the app.

    def get_driver_class(self) -> type[Driver]:
        from textual.drivers.linux_driver import LinuxDriver

        from tui.runtime.terminal.driver import TerminalDriver

        chosen = super().get_driver_class()
        return TerminalDriver if chosen is LinuxDriver else chosen

    def on_mount(self) -> None:
        if not (self.is_headless or self.is_web):
            signals.on_termination(lambda code: self.exit(return_code=code))
            drawn_on = terminal_output()
            hangup.end_with_reader(2 if drawn_on is None else drawn_on.fileno())
        # After `fg` the terminal has lost the drawn content.
        self.app_resume_signal.subscribe(self, lambda _: self.refresh(layout=True))
        # Importing the store's modules competes with painting.
        self.call_after_refresh(timers.call_after, self, AFTER_FRAME_S, self._poller.start)
        if self.ballot is not None:
            navigator.navigate(self, OpenBallot(*self.ballot))

    def on_unmount(self) -> None:
        self.stopping.set()
        self._type_ahead.stop()
        self._poller.stop()

    async def on_event(self, event: Event) -> None:
        if isinstance(event, InputEvent):
            garbage_collector.touch()
        if not isinstance(event, (Key, Paste)) or event.is_forwarded:
            await super().on_event(event)
        elif not self._type_ahead.holds(event):
            target = self.focused or self.screen
            await super().on_event(event)
            self._type_ahead.follow(target)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters; with NO_COLOR no colours at all, while Textual keeps shades of grey."""
        found = super().get_line_filters()
        if self.no_color:
            found = [one for one in found if not isinstance(one, Monochrome)]
        return [*found, *self._line_filters]

    def _handle_exception(self, error: Exception) -> None:
        # A widget that is mounted while the app closes gets no children, one that is removed has no screen.
        if not (self._exit and isinstance(error, NoMatches | NoScreen)):
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """Close and print the traceback, without values, which may be private texts or keys."""
        words = "This is a bug in empathy-tui. Jobs in the background continue without the app."
        self._exit_renderables.append(Text(f"{visible(traceback.format_exc(), lines=True)}\n{words}"))
        self._close_messages_no_wait()

    # Messages of the poller and of workers.

    def on_snapshot_changed(self, message: SnapshotChanged) -> None:
        message.stop()
        # While the app closes, its screens lose their widgets before the last messages arrive.
        if not self.is_running:
            return
        before, self.snapshot, self.trouble = self.snapshot, message.snapshot, None
        self._apply(message.snapshot.app)
        navigator.settle_first_mode(self)
        self._update_screens()
        if before is not None:
            self._announce_changes(before, message.snapshot)
        self._supervisor_watch.see(message.snapshot, message.pending)
        self.config_watch.see(message.snapshot)

    def on_workspace_unreadable(self, message: WorkspaceUnreadable) -> None:
        message.stop()
        if self.is_running:
            self.trouble = message.error
            self._update_screens()

    def on_read_answered(self, message: ReadAnswered) -> None:
        message.stop()
        if not self.is_running or not self._poller.is_newest(message.request):
            return
        if message.error is None:
            message.request.receive(message.value)
        else:
            self._unread[message.request.key] = message.error
            self._show_unread(message.request.key, message.error)

    def _show_unread(self, key: str, error: str) -> None:
        self.show_message(error, title=f"Cannot read: {key}", error=True)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Show the error of any worker that failed."""
        if event.state is WorkerState.ERROR:
            self.show_message(in_words(event.worker.error), title=event.worker.name, error=True)

    def _apply(self, wanted: AppSettings | None) -> None:
        """Apply config.toml's [app] when it has changed."""
        if wanted is None or wanted == self._settings:
            return
        before, self._settings = self._settings, wanted
        settings.apply(self, before, wanted)
        if before is not None and wanted.characters != before.characters:
            self._line_filters = settings.line_filters(wanted.characters, no_color=self.no_color)
            self.refresh_css(animate=False)

    def _announce_changes(self, before: Snapshot, after: Snapshot) -> None:
        from tui.app.polling import notifications

        how = "toast" if self._settings is None else self._settings.notify
        notifications.announce(self, notifications.news(before, after), how)

    def _update_screens(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, WorkspaceScreen):
                screen.receive(self.snapshot, self.trouble)

    # Handlers of messages and keys.

    @on(Navigation)
    def _navigate(self, message: Navigation) -> None:
        if isinstance(message, OpenWorkspace):
            # The right to write is not to be had by opening another workspace.
            read_only = message.workspace.read_only or self.workspace.read_only
            self.next_workspace = replace(message.workspace, read_only=read_only)
            self.exit()
        elif isinstance(message, CloseBallot):
            if self.ballot is not None:
                self.exit()
            else:
                navigator.navigate(self, OpenScreen(self._voted_from))
        elif isinstance(message, OpenBallot) and self.current_mode != "voting":
            self._voted_from = self.current_mode
            navigator.navigate(self, message)
        else:
            navigator.navigate(self, message)

    def action_screen(self, mode: str) -> None:
        navigator.navigate(self, OpenScreen(mode))

    def action_supervisor_log(self) -> None:
        navigator.navigate(self, OpenLog(None))

    def action_import_data(self) -> None:
        """Ask for the path of a file, check it, and confirm before anything changes."""
        from tui.screens.data.import_dialog import ImportScreen

        if actions.may_write(self) and not isinstance(self.screen, ImportScreen):
            self.push_screen(ImportScreen())

    def action_edit_config(self) -> None:
        """Open config.toml in the user's editor."""
        from tui.app.config import config_editing

        config_editing.edit(self, self._poller.held, partial(self.config_watch.look, asks=True))

    def action_command_palette(self) -> None:
        from tui.app.palette import Palette

        if not isinstance(self.screen, Palette):
            self.push_screen(Palette())

    def action_keys(self) -> None:
        from tui.dialogs.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.screen.dismiss()
        else:
            self.push_screen(HelpScreen(self.screen))

    def action_next_theme(self) -> None:
        self.theme = theme.other(self.theme)

    def action_start_all(self) -> None:
        actions.start_all(self)

    def action_report(self) -> None:
        from tui.app.requests import file_commands

        file_commands.report(self)

    def action_export_training_data(self) -> None:
        from tui.app.requests import file_commands

        file_commands.export_training_data(self)

    def action_publish(self) -> None:
        from tui.app.requests import file_commands

        file_commands.publish(self)

    def action_vote(self) -> None:
        from tui.app.requests import judging

        judging.vote(self)

    def action_validate_judge(self) -> None:
        from tui.app.requests import judging

        judging.validate_judge(self)

    def action_pause(self) -> None:
        actions.pause_or_resume(self)

    async def action_quit(self) -> None:
        """Close the app, and report the jobs that continue."""
        from tui.format.jobs import job_states

        self.exit(message=job_states.exit_message(self.snapshot))
